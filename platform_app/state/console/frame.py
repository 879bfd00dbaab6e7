"""Frame: what the sidebar does: language, theme, folding, sign-out, the worker's dot."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.clock import now, offset
from platform_app.db import session_scope
from platform_app.errors import Invalid
from platform_app.i18n import LANGUAGES, exact_time
from platform_app.models.person import Role
from platform_app.services.accounts import accounts, members
from platform_app.services.jobs import job_list
from platform_app.state.console import browser
from platform_app.state.console.base import ANYONE, handler, person, who

_KEEP_LANGUAGE = """(language) => {
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


load_events: Callable[[str], list[Any]] = _no_events  # the app puts its own in: what a page does when it loads


@dataclass
class Choice:
    """A place to go, by name and address."""

    name: str
    address: str


class FrameState(rx.State):
    """What stands around every page."""

    folded: bool = False
    worker_ok: bool = True
    tenants: list[Choice] = []  # where else the person may work
    clock: str = ""  # what the moved clock shows; empty: the real time

    @handler(Role.VIEWER)
    async def fold(self) -> None:
        """Fold the navigation or unfold it."""
        self.folded = not self.folded

    @handler(ANYONE)
    async def choose_language(self, language: str) -> Any:
        """Switch every text at once, and keep the choice with the person."""
        if language not in LANGUAGES:
            raise Invalid("This value cannot be taken.")
        shown = await person(self)
        shown.language = language
        identity = shown._identity
        if identity is not None:

            def keep() -> None:
                with session_scope(reason="language of a person") as session:
                    accounts.set_language(session, identity.user_id, language)

            await asyncio.to_thread(keep)
        keep_cookie = browser.call(_KEEP_LANGUAGE, language)
        return [browser.set_language(language), keep_cookie, *load_events(self.router.url.path)]

    @handler(Role.VIEWER)
    async def choose_theme(self, theme: str) -> None:
        """Keep the theme with the person."""
        if theme not in ("light", "dark", "system"):
            raise Invalid("This value cannot be taken.")
        identity = await who(self)

        def keep() -> None:
            with session_scope(reason="theme of a person") as session:
                accounts.set_theme(session, identity.user_id, theme)

        await asyncio.to_thread(keep)
        (await person(self)).theme = theme

    @handler(Role.VIEWER)
    async def sign_out(self) -> Any:
        """End the session at the server and leave."""
        return browser.call(_SIGN_OUT)

    @handler(ANYONE)
    async def load_missing(self) -> Any:
        """Say that there is nothing at an address: in the frame to those who have signed in."""
        shown = await person(self)
        shown.view = "ok"
        if shown._identity is not None:
            return FrameState.load
        return browser.set_language(shown.language)

    @handler(Role.VIEWER)
    async def load(self) -> Any:
        """Fetch the worker's state and tell the browser the page's language."""
        shown = await person(self)
        shown.missing = False
        identity = shown._identity
        if identity is None:
            return None

        def read() -> tuple[bool, list[Choice]]:
            with session_scope(identity.tenant_id, read_only=True) as session:
                is_ok = bool(job_list.worker_card(session, identity).ok)
            with session_scope(reason="tenants of a person", read_only=True) as session:
                found = members.list_tenants(session, identity.user_id)
            return is_ok, [Choice(t.name, f"/manage/{t.slug}") for t, _ in found if t.id != identity.tenant_id]

        self.worker_ok, self.tenants = await asyncio.to_thread(read)
        self.clock = exact_time(shown.language, now(), identity.time_zone) if offset() else ""
        return browser.set_language(shown.language)
