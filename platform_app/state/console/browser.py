"""Browser: what a handler asks the browser to do, with every value passed as data.

Reflex's own makers (`rx.redirect`, `rx.toast`, `rx.call_script`, a handler called with arguments) read their text for
`<reflex.Var>…</reflex.Var>` and loop for ever on a tag that they did not write. The events here are made without them.
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
_ERROR = "(text, options) => refs['__toast']?.error(text, options)"


def call(function: str, *arguments: Any) -> Event:
    """Return the event that calls a JavaScript function, the source text of a constant, with JSON arguments."""
    given = ", ".join(_json(one) for one in arguments)
    return Event(name="_call_function", payload={"function": f"() => ({function})({given})", "callback": None})


def _json(value: Any) -> str:
    """Return a value as JSON that is also JavaScript and holds no tag of any kind."""
    text = json.dumps(value, ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def redirect(path: str, *, replace: bool = False) -> Event:
    """Return the event that opens a page of the console; anything but a path of this host becomes the first page."""
    own = path.startswith("/") and not path.startswith(("//", "/\\"))
    payload = {"path": quote(path, safe=_PATH_SAFE) if own else "/", "external": False, "popup": False}
    return Event(name="_redirect", payload=payload | {"replace": replace})


def go(address: str) -> Event:
    """Return the event that loads an address of this host anew, outside the console's own navigation."""
    return call(_ASSIGN, address)


def reload() -> Event:
    """Return the event that loads the page anew."""
    return call(_RELOAD)


def success(text: str) -> Event:
    """Return a polite toast."""
    return call(_SUCCESS, text)


def failure(text: str) -> Event:
    """Return a toast about an error; it stays until it is closed."""
    return call(_ERROR, text, {"duration": _LONG, "closeButton": True})


def focus(field: str) -> Event:
    """Return the event that puts the focus into the field of this id, where the page shows it."""
    return call(_FOCUS, field)


def set_language(language: str) -> Event:
    """Return the event that tells the browser the page's language."""
    return call(_SET_LANGUAGE, language)


def chain(handler: Any, *arguments: Any) -> Event:
    """Return the event that runs another handler, `SomeState.name`, with arguments."""
    assert isinstance(handler, EventHandler)
    names = [name for name in inspect.signature(handler.fn).parameters if name != "self"]
    return Event(name=format_event_handler(handler), payload=dict(zip(names, arguments, strict=True)))
