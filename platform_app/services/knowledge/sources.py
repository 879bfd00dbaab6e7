"""Sources: upload, list, read, retry, delete and restore sources of knowledge."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy import func
from sqlmodel import col

from platform_app import notifier
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Conflict, LimitReached, NotFound
from platform_app.files import tenant_files
from platform_app.files.tenant_files import StoredFile
from platform_app.jobs import IndexSource, enqueue
from platform_app.models.event import ActivityKind
from platform_app.models.knowledge import Chunk, Source, SourceKind, SourceState, Visibility
from platform_app.models.person import Identity
from platform_app.models.web_site import PageOutcome, WebPage, WebSite
from platform_app.rag import knowledge_state
from platform_app.rag.parsing import check_name
from platform_app.rag.passages import MAX_JOINED
from platform_app.services.bin import bin_entries
from platform_app.services.feed import activity
from platform_app.services.knowledge import categories, source_replacement, uploads
from platform_app.services.knowledge.indexing import index_source, remove_source
from platform_app.services.knowledge.source_replacement import SameName

QUOTA_BYTES = 2_000_000_000  # for all files of a tenant
HIDDEN = Visibility.HIDDEN.value  # as the state in a list: articles that are not published

__all__ = ["index_source", "remove_source"]


async def store_upload(
    who: Identity,
    file_name: str,
    body: AsyncIterator[bytes],
    *,
    category_id: str | None = None,
    same_name: SameName = "replace",
) -> str:
    """Store an uploaded file and enqueue its indexing; return the source's id.

    A source of the same name is deleted when the new one is ready, or with `same_name` "keep" the new one is named `…
    (2)`. Raises Invalid if the name or type of the file is not allowed or it is empty, LimitReached if it is too large
    or the quota is used up, NotFound if there is no such category. Nothing is stored then.
    """
    name = uploads.plain_name(file_name)
    check_name(name)
    async with uploads.store_file(who.tenant_id, body) as file:

        def note() -> str:
            with session_scope(who.tenant_id) as session:
                return add_stored(session, who, name, file, category_id=category_id, same_name=same_name).id

        return await asyncio.to_thread(note)


def add_text(
    session: Transaction, who: Identity, file_name: str, text: str, *, category_id: str | None = None
) -> Source:
    """Store a text as a file and enqueue its indexing; a source of the same name is deleted when it is ready.

    Raises Invalid if the name is not allowed, LimitReached if the quota is used up, NotFound if there is no such
    category. Nothing is stored then.
    """
    name = uploads.plain_name(file_name)
    check_name(name)
    file = uploads.store_text(who.tenant_id, text)
    try:
        return add_stored(session, who, name, file, category_id=category_id)
    except BaseException:
        tenant_files.discard(who.tenant_id, file.stored_as)
        raise


def add_stored(
    session: Transaction,
    who: Identity,
    name: str,
    file: StoredFile,
    *,
    category_id: str | None = None,
    same_name: SameName = "replace",
) -> Source:
    """Create a source whose file is stored, in place of one of the same name, if any; see `store_upload`.

    Raises LimitReached if the quota is used up, NotFound if there is no such category.
    """
    if category_id:
        categories.get(session, who, category_id)
    old = source_replacement.find_same_name(session, who.tenant_id, name, category_id)
    keeps = old is not None and same_name == "keep"
    named = source_replacement.unique_name(session, who.tenant_id, name) if keeps else name
    source = add_source(session, who, named, file, category_id=category_id)
    if old is not None and not keeps:
        source.replaces, source.category_id = old.id, category_id or old.category_id
    return source


def has_same_name(session: Transaction, who: Identity, file_name: str, category_id: str | None) -> bool:
    """Return whether a file of this name would replace a source. Raises Invalid if the name is empty."""
    return (
        source_replacement.find_same_name(session, who.tenant_id, uploads.plain_name(file_name), category_id)
        is not None
    )


def add_source(
    session: Transaction, who: Identity, file_name: str, file: StoredFile, *, category_id: str | None = None
) -> Source:
    """Create a source whose file is stored, and enqueue its indexing.

    Raises LimitReached if the tenant's files exceed QUOTA_BYTES.
    """
    check_quota(session, who.tenant_id, file.size)
    source = Source(
        tenant_id=who.tenant_id,
        title=Path(file_name).stem[:300] or file_name,
        category_id=category_id,
        file_name=file_name,
        stored_as=file.stored_as,
        size=file.size,
        sha256=file.sha256,
        created_by=who.name,
    )
    session.add(source)
    session.flush()
    enqueue(session, who.tenant_id, IndexSource(source_id=source.id), lock_key=f"source:{source.id}")
    activity.record_by(
        session,
        who,
        ActivityKind.KNOWLEDGE,
        "Source “{title}” uploaded",
        link=f"/knowledge/{source.id}",
        title=source.title,
    )
    _publish_change(session, source)
    return source


def check_quota(session: Transaction, tenant_id: str, size: int) -> None:
    """Raise LimitReached if files of `size` more bytes would exceed QUOTA_BYTES."""
    query = owned(Source, tenant_id).where(col(Source.deleted_at).is_(None))
    taken = session.exec(query.with_only_columns(func.coalesce(func.sum(Source.size), 0))).one()
    if taken + size > QUOTA_BYTES:
        raise LimitReached("Storage is full. Delete some files first.")


def _exclude_page(session: Transaction, source: Source, *, is_excluded: bool) -> None:
    """Let the page of a source be read no more, or again. Raises Conflict if its web address is deleted."""
    if source.kind != SourceKind.WEB:
        return
    site = owned(WebSite, source.tenant_id).where(WebSite.id == source.site_id, col(WebSite.deleted_at).is_(None))
    if session.exec(site).first() is None:
        raise Conflict("The web address of this page is deleted. Restore that first.")
    page: WebPage | None = session.exec(owned(WebPage, source.tenant_id).where(WebPage.source_id == source.id)).first()
    if page is not None:
        page.is_excluded = is_excluded
        if is_excluded:
            page.outcome, page.reason = PageOutcome.EXCLUDED, "It is read again once it is restored from the bin."
        elif page.outcome == PageOutcome.EXCLUDED:
            page.outcome, page.reason = PageOutcome.UNCHANGED, ""


def _publish_change(session: Transaction, source: Source) -> None:
    tenant_id, source_id = source.tenant_id, source.id
    session.after_commit.append(lambda: notifier.publish(tenant_id, "source", source_id))


def list_sources(
    session: Transaction,
    who: Identity,
    *,
    search: str = "",
    state: str = "",
    category: str = "",
    page: int = 1,
    page_size: int = 25,
) -> tuple[list[Source], int]:
    """Return one page of the tenant's sources, newest first, and the number of all matching ones.

    `state` is a SourceState or HIDDEN; `category` is an id, which includes nested ones, or "none" for sources without
    a category. Pages of web addresses, which may be many, are among them only with a search or a state.
    """
    query = owned(Source, who.tenant_id).where(col(Source.deleted_at).is_(None))
    if not search.strip() and not state:
        query = query.where(Source.kind != SourceKind.WEB)
    if search.strip():
        wanted = search.strip().casefold()
        rows = session.execute(query.with_only_columns(Source.id, Source.title)).all()
        query = query.where(col(Source.id).in_([i for i, title in rows if wanted in title.casefold()]))
    if category == "none":
        query = query.where(col(Source.category_id).is_(None))
    elif category:
        inside = categories.with_descendants(session, who.tenant_id, [category])
        query = query.where(col(Source.category_id).in_(inside))
    if state == HIDDEN:
        query = query.where(Source.visibility == Visibility.HIDDEN)
    elif state:
        query = query.where(Source.state == state, Source.visibility != Visibility.HIDDEN)
    total = session.exec(query.with_only_columns(func.count())).one()
    shown = (
        query.order_by(col(Source.created_at).desc(), col(Source.id).desc())
        .offset((page - 1) * page_size)
        .limit(page_size)
    )
    return list(session.exec(shown).all()), int(total)


def get(session: Transaction, who: Identity, source_id: str, *, lock: bool = False) -> Source:
    """Return a source. Raises NotFound if it does not exist or is deleted."""
    query = owned(Source, who.tenant_id).where(Source.id == source_id)
    source: Source | None = session.exec(query.with_for_update() if lock else query).first()
    if source is None or source.deleted_at is not None:
        raise NotFound("Source not found. It may have been deleted.")
    return source


def list_chunks(session: Transaction, who: Identity, source_id: str) -> list[Chunk]:
    """Return the chunks of a source's current generation, in order. Raises NotFound if there is no such source."""
    source = get(session, who, source_id)
    query = owned(Chunk, who.tenant_id).where(Chunk.source_id == source.id, Chunk.generation == source.generation)
    return list(session.exec(query.order_by(Chunk.number)).all())


def get_passage(session: Transaction, who: Identity, *chunk_ids: str) -> tuple[Source, list[Chunk]]:
    """Return the source of a passage, deleted or not, and the chunks of the passage with their neighbours in order.

    Chunks that do not adjoin the first one are left out. Raises NotFound if there is no such chunk.
    """
    query = owned(Chunk, who.tenant_id).where(col(Chunk.id).in_(chunk_ids)).order_by(Chunk.number)
    found: list[Chunk] = list(session.exec(query).all())
    if not found:
        raise NotFound("This passage is no longer in the knowledge base.")
    chunk, last = found[0], min(found[-1].number, found[0].number + MAX_JOINED - 1)
    source = session.exec(owned(Source, who.tenant_id).where(Source.id == chunk.source_id)).one()
    near = owned(Chunk, who.tenant_id).where(
        Chunk.source_id == chunk.source_id,
        Chunk.generation == chunk.generation,
        Chunk.number >= chunk.number - 1,
        Chunk.number <= last + 1,
    )
    return source, list(session.exec(near.order_by(Chunk.number)).all())


def retry(session: Transaction, who: Identity, source_id: str) -> Source:
    """Enqueue the indexing of a failed source again.

    Raises NotFound if there is no such source, Conflict if it has not failed.
    """
    source = get(session, who, source_id)
    if source.state != SourceState.FAILED:
        raise Conflict("Only a failed source can be read again.")
    source.state, source.error, source.progress = SourceState.QUEUED, "", 0
    enqueue(session, who.tenant_id, IndexSource(source_id=source.id), lock_key=f"source:{source.id}")
    _publish_change(session, source)
    return source


def delete(session: Transaction, who: Identity, source_id: str) -> Source:
    """Move a source to the bin; no search finds it any more. A web page is not read again until it is restored.

    Raises NotFound if there is no such source.
    """
    source = get(session, who, source_id)
    _exclude_page(session, source, is_excluded=True)
    source_replacement.retire(session, who.tenant_id, source.id, by=who.name)
    activity.record_by(
        session,
        who,
        ActivityKind.KNOWLEDGE,
        "Source “{title}” deleted",
        title=source.title,
    )
    return source


def restore(session: Transaction, who: Identity, source_id: str) -> Source:
    """Restore a deleted source; it is indexed again if its chunks are deleted, and numbered if its name is taken.

    Raises NotFound if there is no such deleted source, LimitReached if the tenant's files would exceed QUOTA_BYTES, and
    Conflict if it is a web page whose address is deleted.
    """
    query = owned(Source, who.tenant_id).where(Source.id == source_id).with_for_update()
    source: Source | None = session.exec(query).first()
    if source is None or source.deleted_at is None:
        raise NotFound("Source not found. It may have been deleted.")
    check_quota(session, who.tenant_id, source.size)
    _exclude_page(session, source, is_excluded=False)
    is_file = source.kind == SourceKind.FILE
    if is_file and source_replacement.find_same_name(session, who.tenant_id, source.file_name, None):
        source.file_name = source_replacement.unique_name(session, who.tenant_id, source.file_name)
        source.title = Path(source.file_name).stem[:300]
    source.deleted_at = None
    bin_entries.remove_restored(session, who, source)
    if source.chunk_count == 0 and source.state != SourceState.FAILED and source.stored_as:
        source_replacement.index_again(session, source)
    knowledge_state.increment_revision(session, who.tenant_id, source)
    _publish_change(session, source)
    return source
