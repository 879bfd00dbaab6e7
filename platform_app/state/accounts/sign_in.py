"""Sign-in: sign-in with its second step, and registration, which end at the route that sets the session cookie."""

import asyncio
from typing import Any

import reflex as rx

from platform_app.api.security import session_token
from platform_app.db import session_scope
from platform_app.errors import Forbidden, PlatformError
from platform_app.i18n import plural
from platform_app.services.accounts import accounts, invitations, members, sessions, two_factor
from platform_app.state.accounts.entry import Entry
from platform_app.state.console import browser
from platform_app.state.console.base import ANYONE, current_user, handler


class SignInState(Entry, rx.State):
    """The forms for sign-in and registration. Tickets are backend variables: the browser is sent one to redeem."""

    step: str = ""  # "code": the password was right; "recovery": a recovery code was used
    recovery_left: str = ""
    _challenge: str = ""
    _ticket: str = ""

    @handler(ANYONE)
    async def load(self) -> Any:
        """Clear the forms and set the document's language."""
        self.step = self._challenge = self._ticket = ""
        return await self._reset_form()

    @handler(ANYONE)
    async def sign_in(self, form: dict[str, Any]) -> Any:
        """Check e-mail and password, then claim the session cookie or ask for the code of the second factor."""
        address, target = self.router.session.client_ip, self._target()
        email, password = str(form.get("email", ""))[:300], str(form.get("password", ""))[:1000]
        challenge = ""

        def check() -> tuple[str, str]:
            nonlocal challenge
            user = accounts.authenticate(email, password, address)
            with session_scope(reason="sign-in") as session:
                if target != invitations.PAGE and not members.list_tenants(session, user.id):
                    raise Forbidden("You don’t have access to any company. Ask your admin for an invitation.")
                challenge = two_factor.issue_challenge(session, user.id)
                return "" if challenge else sessions.issue_ticket(session, user.id), target

        async for event in self._claim_session(check):
            yield event
        if challenge:
            self.step, self._challenge, self.busy = "code", challenge, False
            yield browser.focus("code")

    @handler(ANYONE)
    async def enter_code(self, form: dict[str, Any]) -> Any:
        """Check the code of the second factor, then claim the session cookie."""
        address, target = self.router.session.client_ip, self._target()
        code, challenge = str(form.get("code", ""))[:100], self._challenge
        self.busy, self.problem, self.problem_field = True, "", ""
        yield
        try:
            ticket, left = await asyncio.to_thread(two_factor.redeem_challenge, challenge, code, address)
        except PlatformError as error:
            yield await self._show_error(error)
            return
        self._challenge = ""
        if left is None:
            yield self._claim(ticket, target)
            return
        words = plural((await current_user(self)).language, "{count} is left.", "{count} are left.", left)
        self.step, self._ticket, self.recovery_left, self.busy = "recovery", ticket, words, False
        yield browser.focus("continue")

    @handler(ANYONE)
    async def continue_sign_in(self) -> Any:
        """Claim the session cookie after a recovery code was used."""
        if not self._ticket:
            return None
        ticket, self._ticket = self._ticket, ""
        return self._claim(ticket, self._target())

    @handler(ANYONE)
    async def register(self, form: dict[str, Any]) -> Any:
        """Create a tenant with its owner, then claim the session cookie."""
        language, address = (await current_user(self)).language, self.router.session.client_ip
        target = self._target()

        def create() -> tuple[str, str]:
            with session_scope(reason="registration") as session:
                user, _tenant = accounts.register(
                    session,
                    email=str(form.get("email", ""))[:300],
                    name=str(form.get("name", ""))[:200],
                    password=str(form.get("password", ""))[:1000],
                    tenant_name=str(form.get("tenant", ""))[:200],
                    language=language,
                    time_zone=str(form.get("time_zone", ""))[:64] or "Europe/Moscow",
                    address=address,
                )
                session.flush()
                return sessions.issue_ticket(session, user.id), target

        async for event in self._claim_session(create):
            yield event

    def _target(self) -> str:
        """Return the path that the query names as the next one."""
        return str(self.router.url.query_parameters.get("next", "/"))


class HomeState(rx.State):
    """The address "/": redirects to the user's tenant or to the sign-in page."""

    @handler(ANYONE)
    async def load(self) -> Any:
        """Redirect to the user's tenant or to the sign-in page."""
        token = session_token(self.router.headers.cookie)
        identity = await asyncio.to_thread(sessions.get_identity, token, None, unenrolled=True) if token else None
        return browser.redirect(f"/manage/{identity.slug}" if identity else "/sign-in", replace=True)


__all__ = ["HomeState", "SignInState"]
