"""Authorization: a handler runs only if it declares a role and the user of the tab has it."""

import asyncio
import re
from urllib.parse import urlencode

import reflex as rx
from reflex.state import BaseState, StateUpdate
from reflex_base.event import Event
from reflex_base.registry import RegistrationContext

from platform_app.actor import Actor, ActorKind, set_actor
from platform_app.api.security import preferred_language, session_token
from platform_app.api.token_bucket import TokenBuckets
from platform_app.i18n import translate
from platform_app.models.person import Identity, Role
from platform_app.refusal_log import refusals
from platform_app.services.accounts import sessions
from platform_app.state.console import background_access, browser
from platform_app.state.console.base import ANYONE, BEFORE_ENROLLMENT_MARK, ROLE_MARK, CurrentUser
from platform_app.state.console.open_tabs import open_tabs
from platform_app.state.console.unsafe_text import TAG, has_tag

_TENANT = re.compile(r"^/manage/([^/?#]+)")
_FORBIDDEN = (".setvar", ".update_vars_internal")
_HYDRATE = (".hydrate", ".hydrate_and_load")
_REFLEX_HANDLERS = (
    *_HYDRATE,
    ".on_load_internal",
    ".set_is_hydrated",
)  # handlers of Reflex itself that a browser may call
_EVENTS_PER_SECOND = 60.0
_BURST = 240.0


def tenant_slug(path: str) -> str:
    """Return the tenant slug in a path, or ""."""
    match = _TENANT.match(path)
    return match[1] if match else ""


class AuthorizationMiddleware(rx.Middleware):
    """Middleware that looks up the session at every event, binds the tab's state to it and denies by default."""

    def __init__(self) -> None:
        self._buckets = TokenBuckets()

    async def preprocess(self, app: rx.App, state: BaseState, event: Event) -> StateUpdate | None:
        """Return None to let the event pass, or the update that is sent to the browser instead."""
        registered = RegistrationContext.get().event_handlers.get(event.name)
        if registered is None or event.name.endswith(_FORBIDDEN) or not self._within_rate_limit(state):
            return StateUpdate()
        source = state.router.session.client_ip
        if has_tag(event.router_data, is_address=True):
            refusals.record("event refused: its address holds a reserved text", source)
            return StateUpdate()
        token = session_token(state.router.headers.cookie)
        slug = tenant_slug(state.router.url.path)
        identity = await _identity(token, slug)
        user = await state.get_state(CurrentUser)
        if refused := self._bind(user, state, event, identity):
            return refused
        if has_tag(event.payload):
            refusals.record("event refused: it holds a reserved text", source, handler=event.name)
            return _reserved_text_update(identity)
        user._set_identity(identity, _view(identity, slug, token))
        fn = registered.handler.fn
        role = getattr(fn, ROLE_MARK, None)
        is_own = role is None and fn.__module__.split(".")[0] in ("reflex", "reflex_base")
        open_tabs.note(state.router.session.client_token, identity)
        background_access.set_caller(identity, token, user._binding or "")
        set_actor(_actor(identity, source))
        if role == ANYONE or (is_own and event.name.endswith(_REFLEX_HANDLERS)):
            return None
        if role is None or (identity is not None and not identity.role.includes(Role(role))):
            refusals.record("event refused", source, handler=event.name, known=identity is not None)
            return StateUpdate()
        if identity is not None and identity.must_enroll and not getattr(fn, BEFORE_ENROLLMENT_MARK, False):
            return StateUpdate(events=[browser.load_address(two_factor_address(state.router.url.path))])
        return None if identity is not None else await self._signed_out(state, token)

    def _bind(self, user: CurrentUser, state: BaseState, event: Event, identity: Identity | None) -> StateUpdate | None:
        """Bind the tab's state to a session in a tenant; an event of another session or tenant gets an empty state.

        Returns the update to send instead of running the event, or None.
        """
        key = f"{identity.session_id}:{identity.tenant_id}" if identity else ""
        if user._binding == key:
            return None
        if user._binding is not None and not event.name.endswith(_HYDRATE):
            user._set_identity(None, "loading")
            return StateUpdate(events=[browser.reload()])
        if user._binding is not None:
            state._get_root_state().reset()  # type: ignore[no-untyped-call]  # Reflex's method has no annotations
        if identity is None:
            user.language = _preferred_language(state)
        user._binding = key
        return None

    async def _signed_out(self, state: BaseState, token: str) -> StateUpdate:
        """Redirect to the sign-in page unless there is a session, whose user is then no member of the tenant."""
        if await _identity(token, ""):
            return StateUpdate()
        target = state.router.url.path
        return StateUpdate(events=[browser.load_address(f"/sign-in?{urlencode({'next': target})}")])

    def _within_rate_limit(self, state: BaseState) -> bool:
        """Count an event against the rate limit of the tab; return whether it is within it."""
        return self._buckets.get(state.router.session.client_token, _EVENTS_PER_SECOND, _BURST).take()


async def _identity(token: str, slug: str) -> Identity | None:
    """Return the identity of a session token in a tenant (any with slug ""), or None if there is none."""
    if not token:
        return None
    return await asyncio.to_thread(sessions.get_identity, token, slug or None, unenrolled=True)


def _actor(identity: Identity | None, address: str) -> Actor:
    if identity is None:
        return Actor(ActorKind.VISITOR, address=address)
    return Actor(ActorKind.MEMBER, identity.user_id, identity.name, address)


def _view(identity: Identity | None, slug: str, token: str) -> str:
    """Return what a page shows: its content, "not found", or nothing yet while the browser is led elsewhere."""
    if identity is not None:
        return "loading" if identity.must_enroll else "ok"
    return "ok" if not slug else "not_found" if token else "loading"


def two_factor_address(target: str) -> str:
    """Return the address of the page on which a second factor is set up, which leads on to the target path."""
    return f"/two-factor?{urlencode({'next': target})}"


def _reserved_text_update(identity: Identity | None) -> StateUpdate:
    """Return a toast about reserved text for a signed-in user, and an empty update otherwise."""
    if identity is None:
        return StateUpdate()
    sentence = translate(
        identity.language,
        "The text “{tag}” is reserved. Put a space after “<” and send it again.",
        tag=TAG,
    )
    return StateUpdate(events=[browser.toast_error(sentence)])


def _preferred_language(state: BaseState) -> str:
    cookie = re.search(r"(?:^|;\s*)language=(ru|en)\b", state.router.headers.cookie)
    if cookie:
        return cookie[1]
    return preferred_language(state.router.headers.accept_language)
