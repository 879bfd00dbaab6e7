"""CRM sync measured: entities a second of a first synchronization with the fake Kommo without its limit, and memory.

`python -m tests.bench.bench_crm_sync [leads]`; as many contacts. PostgreSQL when PLATFORM_DATABASE_URL names one.
"""

import os
import resource
import sys
import tempfile
import time

from platform_app import config, db, migrations
from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.integrations.kommo import limits
from platform_app.models.integration import CrmSync
from platform_app.models.person import Identity, Role, Tenant
from platform_app.services.integrations import synchronization
from tests.crm_sync import connect, rows
from tests.talking import call, run_jobs


def fill(fake: FakeKommo, count: int) -> None:
    """Add contacts and a lead for each."""
    at = int(now().timestamp()) - 86_400
    phone = {"field_id": 8001, "field_code": "PHONE", "field_name": "Phone", "field_type": "multitext"}
    for number in range(count):
        values = [phone | {"values": [{"value": f"+7912{number:07}", "enum_code": "WORK"}]}]
        person = fake.data.add(
            "contacts", name=f"Person {number}", custom_fields_values=values, created_at=at, updated_at=at
        )
        fake.data.add(
            "leads", name=f"Lead {number}", price=number, contacts=[person["id"]], created_at=at, updated_at=at
        )


def a_tenant() -> Identity:
    """Write a tenant; return an owner."""
    with session_scope(reason="bench") as session:
        tenant = Tenant(slug="bench", name="Bench", language="en")
        session.add(tenant)
        session.flush()
        known = {"email": "", "slug": "bench", "tenant_name": "Bench", "language": "en", "time_zone": "UTC"}
        return Identity(user_id="", tenant_id=tenant.id, role=Role.OWNER, name="Bench", **known)


def peak_megabytes() -> float:
    """Return the most memory that this process has used."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Synchronize everything and say how long that took."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder, FakeKommo() as fake:
        os.environ |= {"PLATFORM_DATA_DIR": folder, "PLATFORM_KOMMO_API_URL": fake.address}
        config.settings.cache_clear()
        limits._INTERVALS[:] = [0.0, 0.0]
        fake.rates.is_on = False
        migrations.upgrade(config.settings().database)
        fill(fake, count)
        who = a_tenant()
        connection_id, before = connect(who, fake), peak_megabytes()
        call(who, synchronization.start, connection_id)
        begun, worked = time.perf_counter(), time.thread_time()
        run_jobs(who)
        took, worked = time.perf_counter() - begun, time.thread_time() - worked
        (sync,) = rows(who, CrmSync)
        print(f"{sync.state.value}: {sync.created} entities in {took:.1f} s, {sync.created / took:.0f} a second")
        print(f"processor time of the worker's thread: {worked:.1f} s, {sync.created / worked:.0f} a second")
        print(f"memory: {before:.0f} MB before, at most {peak_megabytes():.0f} MB")
        db.engine().dispose()


if __name__ == "__main__":
    main()
