"""Sequences measured: what a tick costs while many wait, and how fast what is due at once is done.

`python -m tests.bench.bench_sequences`. A tick is what the worker does every second: look for steps that are due.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Thread
from typing import Any

from sqlalchemy import event, func
from sqlmodel import SQLModel

from platform_app import config, db
from platform_app.clock import now
from platform_app.db import owned, owned_update, session_scope
from platform_app.engine.sequences import sequence_scheduler
from platform_app.models.crm import Contact
from platform_app.models.person import Identity, Role, Tenant
from platform_app.models.sequence import Enrollment, EnrollmentStep, Sequence
from tests.conftest import wait_for
from tests.sequencing import a_sequence, after, do

WAITING = (1_000, 10_000, 100_000)
AT_ONCE = 10_000
ROUNDS = 60
FAR = timedelta(days=30)
STEPS: dict[str, dict[str, Any]] = {
    "writes a note": do("one", {"kind": "write_note", "text": "Hello {{ contact.name }}"}),
    "adds a tag": do("one", {"kind": "add_tag", "tag": "followed up"}),
    "only divides": {"id": "one", "kind": "split", "percent": 50, "a": [], "b": []},
}


def a_tenant(slug: str) -> Identity:
    """Write a tenant; return its owner."""
    with session_scope(reason="bench") as session:
        tenant = Tenant(name=slug.title(), slug=slug)
        session.add(tenant)
    return Identity("", tenant.id, Role.OWNER, "Bench", "", slug, slug.title(), "en", "UTC")


def people(who: Identity, count: int) -> list[str]:
    """Write contacts; return their ids."""
    ids: list[str] = []
    for first in range(0, count, 1_000):
        rows = [Contact(tenant_id=who.tenant_id, name=f"Person {first + one}") for one in range(min(1_000, count))]
        ids += [row.id for row in rows]
        with session_scope(who.tenant_id) as session:
            session.add_all(rows)
    return ids[:count]


def let_in(who: Identity, sequence_id: str, ids: list[str], due: datetime, *, step_id: str = "one") -> None:
    """Write ways whose step is due at a moment, as though they had begun an hour before."""
    with session_scope(who.tenant_id, read_only=True) as session:
        version = session.exec(owned(Sequence, who.tenant_id).where(Sequence.id == sequence_id)).one().published_number
    for first in range(0, len(ids), 1_000):
        with session_scope(who.tenant_id) as session:
            session.add_all(
                Enrollment(
                    tenant_id=who.tenant_id,
                    sequence_id=sequence_id,
                    version=version,
                    contact_id=one,
                    subject_id=one,
                    step_id=step_id,
                    due_at=due,
                    entered_at=now() - timedelta(hours=1),
                    leaves_on_reply=True,
                )
                for one in ids[first : first + 1_000]
            )


def took(work: Callable[[], object]) -> float:
    """Return how many milliseconds something takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1_000


def measure_ticks(who: Identity) -> None:
    """Print what a tick costs, with nothing due and with ten steps due, by how many wait."""
    sequence = a_sequence(who, do("one"), do("two", timing=after(30)), name="Ticks")
    held, ids = 0, people(who, 10 * ROUNDS)
    idle: dict[int, float] = {}
    busy: dict[int, float] = {}
    for count in WAITING:
        let_in(who, sequence, [f"{number:032}" for number in range(held, count)], now() + FAR)
        held = count
        ticks = [took(sequence_scheduler.run_due_steps) for _ in range(ROUNDS)]
        some = []
        for _first in range(0, 10 * ROUNDS // 3, 10):
            mine, ids = ids[:10], ids[10:]
            let_in(who, sequence, mine, now())
            some.append(took(sequence_scheduler.run_due_steps))
        idle[count], busy[count] = statistics.median(ticks), statistics.median(some)
        print(f"{count:>8,} waiting: tick {idle[count]:.2f} ms, with ten steps due {busy[count]:.1f} ms")
    least, most = WAITING[0], WAITING[-1]
    print(f"{most:,} against {least:,}: {idle[most] / idle[least]:.2f} and {busy[most] / busy[least]:.2f} times")


def show_plans(who: Identity) -> None:
    """Print how the database finds what is due."""
    said: list[tuple[str, Any]] = []

    def keep(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if "enrollment.due_at <= " in statement:
            said.append((statement, parameters))

    event.listen(db.engine(), "before_cursor_execute", keep)
    sequence_scheduler.run_due_steps()
    sequence_scheduler._run_tenant(who.tenant_id, now())
    event.remove(db.engine(), "before_cursor_execute", keep)
    if db.engine().dialect.name != "sqlite":
        return
    with session_scope(reason="bench", read_only=True) as session:
        for statement, parameters in said:
            for line in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):
                print("   ", line[-1])


def measure_drain(who: Identity, other: Identity, name: str) -> None:
    """Print how many steps a second are taken of many that are due at once, and how late another tenant's is."""
    mine = a_sequence(who, STEPS[name], name=name)
    theirs = a_sequence(other, do("one"), name=name)
    let_in(who, mine, people(who, AT_ONCE), now())
    (single,) = people(other, 1)

    def join() -> None:
        wait_for(lambda: done(who, mine) >= AT_ONCE // 3, seconds=600, pause=0.2)
        let_in(other, theirs, [single], now())

    thread = Thread(target=join)
    thread.start()
    began = time.perf_counter()
    while done(who, mine) < AT_ONCE:
        sequence_scheduler.run_due_steps()
    seconds = time.perf_counter() - began
    thread.join()
    sequence_scheduler.run_due_steps()
    with session_scope(other.tenant_id, read_only=True) as session:
        line = session.exec(owned(EnrollmentStep, other.tenant_id).where(EnrollmentStep.sequence_id == theirs)).one()
    late = (line.taken_at - line.due_at).total_seconds()
    speed = f"{AT_ONCE / seconds:,.0f} a second"
    print(f"{AT_ONCE:,} due at once, a step that {name}: {speed}; another tenant's {late:.2f} s late")


def done(who: Identity, sequence_id: str) -> int:
    """Return how many steps of a sequence are taken."""
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(EnrollmentStep, who.tenant_id).where(EnrollmentStep.sequence_id == sequence_id)
        return int(session.exec(query.with_only_columns(func.count())).one())


def main(*names: str) -> None:
    """Measure in a database of its own."""
    SQLModel.metadata.create_all(db.engine())
    who, other = a_tenant("acme"), a_tenant("globex")
    for name in names or STEPS:
        measure_drain(who, other, name)
    with session_scope(who.tenant_id) as session:
        session.execute(owned_update(Enrollment, who.tenant_id).values(due_at=None))
    measure_ticks(who)
    show_plans(who)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("PLATFORM_DATA_DIR", folder)
        os.environ.setdefault("PLATFORM_REDIS_URL", "redis://127.0.0.1:1/0")
        config.settings.cache_clear()
        main(*sys.argv[1:])
