"""Frame: the sidebar of every page: language, theme, collapsing, sign-out, state of the worker."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.clock import now, offset
from platform_app.db import session_scope
from platform_app.errors import Invalid
from platform_app.i18n import LANGUAGES, exact_time
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import accounts, availability, members
from platform_app.services.jobs import job_list
from platform_app.state.console import browser
from platform_app.state.console.base import ANYONE, call, current_identity, current_user, handler, success_toast

_STORE_LANGUAGE = """(language) => {
  document.cookie = `language=${language};path=/;max-age=31536000;samesite=lax`;
}"""
_SIGN_OUT = """() => {
  const form = document.createElement('form');
  form.method = 'post';
  form.action = '/auth/sign-out';
  document.body.appendChild(form);
  form.submit();
}"""


def _no_events(path: str) -> list[Any]:
    return []


load_events: Callable[[str], list[Any]] = _no_events  # set by the app: the on_load events of a path


@dataclass
class TenantLink:
    """Another tenant of the user: its name and the address of its dashboard."""

    name: str
    address: str


class FrameState(rx.State):
    """The frame around every page."""

    sidebar_collapsed: bool = False
    worker_ok: bool = True
    tenants: list[TenantLink] = []  # other tenants of the user
    clock: str = ""  # the moved time; "" while the clock is real
    is_away: bool = False  # the user said so

    @handler(Role.VIEWER)
    async def toggle_sidebar(self) -> None:
        """Collapse the sidebar or expand it."""
        self.sidebar_collapsed = not self.sidebar_collapsed

    @handler(ANYONE)
    async def change_language(self, language: str) -> Any:
        """Switch the language of every text and store it with the user and in a cookie.

        Raises Invalid for an unknown language.
        """
        if language not in LANGUAGES:
            raise Invalid("This value isn’t allowed.")
        shown = await current_user(self)
        shown.language = language
        identity = shown._identity
        if identity is not None:

            def save() -> None:
                with session_scope(reason="language of a person") as session:
                    accounts.set_language(session, identity.user_id, language)

            await asyncio.to_thread(save)
        store_cookie = browser.call_function(_STORE_LANGUAGE, language)
        return [browser.set_language(language), store_cookie, *load_events(self.router.url.path)]

    @handler(Role.VIEWER)
    async def change_theme(self, theme: str) -> None:
        """Store the theme with the user. Raises Invalid for an unknown theme."""
        if theme not in ("light", "dark", "system"):
            raise Invalid("This value isn’t allowed.")
        identity = await current_identity(self)

        def save() -> None:
            with session_scope(reason="theme of a person") as session:
                accounts.set_theme(session, identity.user_id, theme)

        await asyncio.to_thread(save)
        (await current_user(self)).theme = theme

    @handler(Role.VIEWER)
    async def set_away(self, away: bool) -> Any:
        """Store that the user is away, or online again."""
        await call(self, availability.set_away, away)
        self.is_away = away
        sentence = "You’re away. Conversations aren’t assigned to you automatically." if away else "You’re online."
        return await success_toast(self, sentence)

    @handler(Role.VIEWER, before_enrollment=True)
    async def sign_out(self) -> Any:
        """Post to the sign-out route, which ends the session."""
        return browser.call_function(_SIGN_OUT)

    @handler(ANYONE)
    async def load_not_found(self) -> Any:
        """Load the page for addresses without a page: inside the frame if the user is signed in."""
        shown = await current_user(self)
        shown.view = "ok"
        if shown._identity is not None:
            return FrameState.load
        return browser.set_language(shown.language)

    @handler(Role.VIEWER)
    async def load(self) -> Any:
        """Read the state of the worker and the user's tenants, and set the document's language."""
        shown = await current_user(self)
        shown.not_found = False
        identity = shown._identity
        if identity is None:
            return None

        def read() -> tuple[bool, bool, list[TenantLink]]:
            with session_scope(identity.tenant_id, read_only=True) as session:
                is_ok = bool(job_list.worker_status(session, identity).is_healthy)
                is_away = availability.get_own(session, identity).is_away
            with session_scope(reason="tenants of a person", read_only=True) as session:
                found = members.list_tenants(session, identity.user_id)
            return (
                is_ok,
                is_away,
                [TenantLink(t.name, f"/manage/{t.slug}") for t, _ in found if t.id != identity.tenant_id],
            )

        self.worker_ok, self.is_away, self.tenants = await asyncio.to_thread(read)
        self.clock = exact_time(shown.language, now(), identity.time_zone) if offset() else ""
        return browser.set_language(shown.language)


def _other_tenants(who: Identity) -> list[TenantLink]:
    with session_scope(reason="tenants of a person", read_only=True) as session:
        found = members.list_tenants(session, who.user_id)
    return [TenantLink(one.name, f"/manage/{one.slug}") for one, _ in found if one.id != who.tenant_id]
