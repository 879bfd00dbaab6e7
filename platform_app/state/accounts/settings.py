"""Settings: my name and password, my sessions, and the tenant."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import available_timezones

import reflex as rx

from platform_app import clock, config
from platform_app.automation.values import parse_whole
from platform_app.clock import now
from platform_app.db import Transaction, session_scope
from platform_app.engine.rules import rules
from platform_app.errors import Invalid, PlatformError
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import accounts, passwords, sessions
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.frame import FrameState


@dataclass
class SessionRow:
    """A signed-in browser of mine."""

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
    zones: list[str] = []
    sessions: list[SessionRow] = []
    problem: str = ""
    problem_field: str = ""
    form_key: int = 0
    has_clock: bool = False
    clock: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch what is set."""
        identity = await current_identity(self)
        self.name, self.tenant_name, self.time_zone = identity.name, identity.tenant_name, identity.time_zone
        self.run_days = str(await fetch(self, accounts.run_retention_days))
        self.country = await fetch(self, accounts.phone_country)
        self.zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))
        self.problem = self.problem_field = ""
        self.form_key += 1
        await self._sessions()
        await self._read_clock()
        self.loaded = True

    @handler(Role.VIEWER)
    async def save_name(self, form: dict[str, Any]) -> Any:
        """Keep my name."""
        identity = await current_identity(self)

        def keep() -> None:
            with session_scope(reason="name of a person") as session:
                accounts.set_name(session, identity.user_id, str(form.get("name", "")))

        return await self._try(keep, "Your name is saved.")

    @handler(Role.VIEWER)
    async def change_password(self, form: dict[str, Any]) -> Any:
        """Set another password; my other sessions end at once."""
        identity = await current_identity(self)
        current, new = str(form.get("current", ""))[:1000], str(form.get("password", ""))[:1000]

        def change() -> None:
            accounts.change_password(identity, current, new)

        done = await self._try(change, "The password is changed.", run=passwords.run_in_hash_threads)
        if not self.problem:
            self.form_key += 1
            await self._sessions()
        return done

    @handler(Role.ADMIN)
    async def save_tenant(self, form: dict[str, Any]) -> Any:
        """Keep the tenant's name, and for how long runs are kept."""
        identity = await current_identity(self)
        wished, days = str(form.get("tenant", "")), parse_whole(str(form.get("run_days", "")), 9_999)
        country = str(form.get("country", ""))

        def keep() -> None:
            with session_scope(reason="settings of a tenant") as session:
                accounts.update_tenant(
                    session, identity, name=wished, time_zone=self.time_zone, run_days=days, country=country
                )
                rules.set_zone(session, identity, self.time_zone)

        return await self._try(keep, "The tenant's settings are saved.")

    @handler(Role.ADMIN)
    async def choose_zone(self, zone: str) -> None:
        """Note the time zone that is saved with the tenant."""
        if zone in available_timezones():
            self.time_zone = zone

    @handler(Role.VIEWER)
    async def end_others(self) -> Any:
        """End all my sessions but this one."""

        def end(session: Transaction, identity: Identity) -> None:
            sessions.end_all_sessions(session, identity.user_id, except_id=identity.session_id)

        await call(self, end)
        await self._sessions()
        return await success_toast(self, "Your other sessions have ended.")

    @handler(Role.ADMIN)
    async def move_clock(self, hours: int) -> Any:
        """Move the clock of the whole installation on, or back to the real time; only where the environment says so."""
        if not config.settings().test_clock or not 0 <= hours <= 24 * 366:
            raise Invalid("This value cannot be taken.")
        await asyncio.to_thread(clock.shift, timedelta(hours=hours))
        await self._read_clock()
        return FrameState.load

    async def _read_clock(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        self.has_clock = config.settings().test_clock
        self.clock = exact_time(language, now(), identity.time_zone) if self.has_clock else ""

    async def _try(self, work: Any, sentence: str, *, run: Any = asyncio.to_thread) -> Any:
        self.problem = self.problem_field = ""
        try:
            await run(work)
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field
            return browser.focus(error.field) if error.field else None
        return await success_toast(self, sentence)

    async def _sessions(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        found = await fetch(self, sessions.list_sessions)
        self.sessions = [
            SessionRow(
                id=row.id,
                browser=_browser(row.user_agent) or translate(language, "Unknown browser"),
                when=relative_time(language, row.created_at, now()),
                exact=exact_time(language, row.created_at, identity.time_zone),
                is_this=row.id == identity.session_id,
            )
            for row in found
        ]


def _browser(user_agent: str) -> str:
    """Return a browser's and a system's name from what it says of itself."""
    browsers = ("Edg", "OPR", "YaBrowser", "Firefox", "Chrome", "Safari")
    systems = ("Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux")
    browser = next((name for name in browsers if name in user_agent), "")
    system = next((name for name in systems if name in user_agent), "")
    named = {"Edg": "Edge", "OPR": "Opera", "YaBrowser": "Yandex"}.get(browser, browser)
    return ", ".join(part for part in (named, system) if part)
