"""Notification bell: the acting member's notifications in the frame of every page, live."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime

import reflex as rx

from platform_app.clock import now
from platform_app.i18n import exact_time, relative_time
from platform_app.models.notification import Notification
from platform_app.models.person import Identity, Role
from platform_app.services.notifications import notifications
from platform_app.services.notifications.notification_words import words_of
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler
from platform_app.state.console.live_updates import subscribe

REFRESH_SECONDS = 60.0  # between two reads while nothing is told
PAUSE_SECONDS = 1.0  # at least, between two reads for updates that do not name the member


@dataclass
class NotificationRow:
    """A notification as the list shows it."""

    id: str
    words: str
    when: str
    exact: str
    href: str
    is_read: bool


class NotificationBellState(rx.State):
    """The bell: how many notifications are unread, the list while it is open, and what the browser shows."""

    unread: int = 0
    rows: list[NotificationRow] = []
    is_loaded: bool = False
    arrivals: list[NotificationRow] = []  # since the page was opened: for the browser's own notifications
    _is_open: bool = False
    _since: datetime | None = None

    @handler(Role.VIEWER, background=True, supersedes=True)
    async def follow(self) -> None:
        """Count the unread notifications now and whenever the member is told something."""
        identity = await self._begin()
        fetched_at = 0.0
        async for update in subscribe(self, notifications.topic_of(identity.user_id), every=REFRESH_SECONDS):
            if update.topic == "*":  # comes often while much else happens in the tenant
                await asyncio.sleep(max(0.0, fetched_at + PAUSE_SECONDS - time.monotonic()))
            async with self:
                await self._fetch_arrivals()
                await self._fetch()
            fetched_at = time.monotonic()

    @handler(Role.VIEWER)
    async def set_open(self, opened: bool) -> None:
        """Open the list, which reads it, or close it."""
        self._is_open = opened
        await self._fetch()

    @handler(Role.VIEWER)
    async def mark_read(self, notification_id: str) -> None:
        """Mark a notification as read, since it is opened."""
        await call(self, notifications.mark_read, notification_id[:32])
        await self._fetch()

    @handler(Role.VIEWER)
    async def mark_all_read(self) -> None:
        """Mark all notifications as read."""
        await call(self, notifications.mark_all_read)
        await self._fetch()

    async def _begin(self) -> Identity:
        async with self:
            self._since, self.arrivals, self._is_open, self.is_loaded = now(), [], False, False
            await self._fetch()
            return await current_identity(self)

    async def _fetch(self) -> None:
        """Read the number of unread notifications, and the list while it is open."""
        unread = await fetch(self, notifications.count_unread)
        if unread != self.unread:
            self.unread = unread
        if self._is_open:
            self.rows = await self._rows(await fetch(self, notifications.list_recent))
            self.is_loaded = True

    async def _fetch_arrivals(self) -> None:
        """Read what is new since the page was opened, for the notifications of the browser."""
        found = await fetch(self, notifications.list_since, self._since or now())
        if found:
            self._since = found[-1].created_at
            self.arrivals = await self._rows(found)

    async def _rows(self, found: list[Notification]) -> list[NotificationRow]:
        identity, language = await current_identity(self), (await current_user(self)).language
        return [_row(row, identity, language) for row in found]


def _row(row: Notification, identity: Identity, language: str) -> NotificationRow:
    return NotificationRow(
        id=row.id,
        words=words_of(row, language, identity.time_zone),
        when=relative_time(language, row.created_at, now(), identity.time_zone),
        exact=exact_time(language, row.created_at, identity.time_zone),
        href=f"/manage/{identity.slug}{row.link}",
        is_read=row.read_at is not None,
    )
