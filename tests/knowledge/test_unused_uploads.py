"""Unused: uploads of which nothing came do not fill the disk."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import owned, owned_update, session_scope
from platform_app.models.crm import ContactImport, ImportState
from platform_app.models.person import Identity
from platform_app.services.crm import imports
from platform_app.services.knowledge import sources, unused_uploads
from tests.conftest import make_tenant
from tests.stored_files import stored_keys

TABLE = b"name,email\nAnna,anna@x.io\n"


async def body(data: bytes) -> AsyncIterator[bytes]:
    yield data


def upload(who: Identity) -> str:
    return asyncio.run(imports.store_upload(who, "people.csv", body(TABLE)))


def rows(who: Identity) -> dict[str, str]:
    """Return the imports of a tenant, and the file of each."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return {row.id: row.stored_as for row in session.exec(owned(ContactImport, who.tenant_id)).all()}


def files() -> set[str]:
    return set(stored_keys())


def put(who: Identity, import_id: str, **values: object) -> None:
    with session_scope(who.tenant_id) as session:
        session.execute(
            owned_update(ContactImport, who.tenant_id).where(ContactImport.id == import_id).values(**values)  # type: ignore[arg-type]
        )


def test_few_tables_of_a_tenant_wait(who: Identity, other: Identity) -> None:
    theirs, begun = upload(other), upload(who)
    put(who, begun, state=ImportState.RUNNING)
    made = [upload(who) for _ in range(unused_uploads.MAX_WAITING + 3)]
    held = rows(who)
    assert set(held) == {begun, *made[3:]}
    assert files() == {*held.values(), rows(other)[theirs]}


def test_what_was_not_begun_for_a_day_goes(who: Identity, other: Identity) -> None:
    old, fresh, running, foreign = upload(who), upload(who), upload(who), upload(other)
    for owner, one in ((who, old), (who, running), (other, foreign)):
        put(owner, one, created_at=now() - timedelta(hours=25))
    put(who, running, state=ImportState.RUNNING)
    assert unused_uploads.delete_unused() is False
    assert set(rows(who)) == {fresh, running} and rows(other) == {}
    assert files() == set(rows(who).values())


@pytest.mark.parametrize("hours", [1, 25])
def test_a_file_that_no_row_knows_goes(who: Identity, hours: int) -> None:
    source = asyncio.run(sources.store_upload(who, "a.txt", body(b"text")))
    held = upload(who)
    lost = settings().uploads / "lost"
    lost.write_bytes(b"x" * 100)
    at = (now() - timedelta(hours=hours)).timestamp()
    for key in files():
        os.utime(settings().uploads / key, (at, at))
    unused_uploads.delete_unused()
    assert lost.exists() == (hours == 1)
    assert rows(who)[held] in files() and len(files()) == (3 if hours == 1 else 2) and source


def test_nothing_is_there_yet(database: str) -> None:
    make_tenant("acme")
    assert not Path(settings().uploads).exists()
    assert unused_uploads.delete_unused() is False
