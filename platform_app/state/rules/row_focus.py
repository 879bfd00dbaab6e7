"""Row focus: the focus after a change of rows in the editors, which are drawn anew by it."""

from typing import Any

from platform_app.state.console.browser import call_function

_FIELDS = "[data-fields] :is(input, textarea, select, button):not(:disabled)"
_CONTROL = ":is(input, textarea, select, button):not(:disabled)"
_FAULTY_FIELD = f".field:has(.problem) {_CONTROL}"
_FAULTY_VALUE = f".condition-line:has(> .problem) .condition-value {_CONTROL}"
_MENU = "[data-menu] button"
_ANY = "button"
_FOCUS = """(row, ...wanted) => {
  const end = performance.now() + 3000;
  const look = () => {
    const place = document.querySelector(row);
    if (!place || document.querySelector('[role="menu"]')) {
      if (performance.now() < end) requestAnimationFrame(look);
      return;
    }
    wanted.map((one) => place.querySelector(one)).find(Boolean)?.focus();
  };
  look();
}"""


def focus_fields(area: str, drawn: int, place: str) -> Any:
    """Return the event that focuses the first field of a row, once the area is drawn for the time `drawn`."""
    return call_function(_FOCUS, _row(area, drawn, place), _FIELDS, _ANY)


def focus_faulty_field(area: str, drawn: int, place: str) -> Any:
    """Return the event that focuses the first field of a row that has a problem, or else its first field."""
    return call_function(_FOCUS, _row(area, drawn, place), _FAULTY_FIELD, _FIELDS, _ANY)


def focus_faulty_condition(area: str, drawn: int) -> Any:
    """Return the event that focuses the first condition that has a problem, or else the button that adds one."""
    return call_function(_FOCUS, _area(area, drawn), _FAULTY_VALUE, _FIELDS, _ANY)


def focus_menu(area: str, drawn: int, place: str) -> Any:
    """Return the event that focuses the menu of a row, once the area is drawn for the time `drawn`."""
    return call_function(_FOCUS, _row(area, drawn, place), _MENU, _ANY)


def _row(area: str, drawn: int, place: str) -> str:
    return f'{_area(area, drawn)} [data-row="{place}"]'


def _area(area: str, drawn: int) -> str:
    return f'[data-area="{area}"][data-drawn="{drawn}"]'
