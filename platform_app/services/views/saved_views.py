"""Saved views: named filters of the leads, contacts, inbox and rule runs, of one member or of the company.

Every member has own views; those of the company are saved by operators and above.
"""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import or_
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, Forbidden, Invalid, LimitReached, NotFound
from platform_app.models.person import Identity, Role
from platform_app.models.saved_view import SavedView, ViewedList

MAX_VIEWS = 100  # of a list that a member can open
KEPT_FOR = timedelta(days=1)  # for which a removed view can be restored
FILTERS = {  # the parameters of the address that make a view
    ViewedList.LEADS: ("view", "pipeline", "stage", "responsible", "tag", "q", "sort", "size"),
    ViewedList.CONTACTS: ("tag", "q", "sort", "size"),
    ViewedList.INBOX: ("view", "agent", "channel", "tag", "q"),
    ViewedList.RUNS: ("rule", "state", "kind"),
}
_MAX_VALUE = 200  # characters of one parameter


def filters_of(viewed: ViewedList, query: str) -> str:
    """Return the filters in the query of an address, in one order; other parameters are left out."""
    given = dict(parse_qsl(query.removeprefix("?")[:4_000], max_num_fields=100))
    kept = {name: given[name][:_MAX_VALUE] for name in FILTERS[viewed] if given.get(name, "all") != "all"}
    return urlencode({name: value for name, value in kept.items() if "\x00" not in value})


def list_views(session: Transaction, who: Identity, viewed: ViewedList) -> list[SavedView]:
    """Return the views of a list that a member can open, those of the company first, by name."""
    return list(session.exec(_visible(who, viewed).order_by(col(SavedView.is_shared).desc(), SavedView.name)).all())


def create(
    session: Transaction, who: Identity, viewed: ViewedList, *, name: str, query: str, shared: bool
) -> SavedView:
    """Save the filters in a query under a name.

    Raises Forbidden if a viewer saves one for the company, Invalid at "name" for a bad name or at "query" without a
    filter, Conflict if the name is taken, LimitReached if there are MAX_VIEWS.
    """
    if shared and not who.role.includes(Role.OPERATOR):
        raise Forbidden("Your role can’t save views for everyone. Save it for yourself.")
    words, filters = " ".join(name.split()), filters_of(viewed, query)
    if not words or len(words) > 60 or "\x00" in words:
        raise Invalid("Enter a name of up to {count} characters.", field="name", count=60)
    if not filters or len(filters) > 1_000:
        raise Invalid("Set a filter, a search or an order first.", field="query")
    held = list_views(session, who, viewed)
    if len(held) >= MAX_VIEWS:
        raise LimitReached("You can add up to {count} views.", count=MAX_VIEWS)
    if any(row.name.casefold() == words.casefold() and row.is_shared == shared for row in held):
        raise Conflict("There is a view with this name. Choose another name.")
    row = SavedView(
        tenant_id=who.tenant_id, viewed=viewed, name=words, query=filters, is_shared=shared, user_id=who.user_id
    )
    session.add(row)
    return row


def may_remove(who: Identity, row: SavedView) -> bool:
    """Return whether a member may remove a view: an own one, or as an admin one of the company."""
    if not row.is_shared:
        return row.user_id == who.user_id
    return who.role.includes(Role.ADMIN) or (row.user_id == who.user_id and who.role.includes(Role.OPERATOR))


def remove(session: Transaction, who: Identity, view_id: str) -> SavedView:
    """Remove a view; it can be restored for a day.

    Raises NotFound if there is no such view, Forbidden if it is another member's.
    """
    row = _get(session, who, view_id, is_removed=False)
    for old in session.exec(owned(SavedView, who.tenant_id).where(col(SavedView.removed_at) < now() - KEPT_FOR)).all():
        session.delete(old)
    row.removed_at = now()
    return row


def restore(session: Transaction, who: Identity, view_id: str) -> SavedView:
    """Restore a removed view. Raises NotFound if there is none, Forbidden if it is another member's."""
    row = _get(session, who, view_id, is_removed=True)
    row.removed_at = None
    return row


def _get(session: Transaction, who: Identity, view_id: str, *, is_removed: bool) -> SavedView:
    query = owned(SavedView, who.tenant_id).where(SavedView.id == view_id)
    row: SavedView | None = session.exec(query.with_for_update()).first()
    if row is None or (row.removed_at is not None) != is_removed or not (row.is_shared or row.user_id == who.user_id):
        raise NotFound("View not found. It may have been removed.")
    if not may_remove(who, row):
        raise Forbidden("Only an admin or the member who saved it can remove this view.")
    return row


def _visible(who: Identity, viewed: ViewedList) -> Any:
    """Return the query of the views of a list that a member can open."""
    return owned(SavedView, who.tenant_id).where(
        SavedView.viewed == viewed,
        col(SavedView.removed_at).is_(None),
        or_(col(SavedView.is_shared).is_(True), col(SavedView.user_id) == who.user_id),
    )
