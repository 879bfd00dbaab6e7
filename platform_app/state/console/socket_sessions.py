"""Tabs: the console's websockets, each bound to the session of its cookie, in what comes in and in what goes out.

Reflex knows a tab by a token that its browser chose, and sends what changes there to whoever presented it last.
"""

import asyncio
import re
import time
import uuid
from typing import Any
from urllib.parse import parse_qs

import reflex as rx
import structlog
from reflex.app import EventNamespace
from reflex.istate.manager.memory import StateManagerMemory
from reflex.istate.manager.token import BaseStateToken
from reflex_base.event.context import EventContext
from reflex_base.registry import RegistrationContext

from platform_app.api.security import session_token
from platform_app.api.sockets import HYDRATE_COST, SOURCE, Source
from platform_app.config import settings
from platform_app.refusal_log import refusals
from platform_app.state.console.unsafe_text import has_tag

log = structlog.get_logger()
_TOKEN = re.compile(r"[\w-]{1,64}", re.ASCII)
_HYDRATE = (".hydrate", ".hydrate_and_load")
_KEPT = 2 * 3600.0  # seconds for which a closed tab's session is known: longer than Reflex keeps its state
_SWEEP = 15.0  # seconds between two looks at closed tabs


class Tabs(EventNamespace):
    """Takes tabs in, binds each to its session, and refuses what Reflex must not be given."""

    def __init__(self, namespace: str, app: rx.App) -> None:
        super().__init__(namespace, app)
        self._owners: dict[str, str] = {}  # the session of each tab, by its token
        self._left: dict[str, tuple[float, bool]] = {}  # closed tabs: when, and whether nobody had signed in
        self._sources: dict[str, Source] = {}

    async def on_connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        """Let a tab in: one for each websocket, with a token of a plain form."""
        token = parse_qs(environ.get("QUERY_STRING", "")).get("token", [""])[0]
        data = self._build_static_router_data(sid, environ)
        source = environ.get("asgi.scope", {}).get(SOURCE) or Source("", "")
        if source.tab or not _TOKEN.fullmatch(token) or has_tag(data):
            refusals.record("tab refused", str(data.get("ip", "")))
            raise ConnectionRefusedError("refused")
        source.tab = sid
        self._static_router_data[sid], self._sources[sid] = data, source
        try:
            await super().on_connect(sid, environ, auth)
        except BaseException:
            self._forget_socket(sid)
            raise

    def on_disconnect(self, sid: str) -> Any:
        """Note when a tab was closed."""
        self._forget_socket(sid)
        return super().on_disconnect(sid)

    def _forget_socket(self, sid: str) -> None:
        source, token = self._sources.pop(sid, None), self.sid_to_token.get(sid)
        if source is not None:
            source.tab = ""
        self._static_router_data.pop(sid, None)
        if token is not None:
            self._left[token] = (time.monotonic(), source is None or not source.person)

    async def link_token_to_sid(self, sid: str, token: str, *, update_state: bool = True) -> None:
        """Give a websocket its tab; one that belongs to another session is not given: a new one is."""
        session = self._session(sid)
        if self._owners.get(token, session) != session:
            token = str(uuid.uuid4())
            await self.emit("new_token", token, to=sid)
        self._owners[token] = session
        await super().link_token_to_sid(sid, token, update_state=update_state)
        given = self.sid_to_token[sid]
        self._owners[given] = session
        self._left.pop(given, None)

    async def emit_update(self, update: Any, token: str) -> None:
        """Send what changed to a tab, unless it was made for another session than the tab's."""
        record = self._token_manager.token_to_socket.get(token)
        if record is None:
            return
        made_for = _session_of_event()
        if made_for is not None and made_for != self._session(record.sid):
            refusals.record("update withheld: the tab has another session", self._address(record.sid))
            return
        await super().emit_update(update, token)

    async def on_event(self, sid: str, data: Any) -> None:
        """Take an event of a tab; what is not one, or holds Reflex's own mark, is dropped."""
        source = self._sources.get(sid)
        if source is None:
            return
        if why := _refused(data, is_stranger=not source.person):
            refusals.record(f"event refused: {why}", self._address(sid))
            return
        if data["name"].endswith(_HYDRATE) and not await source.admit(HYDRATE_COST):
            return
        try:
            await super().on_event(sid, data)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            refusals.record("event refused: odd", self._address(sid), error=type(error).__name__)

    def _session(self, sid: str) -> str:
        return session_token(self._static_router_data.get(sid, {}).get("headers", {}).get("cookie", ""))

    def _address(self, sid: str) -> str:
        return str(self._static_router_data.get(sid, {}).get("ip", ""))

    async def sweep(self) -> None:
        """Forget closed tabs: soon where nobody had signed in, with all that was kept for them."""
        while True:
            await asyncio.sleep(_SWEEP)
            self.forget_left()

    def forget_left(self) -> None:
        """Forget the tabs that were closed long enough ago."""
        strangers, at = settings().anonymous_state_seconds, time.monotonic()
        for token, (left, is_stranger) in list(self._left.items()):
            if at - left < (strangers if is_stranger else _KEPT):
                continue
            if is_stranger and not self._drop_state(token):
                continue
            del self._left[token]
            self._owners.pop(token, None)

    def _drop_state(self, token: str) -> bool:
        """Drop what Reflex keeps of a tab; not while a handler is at work there."""
        manager = self.app.state_manager
        if not isinstance(manager, StateManagerMemory):
            return True  # kept elsewhere, and dropped there
        lock = manager._states_locks.get(token)
        if lock is not None and lock.locked():
            return False
        manager._purge_token(BaseStateToken(ident=token, cls=rx.State))
        return True


def _session_of_event() -> str | None:
    """Return the session whose event is being worked on; nothing outside of one."""
    try:
        headers = EventContext.get().router_data.get("headers")
    except LookupError:
        return None
    return None if headers is None else session_token(headers.get("cookie", ""))


def _refused(data: Any, *, is_stranger: bool) -> str:
    """Tell why an event is dropped before anything is made of it; what a person sent is answered by the gate."""
    if not isinstance(data, dict) or not isinstance(name := data.get("name"), str):
        return "no event"
    if name not in RegistrationContext.get().event_handlers:
        return "no such handler"
    router_data, payload = data.setdefault("router_data", {}), data.setdefault("payload", {})
    if not isinstance(router_data, dict) or not isinstance(payload, dict):
        return "no event"
    if has_tag(router_data, is_address=True) or (is_stranger and has_tag(payload)):
        return "it holds a reserved text"
    return ""


def install(app: rx.App) -> None:
    """Let the tabs of an app be taken in here instead of by Reflex's own namespace."""
    if app.sio is None or app.event_namespace is None:
        return
    tabs = Tabs(app.event_namespace.namespace, app)
    app._event_namespace = tabs
    app.sio.register_namespace(tabs)
    app.register_lifespan_task(tabs.sweep)
