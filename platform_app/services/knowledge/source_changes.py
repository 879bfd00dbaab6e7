"""Source changes: a new title or a new file for a source, which is found as it was until it is indexed again."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

from platform_app import notifier
from platform_app.db import Transaction, session_scope
from platform_app.errors import Conflict, Invalid
from platform_app.files.tenant_files import StoredFile
from platform_app.models.event import ActivityKind
from platform_app.models.knowledge import Source, SourceKind
from platform_app.models.person import Identity
from platform_app.rag.parsing import check_name
from platform_app.services.feed import activity
from platform_app.services.knowledge import source_replacement, sources, uploads

MAX_TITLE_CHARS = 200


def set_file(session: Transaction, source: Source, file_name: str, file: StoredFile) -> None:
    """Give a source another file, which is not indexed yet. Raises LimitReached if the tenant's files are too large.

    The former file stays until the files that no row names are deleted.
    """
    sources.check_quota(session, source.tenant_id, file.size - source.size)
    source.file_name, source.next_chunks = file_name, 0
    source.stored_as, source.size, source.sha256 = file.stored_as, file.size, file.sha256


async def replace_file(who: Identity, source_id: str, file_name: str, body: AsyncIterator[bytes]) -> None:
    """Replace the file of a source; its former passages are found until the new ones are indexed.

    Raises NotFound if there is no such source, Conflict if it is no file, Invalid if the name or type of the file is
    not allowed or it is empty, LimitReached if it is too large or the quota is used up. Nothing is changed then.
    """
    name = uploads.plain_name(file_name)
    check_name(name)
    async with uploads.store_file(who.tenant_id, body) as file:

        def replace() -> None:
            with session_scope(who.tenant_id) as session:
                _replace(session, who, source_id, name=name, file=file)

        await asyncio.to_thread(replace)


def _replace(session: Transaction, who: Identity, source_id: str, *, name: str, file: StoredFile) -> None:
    source = _locked_file(session, who, source_id)
    set_file(session, source, name, file)
    _index_again(session, source)
    activity.record_by(
        session,
        who,
        ActivityKind.KNOWLEDGE,
        "File of the source “{title}” replaced",
        link=f"/knowledge/{source.id}",
        title=source.title,
    )


def rename(session: Transaction, who: Identity, source_id: str, title: str) -> Source:
    """Give a source another title, by which it is also found once it is indexed again.

    Raises NotFound if there is no such source, Conflict if it is no file, Invalid for an empty or long title.
    """
    title = " ".join(title.split())
    if not title or not title.isprintable() or len(title) > MAX_TITLE_CHARS:
        raise Invalid("Enter a title of up to {count} characters.", field="title", count=MAX_TITLE_CHARS)
    source = _locked_file(session, who, source_id)
    if source.title != title:
        source.title = title
        _index_again(session, source)
    return source


def _locked_file(session: Transaction, who: Identity, source_id: str) -> Source:
    source = sources.get(session, who, source_id, lock=True)
    if source.kind == SourceKind.WEB:
        raise Conflict("This is a web page. It is read from its address.")
    if source.kind != SourceKind.FILE:
        raise Conflict("This is an article. Edit it instead.")
    return source


def _index_again(session: Transaction, source: Source) -> None:
    source_replacement.index_again(session, source)
    session.after_commit.append(partial(notifier.publish, source.tenant_id, "source", source.id))
