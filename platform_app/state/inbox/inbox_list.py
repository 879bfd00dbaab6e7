"""Inbox list: views, filters, pages and live updates of the list of conversations."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import reflex as rx

from platform_app.api.token_bucket import TokenBucket
from platform_app.db import Transaction
from platform_app.i18n import translate
from platform_app.models.agent import Channel
from platform_app.models.person import Identity, Role
from platform_app.services.inbox import inbox_refresh
from platform_app.services.inbox.inbox_list import MAX_COUNT, Cursor, InboxFilter, InboxPage, View
from platform_app.services.inbox.inbox_refresh import SharedList
from platform_app.state.console import browser
from platform_app.state.console.base import current_identity, current_user, fetch, fetch_as, handler
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.option_lists import Option, agent_options
from platform_app.state.console.page_address import replace_query
from platform_app.state.console.shared_reads import SharedReads
from platform_app.state.inbox.inbox_view import CHANNELS, InboxRow, build_inbox_row

ALL = "all"
_ANY_ID = "0" * 32  # stands in the address of a row for its id
VIEW_LABELS = {
    View.OPEN: "All open",
    View.UNREAD: "Unread",
    View.MINE: "Mine",
    View.UNASSIGNED: "Unassigned",
    View.PERSON: "With a person",
    View.APPROVAL: "For approval",
    View.SNOOZED: "Snoozed",
    View.CLOSED: "Closed",
}
PAUSE_SECONDS = 1.0  # between two live updates, in which further changes are collected
REFRESHES_PER_SECOND = 20  # of all lists of this process: open conversations come first when many members watch
_refreshes = TokenBucket(REFRESHES_PER_SECOND, REFRESHES_PER_SECOND)
_shared_lists = SharedReads[SharedList]()


@dataclass
class ViewLink:
    """A view with the number of its conversations."""

    name: str
    label: str
    count: str
    href: str


class InboxListState(rx.State):
    """The list at the left of the inbox."""

    view: str = View.OPEN.value
    agent: str = ALL
    channel: str = ALL
    tag: str = ""
    search: str = ""
    rows: list[InboxRow] = []
    views: list[ViewLink] = []
    agents: list[Option] = []
    channels: list[Option] = []
    list_href: str = ""  # of this page of the list without an open conversation
    tests_href: str = ""  # of the test chats
    newer_href: str = ""  # "" on the first page
    older_href: str = ""  # "" on the last page
    is_narrowed: bool = False  # by agent, channel or tag
    loaded: bool = False
    _after: str = ""  # the place at which the page begins, as in the address

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Set view, filters and page from the query of the address, and fetch."""
        query = self.router.url.query_parameters
        self._assign(
            view=query.get("view", ""),
            agent=query.get("agent", ALL),
            channel=query.get("channel", ALL),
            tag=query.get("tag", ""),
        )
        self.search = query.get("q", "")[:200]
        self._after = query.get("after", "")[:80]
        language = (await current_user(self)).language
        self.agents = await fetch(self, agent_options)
        self.channels = [Option(one.value, translate(language, words)) for one, words in CHANNELS.items()]
        await self._fetch()
        self.loaded = True

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again when a conversation of the tenant changes."""
        async for update in subscribe(self, "conversation", pause=PAUSE_SECONDS):
            await asyncio.sleep(_refreshes.reserve())
            place = self._place()  # as it was last shown here; it is looked at again below
            shared = await _read_shared(await current_identity(self), *place, update.at)
            async with self:
                await self._fetch(shared if self._place() == place else None)

    @handler(Role.VIEWER)
    async def set_search(self, search: str) -> Any:
        """Search in all views for contacts and in what was written."""
        self.search = search[:200]
        await self._fetch()
        return replace_query(q=self.search.strip(), after="")

    @handler(Role.VIEWER)
    async def set_agent(self, agent_id: str) -> Any:
        """Show the conversations of one agent, or of all."""
        return self._redirect_to(agent=agent_id[:32])

    @handler(Role.VIEWER)
    async def set_channel(self, channel: str) -> Any:
        """Show the conversations of one channel, or of all but the test chat."""
        return self._redirect_to(channel=channel[:32])

    @handler(Role.VIEWER)
    async def set_tag(self, tag: str) -> Any:
        """Show the conversations with a tag."""
        return self._redirect_to(tag=tag[:60].strip())

    def _assign(self, *, view: str, agent: str, channel: str, tag: str) -> None:
        """Set view and filters; a value that does not exist is ignored."""
        self.view = view if view in VIEW_LABELS else View.OPEN.value
        self.agent = agent[:32] or ALL
        self.channel = channel if channel in list(Channel) else ALL
        self.tag = tag[:60].strip()
        self.is_narrowed = (self.agent, self.channel, self.tag) != (ALL, ALL, "")

    def _redirect_to(self, **changed: str) -> Any:
        """Return the event that opens the first page of the list with changed filters."""
        return browser.redirect(self._href(c=self.router.url.query_parameters.get("c", "")[:32], **changed))

    def _href(self, **changed: str) -> str:
        """Return the address of the list with its view and filters, some of them changed; defaults are left out."""
        filters = {"agent": self.agent, "channel": self.channel, "tag": self.tag}
        values = {"view": self.view, **filters, "q": self.search.strip()} | changed
        kept = {name: value for name, value in values.items() if value not in ("", ALL)}
        if kept.get("view") == View.OPEN:
            kept.pop("view")
        path = self.router.url.path
        return f"{path}?{urlencode(kept)}" if kept else path

    def _filter(self) -> InboxFilter:
        return InboxFilter(
            view=View(self.view),
            agent_id="" if self.agent == ALL else self.agent,
            channel=None if self.channel == ALL else Channel(self.channel),
            tag=self.tag,
            search=self.search,
            kept_id=self.router.url.query_parameters.get("c", "")[:32],
        )

    async def _refresh(self) -> None:
        """Fetch the list again, if it is shown."""
        if self.loaded:
            await self._fetch()

    def _place(self) -> tuple[InboxFilter, Cursor | None]:
        """Return the filter and the beginning of the page that is shown."""
        return self._filter(), _parse_cursor(self._after)

    async def _fetch(self, shared: SharedList | None = None) -> None:
        """Fetch the list; `shared` is what other members see alike of it, if that was read already."""
        identity, language = await current_identity(self), (await current_user(self)).language
        page, counts = await fetch(self, _read_list, *self._place(), shared=shared)
        before, after = self._href(c=_ANY_ID, after=self._after).split(f"c={_ANY_ID}")
        rows = [build_inbox_row(line, f"{before}c={line.row.id}{after}", identity, language) for line in page.lines]
        if self.rows != rows:
            self.rows = rows
        self.list_href = self._href(after=self._after)
        self.tests_href = self._href(channel=Channel.TEST.value)
        self.newer_href = self._href() if self._after else ""
        self.older_href = self._href(after=_cursor_text(page.next)) if page.next else ""
        views = [
            ViewLink(
                view.value, translate(language, words), _count_words(counts[view]), self._href(view=view.value, q="")
            )
            for view, words in VIEW_LABELS.items()
        ]
        if self.views != views:
            self.views = views


async def _read_shared(who: Identity, wanted: InboxFilter, after: Cursor | None, told_at: float) -> SharedList:
    """Return what all members see alike of a list, read after `told_at` for whichever of them came first."""
    common = inbox_refresh.shared_filter(wanted)

    async def read() -> SharedList:
        return await fetch_as(who, inbox_refresh.read_shared, common, after)

    return await _shared_lists.get((who.tenant_id, common, after), told_at, read)


def _read_list(
    session: Transaction, who: Identity, wanted: InboxFilter, after: Cursor | None, /, *, shared: SharedList | None
) -> tuple[InboxPage, dict[View, int]]:
    own = shared or inbox_refresh.read_shared(session, who, wanted, after)
    return inbox_refresh.complete(session, who, wanted, after, shared=own)


def _count_words(count: int) -> str:
    return f"{MAX_COUNT - 1}+" if count >= MAX_COUNT else str(count) if count else ""


def _cursor_text(cursor: Cursor) -> str:
    return f"{cursor.at.isoformat()}~{cursor.conversation_id}"


def _parse_cursor(text: str) -> Cursor | None:
    """Return the place in a list that an address names, or None if it names none."""
    at, _, conversation_id = text.partition("~")
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        return None
    return Cursor(found, conversation_id) if found.tzinfo else None
