"""Sequences under fire: workers die, stop and meet, Redis forgets; each step is taken once, in order, in its time."""

import signal
import time
from collections import Counter
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any

from sqlalchemy import func

from platform_app.clock import now
from platform_app.db import owned, owned_update, session_scope
from platform_app.models.crm import Contact, Note
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity
from platform_app.models.sequence import Enrollment, EnrollmentState, EnrollmentStep
from tests.chaos.conftest import NewWorker, OwnRedis, Sink, Worker, size
from tests.conftest import wait_for
from tests.sequencing import a_sequence, do, enrolled

PEOPLE = int(size("PEOPLE", 30, 60))
EVERY = size("EVERY", 2, 2)  # seconds between kills
SPAN = size("SPAN", 3, 6)  # seconds within which the first steps become due
STOPPED = size("STOPPED", 5, 8)  # seconds for which a worker is stopped
PATIENCE = 240  # seconds for a worker to come up and take over on a machine with other work
STEPS = 5
OUTSIDE = ("s1", "s3")
SETTINGS = {"PLATFORM_LEASE_SECONDS": "2", "PLATFORM_EGRESS_ALLOW": "127.0.0.1/32"}


def begin(who: Identity, sink: Sink) -> dict[str, datetime]:
    """Let people into a sequence of five steps, two of which call outside; return when each one's first is due.

    The steps follow one another without a pause, and the first ones become due one after another.
    """
    hook = {"kind": "call_webhook", "url": sink.address, "body": "{{ contact.name }}"}
    steps: list[dict[str, Any]] = [
        do(f"s{number}", hook if f"s{number}" in OUTSIDE else {"kind": "write_note", "text": f"s{number}"})
        for number in range(STEPS)
    ]
    sequence = a_sequence(who, *steps, name="Under fire")
    rows = [Contact(tenant_id=who.tenant_id, name=f"Person {number}") for number in range(PEOPLE)]
    with session_scope(who.tenant_id) as session:
        session.add_all(rows)
    ids = [found for first in range(0, PEOPLE, 500) for found in _let_in(who, sequence, rows[first : first + 500])]
    start, due = now() + timedelta(seconds=3), {}
    for place, row_id in enumerate(ids):
        due[row_id] = start + timedelta(seconds=SPAN * place / PEOPLE)
        with session_scope(who.tenant_id) as session:
            mine = owned_update(Enrollment, who.tenant_id).where(Enrollment.id == row_id)
            session.execute(mine.values(due_at=due[row_id], arrived_at=due[row_id], state=EnrollmentState.ACTIVE))
    return due


def _let_in(who: Identity, sequence_id: str, rows: list[Contact]) -> list[str]:
    ids = enrolled(who, sequence_id, *[row.id for row in rows])
    with session_scope(who.tenant_id) as session:
        session.execute(owned_update(Enrollment, who.tenant_id).values(state=EnrollmentState.PAUSED))
    return ids


def finished(who: Identity) -> int:
    """Return how many ways have come to their end."""
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Enrollment, who.tenant_id).where(Enrollment.state == EnrollmentState.FINISHED)
        return int(session.exec(query.with_only_columns(func.count())).one())


def tell_lateness(steps: list[EnrollmentStep], down: list[tuple[datetime, datetime]]) -> None:
    """Print how late steps were, and how late while a worker lived."""
    late = [(line.taken_at - line.due_at).total_seconds() for line in steps]
    lived = [
        whole
        - sum(max(0.0, (min(end, line.taken_at) - max(start, line.due_at)).total_seconds()) for start, end in down)
        for whole, line in zip(late, steps, strict=True)
    ]
    print(f"late: most {max(late):.1f} s; while a worker lived: most {max(lived):.1f} s, mean {fmean(lived):.1f} s")


def check(who: Identity, sink: Sink, due: dict[str, datetime]) -> list[EnrollmentStep]:
    """Check that each step was taken once, in order, never early; return them."""
    with session_scope(who.tenant_id, read_only=True) as session:
        ways = session.exec(owned(Enrollment, who.tenant_id)).all()
        lines = session.exec(owned(EnrollmentStep, who.tenant_id).order_by(EnrollmentStep.id)).all()
        notes = Counter((note.contact_id, note.text) for note in session.exec(owned(Note, who.tenant_id)).all())
        jobs = Counter(job.state for job in session.exec(owned(Job, who.tenant_id)).all())
    assert Counter(way.state for way in ways) == {EnrollmentState.FINISHED: PEOPLE}
    assert len(lines) == PEOPLE * STEPS and {line.state for line in lines} == {"done"}
    inside = [f"s{number}" for number in range(STEPS) if f"s{number}" not in OUTSIDE]
    assert notes == {(way.contact_id, step): 1 for way in ways for step in inside}
    assert set(sink.requests) == {f"step-{line.id}" for line in lines if line.step_id in OUTSIDE}
    assert set(jobs) <= {JobState.DONE}, jobs
    for way in ways:
        mine = sorted((line for line in lines if line.enrollment_id == way.id), key=lambda line: line.taken_at)
        assert [line.step_id for line in mine] == [f"s{number}" for number in range(STEPS)]
        assert all(line.taken_at >= due[way.id] for line in mine)
        assert all(line.due_at == due[way.id] for line in mine)
    return list(lines)


def test_each_step_once_whenever_the_worker_is_killed(
    own_redis: OwnRedis, who: Identity, new_worker: NewWorker, sink: Sink
) -> None:
    due = begin(who, sink)
    worker, down = new_worker("worker", **SETTINGS), [(min(due.values()), now())]
    while (seen := finished(who)) < PEOPLE:
        began = time.monotonic()
        wait_for(lambda since=began: time.monotonic() - since > EVERY or finished(who) == PEOPLE, PATIENCE, 0.2)
        if finished(who) == PEOPLE:
            break
        since = now()
        worker.kill()
        worker.start()
        wait_for(worker.is_up, PATIENCE, 0.2)
        down.append((since, now()))
        wait_for(lambda held=seen: finished(who) > held, PATIENCE, 0.2)
    steps = check(who, sink, due)
    took = (now() - min(due.values())).total_seconds()
    print(f"{PEOPLE} x {STEPS} in {took:.0f} s, {len(down) - 1} kills, {sum(sink.requests.values())} requests")
    tell_lateness(steps, down)


def test_two_workers_take_each_step_once(own_redis: OwnRedis, who: Identity, new_worker: NewWorker, sink: Sink) -> None:
    due = begin(who, sink)
    for _ in range(2):
        new_worker("worker", **SETTINGS)
    wait_for(lambda: finished(who) == PEOPLE, PATIENCE, 0.2)
    tell_lateness(check(who, sink, due), [])
    assert max(sink.requests.values()) == 1


def test_a_worker_that_was_stopped_does_nothing_twice(
    own_redis: OwnRedis, who: Identity, new_worker: NewWorker, sink: Sink
) -> None:
    due = begin(who, sink)
    first: Worker = new_worker("worker", **SETTINGS)
    second: Worker = new_worker("worker", **SETTINGS)
    wait_for(lambda: finished(who) > PEOPLE // 20, PATIENCE, 0.1)
    for worker in (first, second):
        worker.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        wait_for(lambda since=began: time.monotonic() - since > STOPPED, PATIENCE, 0.2)
        worker.process.send_signal(signal.SIGCONT)
    wait_for(lambda: finished(who) == PEOPLE, PATIENCE, 0.2)
    check(who, sink, due)


def test_a_redis_that_forgets_everything_keeps_nothing_waiting(
    own_redis: OwnRedis, who: Identity, new_worker: NewWorker, sink: Sink
) -> None:
    due = begin(who, sink)
    new_worker("worker", **SETTINGS)
    wait_for(lambda: len(sink.requests) > PEOPLE // 4, PATIENCE, 0.1)
    own_redis.ask("FLUSHALL")
    wait_for(lambda: finished(who) > PEOPLE // 2, PATIENCE, 0.1)
    own_redis.ask("FLUSHALL")
    wait_for(lambda: finished(who) == PEOPLE, PATIENCE, 0.1)
    check(who, sink, due)
