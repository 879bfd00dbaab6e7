"""Settings: the user's profile, password and sessions, and the tenant's settings."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import reflex as rx

from platform_app import clock, config
from platform_app.automation.calendar import offered_time_zones, time_zone_names
from platform_app.automation.values import parse_whole
from platform_app.clock import now
from platform_app.db import Transaction, session_scope
from platform_app.engine.rules import rules
from platform_app.errors import Invalid, PlatformError
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import accounts, passwords, sessions
from platform_app.state.accounts.sending_settings import SendingSettingsState
from platform_app.state.accounts.working_hours import WorkingHoursState
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.frame import FrameState


@dataclass
class SessionRow:
    """A signed-in browser of the user, as the settings page lists it."""

    id: str
    browser: str
    when: str
    exact: str
    is_this: bool


class SettingsState(rx.State):
    """The settings page."""

    loaded: bool = False
    name: str = ""
    tenant_name: str = ""
    time_zone: str = ""
    run_days: str = ""
    country: str = ""
    currency: str = ""
    zones: list[str] = []
    sessions: list[SessionRow] = []
    problem: str = ""
    problem_field: str = ""
    form_key: int = 0
    has_test_clock: bool = False
    clock: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> Any:
        """Fetch the current settings."""
        identity = await current_identity(self)
        self.name, self.tenant_name, self.time_zone = identity.name, identity.tenant_name, identity.time_zone
        self.run_days = str(await fetch(self, accounts.run_retention_days))
        self.country = await fetch(self, accounts.phone_country)
        self.currency = identity.currency
        self.zones = list(offered_time_zones())
        self.problem = self.problem_field = ""
        self.form_key += 1
        await self._load_sessions()
        await self._load_clock()
        self.loaded = True
        return [SendingSettingsState.load, WorkingHoursState.load]

    @handler(Role.VIEWER)
    async def save_name(self, form: dict[str, Any]) -> Any:
        """Save the name of the user."""
        identity = await current_identity(self)

        def save() -> None:
            with session_scope(reason="name of a person") as session:
                accounts.set_name(session, identity.user_id, str(form.get("name", "")))

        return await self._save_form(save, "Name saved.")

    @handler(Role.VIEWER)
    async def change_password(self, form: dict[str, Any]) -> Any:
        """Set a new password and end the other sessions of the user."""
        identity = await current_identity(self)
        current, new = str(form.get("current", ""))[:1000], str(form.get("password", ""))[:1000]

        def change() -> None:
            accounts.change_password(identity, current, new)

        done = await self._save_form(change, "Password changed.", run=passwords.run_in_hash_threads)
        if not self.problem:
            self.form_key += 1
            await self._load_sessions()
        return done

    @handler(Role.ADMIN)
    async def save_tenant(self, form: dict[str, Any]) -> Any:
        """Save the tenant's name, time zone, retention of runs in days, country of phone numbers, and currency."""
        identity = await current_identity(self)
        tenant_name, days = str(form.get("tenant", "")), parse_whole(str(form.get("run_days", "")), 9_999)
        country, currency = str(form.get("country", "")), str(form.get("currency", ""))

        def save() -> None:
            with session_scope(reason="settings of a tenant") as session:
                accounts.update_tenant(
                    session,
                    identity,
                    name=tenant_name,
                    time_zone=self.time_zone,
                    run_days=days,
                    country=country,
                    currency=currency,
                )
                rules.reschedule(session, identity, self.time_zone)

        return await self._save_form(save, "Settings saved.")

    @handler(Role.ADMIN)
    async def set_time_zone(self, zone: str) -> None:
        """Set the time zone that is saved with the tenant's form."""
        if zone in time_zone_names():
            self.time_zone = zone

    @handler(Role.VIEWER)
    async def end_other_sessions(self) -> Any:
        """End all sessions of the user but this one."""

        def end(session: Transaction, identity: Identity) -> None:
            sessions.end_all_sessions(session, identity.user_id, except_id=identity.session_id)

        await call(self, end)
        await self._load_sessions()
        return await success_toast(self, "Signed out of all other sessions.")

    @handler(Role.ADMIN)
    async def move_clock(self, hours: int) -> Any:
        """Shift the installation's clock by hours, 0 resets it. Raises Invalid unless the environment allows it."""
        if not config.settings().test_clock or not 0 <= hours <= 24 * 366:
            raise Invalid("This value isn’t allowed.")
        await asyncio.to_thread(clock.shift, timedelta(hours=hours))
        await self._load_clock()
        return FrameState.load

    async def _load_clock(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        self.has_test_clock = config.settings().test_clock
        self.clock = exact_time(language, now(), identity.time_zone) if self.has_test_clock else ""

    async def _save_form(self, work: Any, sentence: str, *, run: Any = asyncio.to_thread) -> Any:
        self.problem = self.problem_field = ""
        try:
            await run(work)
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field
            return browser.focus(error.field) if error.field else None
        return await success_toast(self, sentence)

    async def _load_sessions(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        found = await fetch(self, sessions.list_sessions)
        self.sessions = [
            SessionRow(
                id=row.id,
                browser=_browser_name(row.user_agent) or translate(language, "Unknown browser"),
                when=relative_time(language, row.created_at, now(), identity.time_zone),
                exact=exact_time(language, row.created_at, identity.time_zone),
                is_this=row.id == identity.session_id,
            )
            for row in found
        ]


def _browser_name(user_agent: str) -> str:
    """Return the names of browser and system in a User-Agent header, or ""."""
    browsers = ("Edg", "OPR", "YaBrowser", "Firefox", "Chrome", "Safari")
    systems = ("Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux")
    browser = next((name for name in browsers if name in user_agent), "")
    system = next((name for name in systems if name in user_agent), "")
    named = {"Edg": "Edge", "OPR": "Opera", "YaBrowser": "Yandex"}.get(browser, browser)
    return ", ".join(part for part in (named, system) if part)
