"""Security: state of the page on which users see and change their second factor, and admins require one."""

from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.errors import Invalid, PlatformError
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.person import Role
from platform_app.services.accounts import passwords, two_factor, two_factor_policy
from platform_app.state.accounts.two_factor import CODES_ID
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.one_time_secret import reveal_once

ACTIONS = ("turn_off", "renew")


class SecurityState(rx.State):
    """The security page. Recovery codes are sent to the browser as an event and are in no variable."""

    loaded: bool = False
    is_on: bool = False
    since: str = ""
    since_exact: str = ""
    recovery_words: str = ""
    required: bool = False
    asked: str = ""  # what the dialog is for: one of ACTIONS, or "codes"
    busy: bool = False
    problem: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the state of two-factor."""
        self.asked = self.problem = ""
        await self._fetch()
        self.loaded = True

    @handler(Role.VIEWER)
    async def ask(self, action: str) -> None:
        """Open the dialog for an action. Raises Invalid for an unknown one."""
        if action not in ACTIONS:
            raise Invalid("This value isn’t allowed.")
        self.asked, self.problem, self.busy = action, "", False

    @handler(Role.VIEWER)
    async def close(self, is_open: bool) -> None:
        """Close the dialog."""
        if not is_open:
            self.asked = ""

    @handler(Role.VIEWER)
    async def confirm(self, form: dict[str, Any]) -> Any:
        """Do what the dialog is for, if its field holds the user's password."""
        identity, action = await current_identity(self), self.asked
        password = str(form.get("password", ""))[:1000]
        if action not in ACTIONS:
            return
        self.busy, self.problem = True, ""
        yield
        work = two_factor.turn_off if action == "turn_off" else two_factor.renew_recovery_codes
        try:
            codes = await passwords.run_in_hash_threads(lambda: work(identity, password))
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.busy = False
            yield browser.focus("password")
            return
        self.busy, self.asked = False, "codes" if codes else ""
        await self._fetch()
        yield reveal_once("\n".join(codes), CODES_ID) if codes else await success_toast(self, "Two-factor is off.")

    @handler(Role.ADMIN)
    async def set_required(self, required: bool) -> Any:
        """Require two-factor of every member, or no longer."""
        await call(self, two_factor_policy.set_required, required)
        await self._fetch()
        sentence = "Two-factor is required for all members" if required else "Two-factor is no longer required"
        return await success_toast(self, sentence)

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        status = await fetch(self, two_factor.get_status)
        self.required = await fetch(self, two_factor_policy.is_required)
        self.is_on = status.enabled_at is not None
        if status.enabled_at is not None:
            self.since = relative_time(language, status.enabled_at, now(), identity.time_zone)
            self.since_exact = exact_time(language, status.enabled_at, identity.time_zone)
        one, many = "{count} recovery code is left.", "{count} recovery codes are left."
        self.recovery_words = plural(language, one, many, status.recovery_codes)
