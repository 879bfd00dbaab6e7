"""Mail: the tenant's SMTP server and the test message."""

import asyncio
from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import Conflict, PlatformError
from platform_app.form_fields import Control
from platform_app.i18n import exact_time, translate
from platform_app.integrations import smtp
from platform_app.models.mail import MAIL_FORM, MailServer
from platform_app.models.person import Identity, Role
from platform_app.services.mail import mail_servers
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast

UNCERTAIN = "The connection was lost before the server confirmed the message. Check your inbox."


class MailState(rx.State):
    """The form of the tenant's SMTP server. The state never holds the password."""

    loaded: bool = False
    is_configured: bool = False
    initial: dict[str, str] = {}
    credential_hint: str = ""  # a sentence about the stored password
    saved: str = ""
    problem: str = ""
    problem_field: str = ""
    form_key: int = 0  # incremented to reset the form to the stored values
    is_testing: bool = False
    test_result: str = ""  # a sentence about the test message
    test_succeeded: bool = False

    @handler(Role.ADMIN)
    async def load(self) -> None:
        """Fetch the settings."""
        self.test_result, self.is_testing = "", False
        await self._fetch()
        self.loaded = True

    @handler(Role.ADMIN)
    async def save(self, form: dict[str, Any]) -> Any:
        """Save the settings, or show the problem at its field."""
        self.problem = self.problem_field = self.test_result = ""
        given = {name: str(form.get(name, ""))[:1_000] for name in MAIL_FORM}
        try:
            await call(self, mail_servers.save, given)
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field or "host"
            return browser.focus(self.problem_field)
        await self._fetch()
        return await success_toast(self, "The mail server is saved.")

    @handler(Role.ADMIN)
    async def remove(self) -> Any:
        """Delete the settings with the password."""
        await call(self, mail_servers.remove)
        self.test_result = ""
        await self._fetch()
        return await success_toast(self, "Mail server removed.")

    @handler(Role.ADMIN, background=True)
    async def send_test(self) -> None:
        """Send a test message to the user's own address and show the result."""
        async with self:
            identity, language = await current_identity(self), (await current_user(self)).language
            if self.is_testing:
                return
            self.is_testing, self.test_result = True, ""
        well, sentence, values = await asyncio.to_thread(_send_test, identity)
        async with self:
            self.is_testing, self.test_succeeded = False, well
            self.test_result = translate(language, sentence, **values)

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        row, sentence, values = await fetch(self, _read)
        self.is_configured = row is not None
        names = [name for name, shown in MAIL_FORM.items() if shown.control != Control.PASSWORD]
        self.initial = {name: str(getattr(row, name)) for name in names} if row else _default_values(identity)
        self.credential_hint = translate(language, sentence, **values) if sentence else ""
        when = exact_time(language, row.updated_at, identity.time_zone) if row else ""
        self.saved = translate(language, "Saved {when}", when=when) if row else ""
        self.problem = self.problem_field = ""
        self.form_key += 1


def _default_values(identity: Identity) -> dict[str, str]:
    usual = {
        "port": "465",
        "security": "tls",
        "sender_name": identity.tenant_name[: MAIL_FORM["sender_name"].max_length],
    }
    return dict.fromkeys(MAIL_FORM, "") | usual


def _read(session: Transaction, who: Identity) -> tuple[MailServer | None, str, dict[str, object]]:
    row = mail_servers.get_settings(session, who)
    try:
        ending = mail_servers.password_suffix(session, who)
    except Conflict as error:
        return row, error.sentence, error.values
    if ending is None:
        return row, "", {}
    if not ending:
        return row, "Password saved. Leave empty to keep it.", {}
    return row, "Saved password ends in {ending}. Leave empty to keep it.", {"ending": ending}


def _send_test(identity: Identity) -> tuple[bool, str, dict[str, object]]:
    try:
        mail_servers.send_test(identity)
    except PlatformError as error:
        return False, error.sentence, error.values
    except smtp.UnconfirmedError:
        return False, UNCERTAIN, {}
    return True, "Test email sent to {email}. Check that inbox.", {"email": identity.email}
