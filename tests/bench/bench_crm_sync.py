"""CRM sync measured: entities a second of a first synchronization with the fake Kommo without its limit, and memory.

`python -m tests.bench.bench_crm_sync [leads]`; as many contacts, and every tenth lead has a second one. Meanwhile the
list of leads is read twice a second, as a console does. PostgreSQL when PLATFORM_DATABASE_URL names one.
"""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from threading import Event, Thread

from platform_app import config, db, migrations
from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.integrations.kommo import limits
from platform_app.models.integration import CrmSync
from platform_app.models.person import Identity, Role, Tenant
from platform_app.services.crm import leads
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
        linked = [person["id"], *([person["id"] - 2] if number % 10 == 9 else [])]
        fake.data.add("leads", name=f"Lead {number}", price=number, contacts=linked, created_at=at, updated_at=at)
    fake.data.events.clear()  # nothing of it has just changed


def a_tenant() -> Identity:
    """Write a tenant; return an owner."""
    with session_scope(reason="bench") as session:
        tenant = Tenant(slug="bench", name="Bench", language="en")
        session.add(tenant)
        session.flush()
        known = {"email": "", "slug": "bench", "tenant_name": "Bench", "language": "en", "time_zone": "UTC"}
        return Identity(user_id="", tenant_id=tenant.id, role=Role.OWNER, name="Bench", **known)


class Watch(Thread):
    """Reads the list of leads and notes how long that took, and the memory of this process, until it is stopped."""

    def __init__(self, who: Identity) -> None:
        super().__init__(daemon=True)
        self.who, self.is_over, self.seconds, self.megabytes = who, Event(), list[float](), list[float]()

    def run(self) -> None:
        """Read twice a second."""
        while not self.is_over.wait(0.5):
            begun = time.perf_counter()
            with session_scope(self.who.tenant_id, read_only=True) as session:
                leads.list_leads(session, self.who)
            self.seconds.append(time.perf_counter() - begun)
            self.megabytes.append(megabytes())


def megabytes() -> float:
    """Return the memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    """Synchronize everything and say how long that took."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder, FakeKommo() as fake:
        os.environ |= {"PLATFORM_DATA_DIR": folder, "PLATFORM_KOMMO_API_URL": fake.address}
        config.settings.cache_clear()
        limits._RATES = (10**9, 10**9)
        fake.rates.is_on = False
        migrations.upgrade(config.settings().database)
        fill(fake, count)
        who = a_tenant()
        connection_id, before = connect(who, fake), megabytes()
        call(who, synchronization.start, connection_id)
        watch = Watch(who)
        watch.start()
        begun, worked = time.perf_counter(), time.thread_time()
        run_jobs(who)
        took, worked = time.perf_counter() - begun, time.thread_time() - worked
        watch.is_over.set()
        watch.join()
        (sync,) = rows(who, CrmSync)
        print(f"{sync.state.value}: {sync.created} entities in {took:.1f} s, {sync.created / took:.0f} a second")
        print(f"processor time of the worker's thread: {worked:.1f} s, {sync.created / worked:.0f} a second")
        quarters = [max(watch.megabytes[: len(watch.megabytes) * part // 4 or 1]) for part in (1, 2, 3, 4)]
        print(f"memory: {before:.0f} MB before, at most {', '.join(f'{held:.0f}' for held in quarters)} MB by quarters")
        times = sorted(watch.seconds)
        median, late = times[len(times) // 2], times[int(len(times) * 0.95)]
        print(f"list of leads meanwhile: {len(times)} times, median {median * 1000:.0f} ms, 95 % {late * 1000:.0f} ms")
        db.engine().dispose()


if __name__ == "__main__":
    main()
