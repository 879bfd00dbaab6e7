"""Categories: a tenant's nested and ordered categories of knowledge."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.errors import Invalid, LimitReached, NotFound
from platform_app.models.knowledge import Category, Source
from platform_app.models.person import Identity
from platform_app.models.web_site import WebSite
from platform_app.rag import knowledge_state
from platform_app.services.bin import bin_entries
from platform_app.services.versions.deletable_rows import DeletableRows

MAX_CATEGORIES = 200  # of a tenant
MAX_DEPTH = 5
MAX_NAME_CHARS = 120
_ROWS = DeletableRows(
    model=Category,
    missing="Category not found.",
    max_rows=MAX_CATEGORIES,
    limit_reached="You can add up to {count} categories.",
)


def list_categories(session: Transaction, who: Identity) -> list[tuple[Category, int]]:
    """Return the tenant's categories with their depth from 0, each followed by its descendants."""
    return _tree(_all(session, who.tenant_id))


def _all(session: Transaction, tenant_id: str) -> Sequence[Category]:
    found: Sequence[Category] = session.exec(
        owned(Category, tenant_id)
        .where(col(Category.deleted_at).is_(None))
        .order_by(Category.position, Category.created_at, Category.id)
    ).all()
    return found


def _tree(rows: Sequence[Category], parent: str | None = None, depth: int = 0) -> list[tuple[Category, int]]:
    found: list[tuple[Category, int]] = []
    for row in rows:
        if row.parent_id == parent:
            found += [(row, depth), *_tree(rows, row.id, depth + 1)]
    return found


def get(session: Transaction, who: Identity, category_id: str) -> Category:
    """Return a category of the tenant. Raises NotFound if there is none."""
    return _ROWS.get(session, who, category_id)


def with_descendants(session: Transaction, tenant_id: str, ids: Iterable[str]) -> list[str]:
    """Return the ids of these categories and of all their descendants."""
    wanted, found = set(ids), list[str]()
    for row, _ in _tree(_all(session, tenant_id)):
        if row.id in wanted or row.parent_id in found:
            found.append(row.id)
    return found


def add(session: Transaction, who: Identity, name: str, *, parent_id: str | None = None) -> Category:
    """Add a category at the end of its siblings.

    Raises LimitReached at the maximum number or depth, NotFound for an unknown parent, and Invalid for a wrong or taken
    name.
    """
    depths = {row.id: depth for row, depth in list_categories(session, who)}
    if len(depths) >= MAX_CATEGORIES:
        raise LimitReached("You can add up to {count} categories.", count=MAX_CATEGORIES)
    if parent_id and depths[get(session, who, parent_id).id] + 1 >= MAX_DEPTH:
        raise LimitReached("Categories can be nested up to {count} levels.", count=MAX_DEPTH)
    siblings = [row for row in _all(session, who.tenant_id) if row.parent_id == parent_id]
    made = Category(
        tenant_id=who.tenant_id,
        name=_unique_name(siblings, name),
        parent_id=parent_id,
        position=max((row.position for row in siblings), default=0) + 1,
    )
    session.add(made)
    session.flush()
    return made


def rename(session: Transaction, who: Identity, category_id: str, name: str) -> Category:
    """Rename a category. Raises NotFound if there is none, Invalid for a wrong or taken name."""
    category = get(session, who, category_id)
    siblings = [row for row in _all(session, who.tenant_id) if row.parent_id == category.parent_id]
    category.name = _unique_name([row for row in siblings if row.id != category.id], name)
    return category


def _unique_name(siblings: Iterable[Category], name: str) -> str:
    name = " ".join(name.split())
    if not name or not name.isprintable():
        raise Invalid("Give the category a name.", field="name")
    if len(name) > MAX_NAME_CHARS:
        raise Invalid("The name is longer than {count} characters.", field="name", count=MAX_NAME_CHARS)
    if name.casefold() in {row.name.casefold() for row in siblings}:
        raise Invalid("There is a category of this name.", field="name")
    return name


def move(session: Transaction, who: Identity, category_id: str, *, up: bool) -> None:
    """Swap a category with the sibling before it, or after it. Raises NotFound if there is none."""
    category = get(session, who, category_id)
    siblings = [row for row in _all(session, who.tenant_id) if row.parent_id == category.parent_id]
    place = siblings.index(category)
    other = place - 1 if up else place + 1
    if 0 <= other < len(siblings):
        siblings[place], siblings[other] = siblings[other], siblings[place]
    for number, row in enumerate(siblings, 1):
        row.position = number


def delete(session: Transaction, who: Identity, category_id: str) -> None:
    """Delete a category; what it holds moves to its parent. Raises NotFound if there is none."""
    category = _ROWS.delete(session, who, category_id)
    moved = {
        "categories": _move(session, Category, "parent_id", category, to=category.parent_id),
        "sources": _move(session, Source, "category_id", category, to=category.parent_id),
        "sites": _move(session, WebSite, "category_id", category, to=category.parent_id),
    }
    entry = bin_entries.find(session, category)
    assert entry is not None  # just written
    entry.details = moved
    knowledge_state.increment_revision(session, who.tenant_id)


def _move(session: Transaction, model: Any, column: str, category: Category, *, to: str | None) -> list[str]:
    """Move what a category holds to another; return the ids."""
    held = owned(model, category.tenant_id).where(getattr(model, column) == category.id)
    rows = session.exec(held).all()
    for row in rows:
        setattr(row, column, to)
    session.flush()
    return [row.id for row in rows]


def restore(session: Transaction, who: Identity, category_id: str) -> Category:
    """Restore a deleted category with what it held, as far as that was not moved elsewhere meanwhile.

    It is numbered if its name is taken, and stands at the top if its parent is deleted. Raises NotFound if there is no
    such deleted category, LimitReached if there are MAX_CATEGORIES or it would nest too deep.
    """
    query = owned(Category, who.tenant_id).where(Category.id == category_id)
    entry = bin_entries.find(session, deleted) if (deleted := session.exec(query).first()) else None
    held = dict(entry.details) if entry else {}
    row = _ROWS.restore(session, who, category_id)
    former, others = row.parent_id, [other for other in _all(session, who.tenant_id) if other.id != row.id]
    row.parent_id = former if former in {other.id for other in others} else None
    row.name = _free_name([other for other in others if other.parent_id == row.parent_id], row.name)
    _move_back(session, row, Category, "parent_id", ids=held.get("categories", []), former=former)
    _move_back(session, row, Source, "category_id", ids=held.get("sources", []), former=former)
    _move_back(session, row, WebSite, "category_id", ids=held.get("sites", []), former=former)
    session.flush()
    if max((depth for _, depth in list_categories(session, who)), default=0) >= MAX_DEPTH:
        raise LimitReached("Categories can be nested up to {count} levels.", count=MAX_DEPTH)
    knowledge_state.increment_revision(session, who.tenant_id)
    return row


def _move_back(
    session: Transaction, row: Category, model: Any, column: str, *, ids: list[str], former: str | None
) -> None:
    """Move what a category held back into it, if it still is where the deletion moved it."""
    query = owned(model, row.tenant_id).where(model.id.in_(ids), getattr(model, column) == former)
    for other in session.exec(query).all():
        setattr(other, column, row.id)


def _free_name(siblings: Iterable[Category], name: str) -> str:
    """Return a name, with the first number that makes it unlike those of the siblings if it is taken."""
    taken, given, count = {row.name.casefold() for row in siblings}, name, 2
    while given.casefold() in taken:
        given, count = f"{name[: MAX_NAME_CHARS - 8]} ({count})", count + 1
    return given


def set_source_category(session: Transaction, who: Identity, source_id: str, category_id: str | None) -> None:
    """Set the category of a source, None for no category. Raises NotFound if either does not exist."""
    source: Source | None = session.exec(owned(Source, who.tenant_id).where(Source.id == source_id)).first()
    if source is None or source.deleted_at is not None:
        raise NotFound("Source not found. It may have been deleted.")
    source.category_id = get(session, who, category_id).id if category_id else None
    knowledge_state.increment_revision(session, who.tenant_id)
