"""Browser: events that a handler returns for the browser, with every value passed as data.

Reflex's own factories (`rx.redirect`, `rx.toast`, `rx.call_script`, a handler called with arguments) parse their text
for `<reflex.Var>…</reflex.Var>` and loop for ever on a tag that they did not write. The events here are built without
them.
"""

import inspect
import json
from typing import Any
from urllib.parse import quote

from reflex_base.event import Event, EventHandler
from reflex_base.utils.format import format_event_handler

_PATH_SAFE = "/?&=%+:,;@!$'()*~#-._"  # of an address that is encoded already, or was typed by hand
_LONG = 60_000  # milliseconds for which an error is shown
_RELOAD = "() => window.location.reload()"
_ASSIGN = "(address) => window.location.assign(address)"
_SET_LANGUAGE = "(language) => { document.documentElement.lang = language; }"
_FOCUS = "(id) => document.getElementById(id)?.focus()"
_SUCCESS = "(text) => refs['__toast']?.success(text)"
_ERROR_OF_PAGE = (
    "(english, russian, options) => "
    "refs['__toast']?.error(document.documentElement.lang === 'ru' ? russian : english, options)"
)
_ERROR = "(text, options) => refs['__toast']?.error(text, options)"


def call_function(function: str, *arguments: Any) -> Event:
    """Return the event that calls a JavaScript function with JSON arguments. `function` is constant source text."""
    given = ", ".join(_json(one) for one in arguments)
    return Event(name="_call_function", payload={"function": f"() => ({function})({given})", "callback": None})


def _json(value: Any) -> str:
    """Return a value as JSON that is also valid JavaScript and contains no tag of any kind."""
    text = json.dumps(value, ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def redirect(path: str, *, replace: bool = False) -> Event:
    """Return the event that navigates to a page of the console. Anything but a path of this host becomes "/"."""
    own = path.startswith("/") and not path.startswith(("//", "/\\"))
    payload = {"path": quote(path, safe=_PATH_SAFE) if own else "/", "external": False, "popup": False}
    return Event(name="_redirect", payload=payload | {"replace": replace})


def load_address(address: str) -> Event:
    """Return the event that loads an address of this host as a new document."""
    return call_function(_ASSIGN, address)


def reload() -> Event:
    """Return the event that reloads the page."""
    return call_function(_RELOAD)


def toast_success(text: str) -> Event:
    """Return the event that shows a polite toast."""
    return call_function(_SUCCESS, text)


def toast_error(text: str) -> Event:
    """Return the event that shows an error in a toast that stays until it is closed."""
    return call_function(_ERROR, text, {"duration": _LONG, "closeButton": True})


def toast_error_in_page_language(english: str, russian: str) -> Event:
    """Return the event that shows an error in the language of the document, where the person is not known."""
    return call_function(_ERROR_OF_PAGE, english, russian, {"duration": _LONG, "closeButton": True})


def focus(field: str) -> Event:
    """Return the event that focuses the element with this id, if the page has it."""
    return call_function(_FOCUS, field)


def set_language(language: str) -> Event:
    """Return the event that sets the document's language."""
    return call_function(_SET_LANGUAGE, language)


def call_handler(handler: Any, *arguments: Any) -> Event:
    """Return the event that calls another handler, `SomeState.name`, with positional arguments."""
    assert isinstance(handler, EventHandler)
    names = [name for name in inspect.signature(handler.fn).parameters if name != "self"]
    return Event(name=format_event_handler(handler), payload=dict(zip(names, arguments, strict=True)))
