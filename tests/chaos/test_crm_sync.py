"""CRM sync under fire: the worker dies in the middle of a first synchronization again and again; nothing is twice."""

from collections import Counter

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.models.crm import Lead, LeadContact
from platform_app.models.integration import CrmLink, CrmSync, RecordKind, SyncState
from platform_app.models.person import Identity
from platform_app.services.integrations import synchronization
from tests.chaos.conftest import NewWorker, OwnRedis, size
from tests.conftest import wait_for
from tests.crm_sync import connect, events, rows
from tests.fakes.kommo import kommo
from tests.talking import call

__all__ = ["kommo"]
LEADS = int(size("CRM_LEADS", 3_000, 20_000))
KILLS = int(size("CRM_KILLS", 4, 20))


def reached(who: Identity) -> CrmSync:
    (sync,) = rows(who, CrmSync)
    return sync  # type: ignore[no-any-return]


def leads_read(who: Identity) -> int:
    return reached(who).counts.get(RecordKind.LEAD.value, 0)


def test_a_first_synchronization_with_a_worker_that_dies(
    own_redis: OwnRedis, who: Identity, new_worker: NewWorker, kommo: FakeKommo
) -> None:
    at = int(now().timestamp()) - 86_400
    both = [kommo.data.add("contacts", name=name, created_at=at, updated_at=at)["id"] for name in ("Anna", "Boris")]
    for number in range(LEADS):
        kommo.data.add("leads", name=f"Lead {number}", contacts=both, created_at=at, updated_at=at)
    connection_id = connect(who, kommo)
    call(who, synchronization.start, connection_id)
    worker = new_worker("worker", PLATFORM_LEASE_SECONDS="1")
    for kill in range(KILLS):
        wanted = LEADS * kill // (KILLS + 1)
        wait_for(lambda wanted=wanted: leads_read(who) >= wanted, 120)
        worker.kill()
        assert reached(who).state == SyncState.RUNNING
        if kill == KILLS // 2:
            kommo.is_cut = True  # and the network is cut
        worker.start()
        wait_for(worker.is_up, 60)
        kommo.is_cut = False
    wait_for(lambda: reached(who).state == SyncState.DONE, 240)
    assert (reached(who).created, reached(who).refused, leads_read(who)) == (LEADS + 2, 0, LEADS)
    with session_scope(who.tenant_id, read_only=True) as session:
        titles = Counter(session.exec(owned(Lead, who.tenant_id).with_only_columns(Lead.title)).all())
    assert len(titles) == LEADS and set(titles.values()) == {1}
    assert len({link.lead_id for link in rows(who, LeadContact)}) == len(rows(who, LeadContact)) == LEADS
    assert len([link for link in rows(who, CrmLink) if link.kind == RecordKind.LEAD]) == LEADS
    assert events(who, "lead_created") == [] and kommo.rates.most <= 7
