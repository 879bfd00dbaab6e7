"""Two-factor: state of the page on which a user sets up an authenticator app."""

import asyncio
from typing import Any

import reflex as rx
import segno

from platform_app.api.security import session_token
from platform_app.api.sign_in import safe_redirect
from platform_app.errors import Conflict, PlatformError
from platform_app.i18n import translate
from platform_app.models.person import Role
from platform_app.services.accounts import passwords, sessions, two_factor
from platform_app.state.console import browser
from platform_app.state.console.authorization import tenant_slug
from platform_app.state.console.base import current_identity, current_user, handler
from platform_app.state.console.one_time_secret import reveal_once

QR_ID, CODES_ID = "two-factor-qr", "recovery-codes"
_QUIET_ZONE = 2  # modules of white around the QR code


class TwoFactorState(rx.State):
    """The page of the set-up. Secret and recovery codes are sent to the browser as events and are in no variable."""

    view: str = "loading"  # setup, codes, on
    required_by: str = ""  # the tenant that requires it
    target: str = "/"
    busy: bool = False
    problem: str = ""
    problem_field: str = ""

    @handler(Role.VIEWER, before_enrollment=True)
    async def load(self) -> Any:
        """Show the secret to set the app up with, or that two-factor is on already."""
        identity, user = await current_identity(self), await current_user(self)
        wanted = str(self.router.url.query_parameters.get("next", ""))[:500]
        self.target = safe_redirect(wanted or f"/manage/{identity.slug}/settings/security")
        self.problem, self.problem_field, self.busy = "", "", False
        self.required_by = await self._requiring_tenant()
        try:
            app = await asyncio.to_thread(two_factor.begin, identity)
        except Conflict:
            self.view = "on"
            return browser.set_language(user.language)
        self.view = "setup"
        picture = segno.make(app.address, error="m").svg_data_uri(border=_QUIET_ZONE, light="#fff", omitsize=True)
        return [browser.set_language(user.language), reveal_once(app.text), reveal_once(picture, QR_ID)]

    @handler(Role.VIEWER, before_enrollment=True)
    async def confirm(self, form: dict[str, Any]) -> Any:
        """Switch two-factor on with the first code of the app and the password, and show the recovery codes once."""
        identity, code = await current_identity(self), str(form.get("code", ""))[:100]
        password = str(form.get("password", ""))[:1000]
        self.busy, self.problem, self.problem_field = True, "", ""
        yield
        try:
            codes = await passwords.run_in_hash_threads(lambda: two_factor.confirm(identity, code, password=password))
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field, self.busy = error.field or "code", False
            yield browser.focus(self.problem_field)
            return
        self.view, self.busy = "codes", False
        yield [reveal_once("\n".join(codes), CODES_ID), browser.focus("codes-title")]

    @handler(Role.VIEWER, before_enrollment=True)
    async def leave(self) -> Any:
        """Open the page from which the user came."""
        return browser.load_address(self.target)

    async def _requiring_tenant(self) -> str:
        """Return the name of the tenant of the target if it requires a second factor, else ""."""
        token, slug = session_token(self.router.headers.cookie), tenant_slug(self.target)
        found = await asyncio.to_thread(sessions.get_identity, token, slug or None, unenrolled=True)
        return found.tenant_name if found is not None and found.must_enroll else ""
