"""Sign-in: sign-in and registration, which end at the route that sets the session cookie."""

import asyncio
from typing import Any

import reflex as rx

from platform_app.api.security import session_token
from platform_app.db import session_scope
from platform_app.errors import Forbidden
from platform_app.services.accounts import accounts, invitations, members, sessions
from platform_app.state.accounts.entry import Entry
from platform_app.state.console import browser
from platform_app.state.console.base import ANYONE, current_user, handler


class SignInState(Entry, rx.State):
    """The forms for sign-in and registration."""

    @handler(ANYONE)
    async def load(self) -> Any:
        """Clear the forms and set the document's language."""
        return await self._reset_form()

    @handler(ANYONE)
    async def sign_in(self, form: dict[str, Any]) -> Any:
        """Check e-mail and password, then claim the session cookie."""
        address, target = self.router.session.client_ip, self._target()
        email, password = str(form.get("email", ""))[:300], str(form.get("password", ""))[:1000]

        def check() -> tuple[str, str]:
            user = accounts.authenticate(email, password, address)
            with session_scope(reason="sign-in") as session:
                if target != invitations.PAGE and not members.list_tenants(session, user.id):
                    raise Forbidden("You have no access to any company here. Ask an admin of yours for an invitation.")
                return sessions.issue_ticket(session, user.id), target

        async for event in self._claim_session(check):
            yield event

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
        identity = await asyncio.to_thread(sessions.get_identity, token, None) if token else None
        return browser.redirect(f"/manage/{identity.slug}" if identity else "/sign-in", replace=True)


__all__ = ["HomeState", "SignInState"]
