"""Invitation: state of the page on which a person accepts an invitation."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import reflex as rx

from platform_app.api.security import session_token
from platform_app.db import session_scope
from platform_app.errors import Forbidden, PlatformError
from platform_app.i18n import translate
from platform_app.services.accounts import invitation_acceptance, sessions
from platform_app.services.accounts.invitation_acceptance import Offer
from platform_app.state.accounts.entry import Entry, check_unchanged
from platform_app.state.console import browser
from platform_app.state.console.base import ANYONE, current_user, handler

R = TypeVar("R")


class InvitationState(Entry, rx.State):
    """The invitation page. The token is a backend variable: the browser is never sent it."""

    view: str = "loading"  # register, sign_in, join, other_person, refused
    tenant_name: str = ""
    role: str = ""
    email: str = ""
    inviter: str = ""
    signed_in_as: str = ""
    refusal: str = ""
    _link: str = ""

    @handler(ANYONE)
    async def load(self) -> Any:
        """Reset the page; the browser sends the token next."""
        self.view, self._link = "loading", ""
        return await self._reset_form()

    @handler(ANYONE)
    async def open_link(self, link: str) -> None:
        """Look up the token and show the view for this browser's user. Raises nothing: a refusal is shown."""
        self._link = link[:200]
        try:
            check_unchanged(self.router.url.query_parameters)
            offer = await asyncio.to_thread(invitation_acceptance.find_offer, self._link)
        except PlatformError as error:
            self.view, self.refusal = "refused", await self._words(error)
            return
        await self._show(offer)

    @handler(ANYONE)
    async def register(self, form: dict[str, Any]) -> Any:
        """Create the account of the invited person, add them to the tenant and claim a session."""
        link, language = self._link, (await current_user(self)).language
        token = session_token(self.router.headers.cookie)
        name, password = str(form.get("name", ""))[:200], str(form.get("password", ""))[:1000]

        def create() -> tuple[str, str]:
            if token and sessions.get_user(token) is not None:
                raise Forbidden("Sign out first: this invitation is for someone else.")
            user, offer = invitation_acceptance.register(link, name=name, password=password, language=language)
            with session_scope(reason="registration") as session:
                return sessions.issue_ticket(session, user.id), f"/manage/{offer.slug}"

        async for event in self._claim_session(create):
            yield event

    @handler(ANYONE)
    async def join(self) -> Any:
        """Add the signed-in user to the tenant if the invitation is for their address."""
        self.problem = self.problem_field = ""
        try:
            offer = await self._as_signed_in(lambda user_id: invitation_acceptance.join(self._link, user_id))
        except PlatformError as error:
            return await self._show_error(error)
        return browser.load_address(f"/manage/{offer.slug}")

    async def _as_signed_in(self, work: Callable[[str], R]) -> R:
        token = session_token(self.router.headers.cookie)
        user = await asyncio.to_thread(sessions.get_user, token) if token else None
        if user is None:
            raise Forbidden("Sign in to continue.")
        user_id = user.id
        return await asyncio.to_thread(lambda: work(user_id))

    async def _show(self, offer: Offer) -> None:
        self.tenant_name, self.role, self.email = offer.tenant_name, offer.role.value, offer.email
        self.inviter = offer.inviter_name
        token = session_token(self.router.headers.cookie)
        user = await asyncio.to_thread(sessions.get_user, token) if token else None
        self.signed_in_as = user.email if user else ""
        if user is not None:
            self.view = "join" if user.email == offer.email else "other_person"
        else:
            self.view = "sign_in" if offer.has_account else "register"

    async def _words(self, error: PlatformError) -> str:
        return translate((await current_user(self)).language, error.sentence, **error.values)
