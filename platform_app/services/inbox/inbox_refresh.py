"""Inbox refresh: a list of the inbox in two parts: what every member sees alike, and what is one's own."""

from dataclasses import dataclass, replace

from platform_app.db import Transaction
from platform_app.models.person import Identity
from platform_app.services.chat import triage
from platform_app.services.inbox import inbox_list
from platform_app.services.inbox.inbox_list import COUNTED, Cursor, InboxFilter, InboxPage, View

OWN_VIEWS = (View.UNREAD, View.MINE)  # they differ by member


@dataclass(frozen=True)
class SharedList:
    """What the members of a tenant see alike: the page, None if it is one's own, and the counts of shared views."""

    page: InboxPage | None
    counts: dict[View, int]


def shared_filter(wanted: InboxFilter) -> InboxFilter:
    """Return a filter without what is one's own: members with equal ones share what `read_shared` returns."""
    return replace(wanted, kept_id="")


def read_shared(session: Transaction, who: Identity, wanted: InboxFilter, after: Cursor | None) -> SharedList:
    """Return what all members see alike of a list; of a search and of OWN_VIEWS that is the counts alone.

    What is unread is not in it: `complete` adds it.
    """
    is_own = wanted.view in OWN_VIEWS or bool(wanted.search.strip())
    page = None if is_own else inbox_list.list_conversations(session, who, wanted, after=after, with_unread=False)
    shared = [view for view in COUNTED if view not in OWN_VIEWS]
    return SharedList(page, inbox_list.count_views(session, who, wanted, shared))


def complete(
    session: Transaction, who: Identity, wanted: InboxFilter, after: Cursor | None, /, *, shared: SharedList
) -> tuple[InboxPage, dict[View, int]]:
    """Return the page and the counts of all views as a member sees them, from what all see alike."""
    counts = shared.counts | inbox_list.count_views(session, who, wanted, OWN_VIEWS)
    if shared.page is None:
        return inbox_list.list_conversations(session, who, wanted, after=after), counts
    unread = triage.unread_ids(session, who, [line.row for line in shared.page.lines])
    lines = [replace(line, is_unread=line.row.id in unread) for line in shared.page.lines]
    return InboxPage(lines, shared.page.next), counts
