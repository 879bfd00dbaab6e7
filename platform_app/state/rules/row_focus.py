"""Row focus: the focus after a change of rows in the editors, which are drawn anew by it."""

from typing import Any

from platform_app.state.console.browser import call_function

_FIELDS = "[data-fields] :is(input, textarea, select, button):not(:disabled)"
_MENU = "[data-menu] button"
_FOCUS = """(row, wanted) => {
  const end = performance.now() + 3000;
  const look = () => {
    const place = document.querySelector(row);
    if (!place || document.querySelector('[role="menu"]')) {
      if (performance.now() < end) requestAnimationFrame(look);
      return;
    }
    (place.querySelector(wanted) || place.querySelector('button'))?.focus();
  };
  look();
}"""


def focus_fields(area: str, drawn: int, place: str) -> Any:
    """Return the event that focuses the first field of a row, once the area is drawn for the time `drawn`."""
    return call_function(_FOCUS, _row(area, drawn, place), _FIELDS)


def focus_menu(area: str, drawn: int, place: str) -> Any:
    """Return the event that focuses the menu of a row, once the area is drawn for the time `drawn`."""
    return call_function(_FOCUS, _row(area, drawn, place), _MENU)


def _row(area: str, drawn: int, place: str) -> str:
    return f'[data-area="{area}"][data-drawn="{drawn}"] [data-row="{place}"]'
