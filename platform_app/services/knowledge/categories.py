"""Categories: a tenant's nested and ordered categories of knowledge."""

from collections.abc import Iterable, Sequence

from sqlmodel import col

from platform_app.db import Transaction, owned, owned_update
from platform_app.errors import Invalid, LimitReached, NotFound
from platform_app.models.knowledge import Category, Source
from platform_app.models.person import Identity
from platform_app.rag import lexical_index

MAX_CATEGORIES = 200  # of a tenant
MAX_DEPTH = 5
MAX_NAME_CHARS = 120


def list_categories(session: Transaction, who: Identity) -> list[tuple[Category, int]]:
    """Return the tenant's categories with their depth from 0, each followed by its descendants."""
    return _tree(_all(session, who.tenant_id))


def _all(session: Transaction, tenant_id: str) -> Sequence[Category]:
    found: Sequence[Category] = session.exec(
        owned(Category, tenant_id).order_by(Category.position, Category.created_at, Category.id)
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
    found: Category | None = session.exec(owned(Category, who.tenant_id).where(Category.id == category_id)).first()
    if found is None:
        raise NotFound("There is no such category.")
    return found


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
        raise LimitReached("There can be {count} categories at most.", count=MAX_CATEGORIES)
    if parent_id and depths[get(session, who, parent_id).id] + 1 >= MAX_DEPTH:
        raise LimitReached("Categories nest {count} deep at most.", count=MAX_DEPTH)
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
    """Delete a category; its children and sources move to its parent. Raises NotFound if there is none."""
    category = get(session, who, category_id)
    inside = owned_update(Category, who.tenant_id).where(col(Category.parent_id) == category.id)
    session.execute(inside.values(parent_id=category.parent_id))
    sources = owned_update(Source, who.tenant_id).where(col(Source.category_id) == category.id)
    session.execute(sources.values(category_id=category.parent_id))
    session.delete(category)
    lexical_index.increment_revision(session, who.tenant_id)


def set_source_category(session: Transaction, who: Identity, source_id: str, category_id: str | None) -> None:
    """Set the category of a source, None for no category. Raises NotFound if either does not exist."""
    source: Source | None = session.exec(owned(Source, who.tenant_id).where(Source.id == source_id)).first()
    if source is None or source.deleted_at is not None:
        raise NotFound("There is no such source.")
    source.category_id = get(session, who, category_id).id if category_id else None
    lexical_index.increment_revision(session, who.tenant_id)
