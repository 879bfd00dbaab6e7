"""CRM sync: a connected fake Kommo, as tests of the exchange need it."""

from datetime import timedelta
from typing import Any

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.models.crm import Contact, Lead, Note, Stage, Task
from platform_app.models.event import Event
from platform_app.models.integration import CrmConnection, CrmKind, CrmLink, CrmSync, RecordKind
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity
from platform_app.services.crm import crm_changes
from platform_app.services.integrations import connections, definitions, hooks, synchronization
from tests.talking import call
from worker.runner import Runner
from worker.tasks import HANDLERS

YEAR = timedelta(days=365)
ROUNDS = 60


def connect(who: Identity, kommo: FakeKommo) -> str:
    """Connect an account without reading its records; return the connection's id."""
    access = connections.verify(CrmKind.KOMMO, kommo.host, kommo.token)
    row = call(who, connections.connect, access)
    with session_scope(who.tenant_id) as session:
        definitions.store(session, who, connections.get(session, who, row.id), access.definitions)
    return str(row.id)


def synchronize(who: Identity, connection_id: str) -> CrmSync:
    """Synchronize everything; return how that ended."""
    call(who, synchronization.start, connection_id)
    work(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        found = synchronization.newest(session, connections.get(session, who, connection_id))
        assert found is not None
        return found


def connected(who: Identity, kommo: FakeKommo) -> str:
    """Connect an account and synchronize everything; return the connection's id."""
    connection_id = connect(who, kommo)
    assert synchronize(who, connection_id).error == ""
    return connection_id


def exchange(who: Identity, connection_id: str, *, is_due: bool = True) -> None:
    """Let a worker exchange changes, with a look for what was not posted if `is_due`."""
    with session_scope(who.tenant_id) as session:
        row = connections.get(session, who, connection_id)
        row.changes_due_at = now() if is_due else now() + YEAR
        crm_changes.request_exchange(session, who.tenant_id, connection_id)
    work(who)


def work(who: Identity) -> None:
    """Let a worker do every job that is due, and those that follow."""
    runner = Runner(HANDLERS, 30)
    runner.start()
    for _ in range(ROUNDS):
        with session_scope(who.tenant_id, read_only=True) as session:
            query = owned(Job, who.tenant_id).where(Job.state == JobState.QUEUED, Job.run_at <= now())
            waiting = session.exec(query.order_by(Job.id).with_only_columns(Job.id)).all()
        if not waiting:
            break
        for job_id in waiting:
            runner.run(job_id)
    runner.stop()


def post(who: Identity, connection_id: str, body: bytes) -> None:
    """Post a body to the address of a connection, as the CRM does."""
    (result,) = hooks.accept_all(connection(who, connection_id).token, [body])
    if result is not None:
        raise result


def connection(who: Identity, connection_id: str) -> CrmConnection:
    """Return a connection as it stands now."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return connections.get(session, who, connection_id)


def rows(who: Identity, model: Any) -> list[Any]:
    """Return the rows of a table, oldest first."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(model, who.tenant_id).order_by(model.id)).all())


def linked(who: Identity, kind: RecordKind, external_id: Any) -> Any:
    """Return the row that a record is, or None."""
    models = {RecordKind.LEAD: Lead, RecordKind.CONTACT: Contact, RecordKind.TASK: Task, RecordKind.NOTE: Note}
    with session_scope(who.tenant_id, read_only=True) as session:
        link = link_of(who, kind, external_id)
        if link is None:
            return None
        model: Any = models.get(kind, Stage)
        return session.exec(owned(model, who.tenant_id).where(model.id == link.row_id)).first()


def link_of(who: Identity, kind: RecordKind, external_id: Any) -> CrmLink | None:
    """Return the link of a record, or None."""
    query = owned(CrmLink, who.tenant_id).where(CrmLink.kind == kind, CrmLink.external_id == str(external_id))
    with session_scope(who.tenant_id, read_only=True) as session:
        row: CrmLink | None = session.exec(query).first()
        return row


def events(who: Identity, kind: str) -> list[Event]:
    """Return the events of a kind, oldest first."""
    return [event for event in rows(who, Event) if event.kind == kind]
