"""Notification settings: how the acting member is told of each kind."""

from dataclasses import dataclass

import reflex as rx

from platform_app.i18n import translate
from platform_app.integrations import platform_smtp
from platform_app.models.notification import NotificationKind
from platform_app.models.person import Role
from platform_app.services.notifications import preferences
from platform_app.state.console.base import call, current_user, fetch, handler

KIND_LABELS = {
    NotificationKind.ASSIGNED: "A conversation is assigned to me",
    NotificationKind.HANDED_OFF: "A conversation needs a person",
    NotificationKind.APPROVAL: "Reply needs approval",
    NotificationKind.HELD: "A message is held in one of my conversations",
    NotificationKind.SNOOZE_ENDED: "The snooze of one of my conversations ended",
    NotificationKind.MENTION: "Someone mentions me in a note",
    NotificationKind.TASK_ASSIGNED: "A task is assigned to me",
    NotificationKind.TASK_DUE: "One of my tasks is due",
    NotificationKind.RULE: "A rule or sequence notifies me",
    NotificationKind.IMPORT_DONE: "My import is finished",
    NotificationKind.BUDGET: "A budget is almost or fully used",
    NotificationKind.FAILURE: "Something failed: an import, a source, a channel, a job",
    NotificationKind.COMPANY: "The company is to be deleted",
}


@dataclass
class PreferenceRow:
    """How the member is told of a kind."""

    kind: str
    label: str
    in_console: bool
    in_browser: bool
    email: str


class NotificationSettingsState(rx.State):
    """The page with a member's own settings."""

    rows: list[PreferenceRow] = []
    has_mail: bool = False  # the platform has a mail server of its own
    loaded: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Read the settings of every kind."""
        self.has_mail = platform_smtp.is_configured()
        await self._fetch()
        self.loaded = True

    @handler(Role.VIEWER)
    async def set_in_console(self, kind: str, wanted: bool) -> None:
        """Show notifications of a kind in the console, or not."""
        await call(self, preferences.save, kind, in_console=wanted)
        await self._fetch()

    @handler(Role.VIEWER)
    async def set_in_browser(self, kind: str, wanted: bool) -> None:
        """Let the browser show notifications of a kind, or not."""
        await call(self, preferences.save, kind, in_browser=wanted)
        await self._fetch()

    @handler(Role.VIEWER)
    async def set_email(self, kind: str, email: str) -> None:
        """Choose whether and when notifications of a kind are sent by e-mail."""
        await call(self, preferences.save, kind, email=email)
        await self._fetch()

    async def _fetch(self) -> None:
        language = (await current_user(self)).language
        found = await fetch(self, preferences.list_own)
        self.rows = [
            PreferenceRow(
                kind=kind.value,
                label=translate(language, KIND_LABELS[kind]),
                in_console=one.in_console,
                in_browser=one.in_browser,
                email=one.email.value,
            )
            for kind, one in found.items()
        ]
