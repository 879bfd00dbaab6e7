"""Password reset: state of the pages on which a user requests a reset link and sets a new password."""

import asyncio
from typing import Any

import reflex as rx

from platform_app.api.security import session_token
from platform_app.errors import Forbidden, PlatformError
from platform_app.integrations import platform_smtp
from platform_app.services.accounts import password_resets, passwords, sessions
from platform_app.state.accounts.entry import Entry, check_unchanged
from platform_app.state.console.base import ANYONE, handler

ANSWER_SECONDS = 1.0  # from request to answer, so that its time does not tell whether an account exists


class ForgotPasswordState(Entry, rx.State):
    """The page on which a reset link is requested."""

    has_mail: bool = False
    is_requested: bool = False

    @handler(ANYONE)
    async def load(self) -> Any:
        """Reset the page."""
        self.has_mail, self.is_requested = platform_smtp.is_configured(), False
        return await self._reset_form()

    @handler(ANYONE)
    async def request(self, form: dict[str, Any]) -> Any:
        """Request a reset link; the answer is the same for every address, at the same time."""
        email, address = str(form.get("email", ""))[:300], self.router.session.client_ip
        self.busy, self.problem, self.problem_field = True, "", ""
        yield
        ends = asyncio.get_running_loop().time() + ANSWER_SECONDS
        try:
            await asyncio.to_thread(password_resets.request, email, address)
        except PlatformError as error:
            yield await self._show_error(error)
            return
        await asyncio.sleep(max(0.0, ends - asyncio.get_running_loop().time()))
        self.busy, self.is_requested = False, True


class ResetPasswordState(Entry, rx.State):
    """The page that a reset link opens. The token is a backend variable: the browser is never sent it."""

    view: str = "loading"  # form, refused, other_person, done
    signed_in_as: str = ""  # the address of somebody else
    email: str = ""
    refusal: str = ""
    _link: str = ""

    @handler(ANYONE)
    async def load(self) -> Any:
        """Reset the page; the browser sends the token next."""
        self.view, self._link, self.email = "loading", "", ""
        return await self._reset_form()

    @handler(ANYONE)
    async def open_link(self, link: str) -> None:
        """Look the token up and show the form."""
        self._link = link[:200]
        try:
            check_unchanged(self.router.url.query_parameters)
            user = await asyncio.to_thread(password_resets.find_user, self._link)
        except PlatformError as error:
            self.view, self.refusal = "refused", await self._sentence(error)
            return
        self.email, self.signed_in_as = user.email, await self._other_user(user.id)
        self.view = "other_person" if self.signed_in_as else "form"

    @handler(ANYONE)
    async def set_password(self, form: dict[str, Any]) -> Any:
        """Set the new password and end all sessions of the user."""
        link, password = self._link, str(form.get("password", ""))[:1000]
        self.busy, self.problem, self.problem_field = True, "", ""
        yield
        try:
            await self._check_user()
            await passwords.run_in_hash_threads(lambda: password_resets.reset(link, password))
        except PlatformError as error:
            yield await self._show_error(error)
            return
        self.busy, self.view, self._link = False, "done", ""

    async def _check_user(self) -> None:
        """Raise Forbidden if somebody else than the user of the link is signed in."""
        user = await asyncio.to_thread(password_resets.find_user, self._link)
        if other := await self._other_user(user.id):
            raise Forbidden("This link is for {email}. You are signed in as {other}.", email=user.email, other=other)

    async def _other_user(self, user_id: str) -> str:
        """Return the address of who is signed in, "" if nobody or the user with this id."""
        token = session_token(self.router.headers.cookie)
        user = await asyncio.to_thread(sessions.get_user, token) if token else None
        return user.email if user is not None and user.id != user_id else ""
