"""Imports under fire: the worker is killed in the middle, goes on where it stopped, and takes nothing twice."""

import asyncio
from collections import Counter

from platform_app.db import owned, session_scope
from platform_app.models.crm import Contact, ContactImport, ImportState
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity
from platform_app.services.crm import imports
from tests.chaos.conftest import NewWorker, OwnRedis, size
from tests.conftest import wait_for
from tests.crm.test_imports import parts

ROWS = int(size("ROWS", 5_000, 10_000))


def now_there(who: Identity, import_id: str) -> ContactImport:
    with session_scope(who.tenant_id, read_only=True) as session:
        found: ContactImport = imports.get(session, who, import_id)
        return found


def test_each_row_once_with_a_worker_that_dies(own_redis: OwnRedis, who: Identity, new_worker: NewWorker) -> None:
    lines = [f"Person {number};+7900{number:07};p{number}@example.com" for number in range(ROWS)]
    lines[4_000] = ";12;"
    data = ("name;phone;email\n" + "\n".join(lines)).encode()
    import_id = asyncio.run(imports.store_upload(who, "people.csv", parts(data)))
    with session_scope(who.tenant_id) as session:
        imports.start(session, who, import_id, {"0": "name", "1": "phones", "2": "emails"})
    worker = new_worker("worker", PLATFORM_LEASE_SECONDS="2")
    for reached in (600, 3_000):
        wait_for(lambda rows=reached: now_there(who, import_id).rows_done >= rows, 60)
        worker.kill()
        assert now_there(who, import_id).state == ImportState.RUNNING
        worker.start()
    wait_for(lambda: now_there(who, import_id).state == ImportState.DONE, 120)
    row = now_there(who, import_id)
    assert (row.created, row.changed, row.refused, row.rows_done) == (ROWS - 1, 0, 1, ROWS)
    with session_scope(who.tenant_id, read_only=True) as session:
        names = Counter(session.exec(owned(Contact, who.tenant_id).with_only_columns(Contact.name)).all())
        events = owned(Event, who.tenant_id).where(Event.kind == EventKind.CONTACT_CREATED)
        told = Counter(session.exec(events.with_only_columns(Event.contact_id)).all())
        (refused,) = imports.list_refused_rows(session, who, import_id)
    assert len(names) == ROWS - 1 and set(names.values()) == {1}
    assert len(told) == ROWS - 1 and set(told.values()) == {1}
    assert (refused.number, refused.field) == (4_002, "phones")
