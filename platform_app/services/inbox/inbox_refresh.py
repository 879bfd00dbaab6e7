"""Inbox refresh: a list of the inbox in two parts: what every member sees alike, and what is one's own."""

from dataclasses import dataclass, replace

from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.models.conversation import ConversationRead
from platform_app.models.person import Identity
from platform_app.services.inbox import inbox_list
from platform_app.services.inbox.inbox_list import COUNTED, ConversationLine, Cursor, InboxFilter, InboxPage, View

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
    """Return what all members see alike of a list; of a search and of OWN_VIEWS that is the counts alone."""
    is_own = wanted.view in OWN_VIEWS or bool(wanted.search.strip())
    page = None if is_own else inbox_list.list_conversations(session, who, wanted, after=after)
    shared = [view for view in COUNTED if view not in OWN_VIEWS]
    return SharedList(page, inbox_list.count_views(session, who, wanted, shared))


def complete(
    session: Transaction, who: Identity, wanted: InboxFilter, after: Cursor | None, /, *, shared: SharedList
) -> tuple[InboxPage, dict[View, int]]:
    """Return the page and the counts of all views as a member sees them, from what all see alike."""
    counts = shared.counts | inbox_list.count_views(session, who, wanted, OWN_VIEWS)
    if shared.page is None:
        return inbox_list.list_conversations(session, who, wanted, after=after), counts
    unread = _unread_ids(session, who, shared.page.lines)
    lines = [replace(line, is_unread=line.row.id in unread) for line in shared.page.lines]
    return InboxPage(lines, shared.page.next), counts


def _unread_ids(session: Transaction, who: Identity, lines: list[ConversationLine]) -> set[str]:
    written = {line.row.id: line.row.contact_at for line in lines if line.row.contact_at is not None}
    query = owned(ConversationRead, who.tenant_id).where(
        ConversationRead.user_id == who.user_id, col(ConversationRead.conversation_id).in_(written.keys())
    )
    seen = dict(
        iter(session.execute(query.with_only_columns(ConversationRead.conversation_id, ConversationRead.read_at)))
    )
    return {row_id for row_id, at in written.items() if row_id not in seen or at > seen[row_id]}
