"""Socket sessions: the console's websockets, each bound to the session of its cookie in both directions.

Reflex identifies a tab by a token that the browser generates, and sends state changes to the socket that presented
the token last. Here a token belongs to the session that used it first.
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
from platform_app.api.websocket_limits import CLIENT_KEY, HYDRATE_COST, WebSocketClient
from platform_app.config import settings
from platform_app.refusal_log import refusals
from platform_app.state.console.unsafe_text import has_tag

log = structlog.get_logger()
_TOKEN = re.compile(r"[\w-]{1,64}", re.ASCII)
_HYDRATE = (".hydrate", ".hydrate_and_load")
_OWNER_SECONDS = 2 * 3600.0  # for which a closed tab's session is remembered: longer than Reflex keeps its state
_SWEEP_SECONDS = 15.0  # between two sweeps of closed tabs


class SessionNamespace(EventNamespace):
    """The Socket.IO namespace of the console: binds tabs to sessions and drops events that Reflex must not process."""

    def __init__(self, namespace: str, app: rx.App) -> None:
        super().__init__(namespace, app)
        self._owners: dict[str, str] = {}  # the session of each tab, by its token
        self._closed: dict[str, tuple[float, bool]] = {}  # closed tabs: time, and whether they were anonymous
        self._clients: dict[str, WebSocketClient] = {}

    async def on_connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        """Accept one tab per websocket, with a well-formed token. Raises ConnectionRefusedError otherwise."""
        token = parse_qs(environ.get("QUERY_STRING", "")).get("token", [""])[0]
        data = self._build_static_router_data(sid, environ)
        client = environ.get("asgi.scope", {}).get(CLIENT_KEY) or WebSocketClient("", "")
        if client.tab or not _TOKEN.fullmatch(token) or has_tag(data):
            refusals.record("tab refused", str(data.get("ip", "")))
            raise ConnectionRefusedError("refused")
        client.tab = sid
        self._static_router_data[sid], self._clients[sid] = data, client
        try:
            await super().on_connect(sid, environ, auth)
        except BaseException:
            self._forget_socket(sid)
            raise

    def on_disconnect(self, sid: str) -> Any:
        """Record when a tab was closed."""
        self._forget_socket(sid)
        return super().on_disconnect(sid)

    def _forget_socket(self, sid: str) -> None:
        client, token = self._clients.pop(sid, None), self.sid_to_token.get(sid)
        if client is not None:
            client.tab = ""
        self._static_router_data.pop(sid, None)
        if token is not None:
            self._closed[token] = (time.monotonic(), client is None or not client.user_id)

    async def link_token_to_sid(self, sid: str, token: str, *, update_state: bool = True) -> None:
        """Link a token to a websocket; a token that belongs to another session is replaced by a new one."""
        session = self._session(sid)
        if self._owners.get(token, session) != session:
            token = str(uuid.uuid4())
            await self.emit("new_token", token, to=sid)
        self._owners[token] = session
        await super().link_token_to_sid(sid, token, update_state=update_state)
        given = self.sid_to_token[sid]
        self._owners[given] = session
        self._closed.pop(given, None)

    async def emit_update(self, update: Any, token: str) -> None:
        """Send a state update to a tab, unless it was computed for another session than the tab's."""
        record = self._token_manager.token_to_socket.get(token)
        if record is None:
            return
        made_for = _session_of_event()
        if made_for is not None and made_for != self._session(record.sid):
            refusals.record("update withheld: the tab has another session", self._address(record.sid))
            return
        await super().emit_update(update, token)

    async def on_event(self, sid: str, data: Any) -> None:
        """Process an event of a tab; a malformed event or one with reserved text is dropped."""
        client = self._clients.get(sid)
        if client is None:
            return
        if reason := _drop_reason(data, is_anonymous=not client.user_id):
            refusals.record(f"event refused: {reason}", self._address(sid))
            return
        if data["name"].endswith(_HYDRATE) and not await client.admit(HYDRATE_COST):
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
        """Forget closed tabs at intervals; of anonymous tabs the state is dropped too."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self.forget_closed_tabs()

    def forget_closed_tabs(self) -> None:
        """Forget the tabs whose retention time after closing is over."""
        anonymous_seconds, at = settings().anonymous_state_seconds, time.monotonic()
        for token, (closed_at, is_anonymous) in list(self._closed.items()):
            if at - closed_at < (anonymous_seconds if is_anonymous else _OWNER_SECONDS):
                continue
            if is_anonymous and not self._drop_state(token):
                continue
            del self._closed[token]
            self._owners.pop(token, None)

    def _drop_state(self, token: str) -> bool:
        """Drop the state of a tab; return False if a handler holds its lock."""
        manager = self.app.state_manager
        if not isinstance(manager, StateManagerMemory):
            return True  # another state manager expires states itself
        lock = manager._states_locks.get(token)
        if lock is not None and lock.locked():
            return False
        manager._purge_token(BaseStateToken(ident=token, cls=rx.State))
        return True


def _session_of_event() -> str | None:
    """Return the session token of the event being processed ("" if anonymous), or None outside an event."""
    try:
        headers = EventContext.get().router_data.get("headers")
    except LookupError:
        return None
    return None if headers is None else session_token(headers.get("cookie", ""))


def _drop_reason(data: Any, *, is_anonymous: bool) -> str:
    """Return why an event is dropped, or "".

    Reserved text of a signed-in user is left to the authorization middleware, which explains it.
    """
    if not isinstance(data, dict) or not isinstance(name := data.get("name"), str):
        return "no event"
    if name not in RegistrationContext.get().event_handlers:
        return "no such handler"
    router_data, payload = data.setdefault("router_data", {}), data.setdefault("payload", {})
    if not isinstance(router_data, dict) or not isinstance(payload, dict):
        return "no event"
    if has_tag(router_data, is_address=True) or (is_anonymous and has_tag(payload)):
        return "it holds a reserved text"
    return ""


def install(app: rx.App) -> None:
    """Replace Reflex's event namespace of an app by SessionNamespace."""
    if app.sio is None or app.event_namespace is None:
        return
    namespace = SessionNamespace(app.event_namespace.namespace, app)
    app._event_namespace = namespace
    app.sio.register_namespace(namespace)
    app.register_lifespan_task(namespace.sweep)
