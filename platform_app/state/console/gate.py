"""Gate: nothing of a state runs unless its handler declares a role and the person at the tab has it."""

import asyncio
import re
from urllib.parse import urlencode

import reflex as rx
from reflex.state import BaseState, StateUpdate
from reflex_base.event import Event
from reflex_base.registry import RegistrationContext

from platform_app.api.security import session_token, wished_language
from platform_app.api.token_bucket import TokenBuckets
from platform_app.i18n import translate
from platform_app.models.person import Identity, Role
from platform_app.refusal_log import refusals
from platform_app.services.accounts import sessions
from platform_app.state.console import background_access, browser
from platform_app.state.console.base import ANYONE, ROLE, Person
from platform_app.state.console.unsafe_text import TAG, has_tag

_TENANT = re.compile(r"^/manage/([^/?#]+)")
_NEVER = (".setvar", ".update_vars_internal")
_HYDRATE = (".hydrate", ".hydrate_and_load")
_OF_REFLEX = (
    *_HYDRATE,
    ".on_load_internal",
    ".set_is_hydrated",
)  # what a browser may ask of the library
_EVENTS_PER_SECOND = 60.0
_BURST = 240.0


def tenant_slug(path: str) -> str:
    """Return the tenant that an address names, or nothing."""
    match = _TENANT.match(path)
    return match[1] if match else ""


class Gate(rx.Middleware):
    """Looks the session up at every event, binds the tab's state to it, and refuses by default."""

    def __init__(self) -> None:
        self._buckets = TokenBuckets()

    async def preprocess(self, app: rx.App, state: BaseState, event: Event) -> StateUpdate | None:
        """Return nothing to let the event pass, else what the browser does instead."""
        registered = RegistrationContext.get().event_handlers.get(event.name)
        if registered is None or event.name.endswith(_NEVER) or not self._has_room(state):
            return StateUpdate()
        source = state.router.session.client_ip
        if has_tag(event.router_data, is_address=True):
            refusals.record("event refused: its address holds a reserved text", source)
            return StateUpdate()
        token = session_token(state.router.headers.cookie)
        slug = tenant_slug(state.router.url.path)
        identity = await _identity(token, slug)
        person = await state.get_state(Person)
        if refused := self._bind(person, state, event, identity):
            return refused
        if has_tag(event.payload):
            refusals.record("event refused: it holds a reserved text", source, handler=event.name)
            return _said_reserved(identity)
        person._take(identity, "ok" if identity or not slug else "not_found" if token else "loading")
        fn = registered.handler.fn
        role = getattr(fn, ROLE, None)
        is_own = role is None and fn.__module__.split(".")[0] in ("reflex", "reflex_base")
        background_access.note(identity, token, person._bound or "")
        if role == ANYONE or (is_own and event.name.endswith(_OF_REFLEX)):
            return None
        if role is None or (identity is not None and not identity.role.includes(Role(role))):
            refusals.record("event refused", source, handler=event.name, known=identity is not None)
            return StateUpdate()
        return None if identity is not None else await self._signed_out(state, token)

    def _bind(self, person: Person, state: BaseState, event: Event, identity: Identity | None) -> StateUpdate | None:
        """Hold the tab's state to one session in one tenant: whoever comes with another gets an empty state."""
        key = f"{identity.session_id}:{identity.tenant_id}" if identity else ""
        if person._bound == key:
            return None
        if person._bound is not None and not event.name.endswith(_HYDRATE):
            person._take(None, "loading")
            return StateUpdate(events=[browser.reload()])
        if person._bound is not None:
            state._get_root_state().reset()  # type: ignore[no-untyped-call]  # Reflex's method has no annotations
        if identity is None:
            person.language = _preferred_language(state)
        person._bound = key
        return None

    async def _signed_out(self, state: BaseState, token: str) -> StateUpdate:
        """Send a person without a session to the sign-in page; a foreign tenant is simply not found."""
        if await _identity(token, ""):
            return StateUpdate()
        target = state.router.url.path
        return StateUpdate(events=[browser.go(f"/sign-in?{urlencode({'next': target})}")])

    def _has_room(self, state: BaseState) -> bool:
        """Count the tab's events against its allowance."""
        return self._buckets.get(state.router.session.client_token, _EVENTS_PER_SECOND, _BURST).take()


async def _identity(token: str, slug: str) -> Identity | None:
    """Return who holds a session token in the tenant of a slug, or in none; None without a session."""
    return await asyncio.to_thread(sessions.get_identity, token, slug or None) if token else None


def _said_reserved(identity: Identity | None) -> StateUpdate:
    """Tell a person that their text cannot be taken; nothing is said to strangers."""
    if identity is None:
        return StateUpdate()
    sentence = translate(
        identity.language,
        "The console reserves the text “{tag}” for itself. Put a space after its “<”, then send it again.",
        tag=TAG,
    )
    return StateUpdate(events=[browser.failure(sentence)])


def _preferred_language(state: BaseState) -> str:
    cookie = re.search(r"(?:^|;\s*)language=(ru|en)\b", state.router.headers.cookie)
    if cookie:
        return cookie[1]
    return wished_language(state.router.headers.accept_language)
