"""Sign-in: sign-in and registration, which end at the route that sets the session cookie."""

import asyncio
from typing import Any

import reflex as rx

from platform_app.api.security import session_token
from platform_app.db import session_scope
from platform_app.errors import PlatformError
from platform_app.i18n import translate
from platform_app.services.accounts import accounts, passwords, sessions
from platform_app.state.console import browser
from platform_app.state.console.base import ANYONE, current_user, handler

_CLAIM = """(ticket, next) => window.location.assign(
  '/auth/claim?ticket=' + encodeURIComponent(ticket) + '&next=' + encodeURIComponent(next))"""


class SignInState(rx.State):
    """The forms for sign-in and registration."""

    busy: bool = False
    problem: str = ""
    problem_field: str = ""

    @handler(ANYONE)
    async def load(self) -> Any:
        """Clear the forms and set the document's language."""
        self.problem = self.problem_field = ""
        self.busy = False
        return browser.set_language((await current_user(self)).language)

    @handler(ANYONE)
    async def sign_in(self, form: dict[str, Any]) -> Any:
        """Check e-mail and password, then claim the session cookie."""
        address = self.router.session.client_ip
        email, password = str(form.get("email", ""))[:300], str(form.get("password", ""))[:1000]

        def check() -> str:
            user = accounts.authenticate(email, password, address)
            with session_scope(reason="sign-in") as session:
                return sessions.issue_ticket(session, user.id)

        async for event in self._claim_session(check):
            yield event

    @handler(ANYONE)
    async def register(self, form: dict[str, Any]) -> Any:
        """Create a tenant with its owner, then claim the session cookie."""
        language, address = (await current_user(self)).language, self.router.session.client_ip

        def create() -> str:
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
                return sessions.issue_ticket(session, user.id)

        async for event in self._claim_session(create):
            yield event

    async def _claim_session(self, work: Any) -> Any:
        self.busy, self.problem, self.problem_field = True, "", ""
        yield
        try:
            ticket = await passwords.run_in_hash_threads(work)
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field
            self.busy = False
            yield browser.focus(error.field or "email")
            return
        target = self.router.url.query_parameters.get("next", "/")
        yield browser.call_function(_CLAIM, ticket, target)


class HomeState(rx.State):
    """The address "/": redirects to the user's tenant or to the sign-in page."""

    @handler(ANYONE)
    async def load(self) -> Any:
        """Redirect to the user's tenant or to the sign-in page."""
        token = session_token(self.router.headers.cookie)
        identity = await asyncio.to_thread(sessions.get_identity, token, None) if token else None
        return browser.redirect(f"/manage/{identity.slug}" if identity else "/sign-in", replace=True)


__all__ = ["HomeState", "SignInState"]
