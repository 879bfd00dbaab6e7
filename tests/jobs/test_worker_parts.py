"""Parts of the worker: none keeps another waiting without end, and what does not come on is said by the probe."""

from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from sqlalchemy.exc import OperationalError

from platform_app import broker as brokers
from platform_app.broker import QUEUE, WakeupBroker, WakeupConsumer, list_name, send_wakeups
from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import session_scope
from platform_app.engine.rules import rule_worker, timers
from platform_app.jobs import RunningJob
from platform_app.models.job import Effect, JobState, ProcessBeat
from platform_app.models.person import Identity
from platform_app.services.jobs import abandoned_jobs, job_list, ledger, process_beats
from tests.conftest import make_tenant, wait_for
from tests.jobs.test_ledger import change, put, row, taken
from tests.rules.test_rules import a_rule
from worker import ledger_writer as batches
from worker import schedule, tasks
from worker.__main__ import worker_threads
from worker.health import Probe
from worker.isolation import IsolationLock
from worker.runner import MAX_ATTEMPTS, Runner
from worker.schedule import Sweeper, Ticker


def test_a_slow_duty_keeps_no_other_waiting_and_is_said(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go, ticks = Event(), list[int]()

    def silences() -> None:
        let_go.wait(30)

    def beat() -> None:
        ticks.append(1)
        raise ZeroDivisionError

    runner = Runner({}, 30)
    ticker = Ticker(runner, 1, [silences, beat])
    for duty in ticker.threads:
        duty.pause = 0.01
    probe = Probe(settings(), runner)
    probe.checks = [runner.stuck, ticker.stuck]
    ticker.start()
    wait_for(lambda: len(ticks) > 3)
    monkeypatch.setattr(ticker.threads[2], "deadline", 0.0)
    assert ticker.stuck().startswith("“silences” has not ended for")
    shot = probe.snapshot()
    assert shot["status"] == "degraded" and shot["worker"]["stuck"].startswith("“silences”")
    let_go.set()
    wait_for(lambda: ticker.stuck() == "" or None)
    ticker.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_duty_whose_thread_is_gone_is_said(who: Identity) -> None:
    def ends() -> None:
        raise SystemExit

    ticker = Ticker(Runner({}, 30), 1, [ends])
    for duty in ticker.threads:
        duty.pause = 0.01
    ticker.start()
    wait_for(lambda: "The thread of “ends” has ended." in ticker.stuck())
    ticker.stop()


@pytest.fixture
def blocked(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Let the ledger's writer stand still until the event is set."""
    let_go, claim = Event(), ledger.claim_jobs

    def slow(*given: Any, **named: Any) -> Any:
        let_go.wait(30)
        return claim(*given, **named)

    monkeypatch.setattr(ledger, "claim_jobs", slow)
    return let_go


def test_a_claim_is_waited_for_so_long_and_given_back_when_it_comes_late(
    who: Identity, blocked: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(batches, "STUCK_SECONDS", 0.0)
    first, second = put(who, 2)
    runner = Runner({"errand": lambda job: None}, 30)
    runner.start()
    runner.run(first)  # comes back
    runner.run(second)  # that one was not even asked for
    assert "The ledger has not been written for" in runner.stuck()
    assert Probe(settings(), runner).snapshot()["status"] == "degraded"
    blocked.set()
    wait_for(lambda: runner.stuck() == "" or None)
    runner.stop()
    assert [(row(who, one).state, row(who, one).attempts) for one in (first, second)] == [(JobState.QUEUED, 0)] * 2


def test_a_worker_holds_no_more_wakeups_than_it_has_threads(live_redis: str) -> None:
    client = redis.Redis.from_url(live_redis)
    worker = worker_threads(WakeupBroker(client), 3)
    assert worker.queue_prefetch == worker.worker_threads == 3
    consumer = WakeupConsumer(WakeupBroker(client), QUEUE, worker.queue_prefetch)
    client.rpush(list_name(QUEUE), b"no message")
    send_wakeups(client, 7)
    assert next(consumer) is None, "what cannot be read is passed by"
    got = [next(consumer) for _ in range(3)]
    assert all(got) and client.llen(list_name(QUEUE)) + len(consumer.fetched) == 4
    consumer.close()
    assert client.llen(list_name(QUEUE)) == 4
    client.delete(list_name(QUEUE))
    client.close()


def test_however_many_jobs_are_due_few_wakeups_wait(live_redis: str, who: Identity) -> None:
    client = redis.Redis.from_url(live_redis)
    client.delete(list_name(QUEUE))
    for _ in range(3):
        put(who, 60)
    assert client.llen(list_name(QUEUE)) == brokers.MAX_WAKEUPS
    client.delete(list_name(QUEUE))
    Ticker(Runner({}, 30), 4, []).tick()
    assert client.llen(list_name(QUEUE)) == 4
    client.delete(list_name(QUEUE))
    client.close()


def test_any_wakeup_runs_all_that_is_due_and_the_one_that_it_names_has_no_precedence(who: Identity) -> None:
    ids, ran = put(who, 4), list[str]()
    made = WakeupBroker(redis.Redis())
    runner = Runner({"errand": lambda job: ran.append(job.id)}, 30)
    runner.start()
    tasks.declare(made, runner)
    made.get_actor("reply").fn(ids[3])  # as the previous release names them
    runner.close()
    assert not runner.run() and ran == ids
    runner.stop()


class _GaveWay(Exception):
    sqlstate = "55P03"


def test_a_job_that_has_to_give_way_each_time_is_given_up_in_words(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def give_way(self: object) -> bool:
        tries.append(1)
        raise OperationalError("SELECT", {}, _GaveWay())

    monkeypatch.setattr(rule_worker._EventHandler, "_run_transaction", give_way)
    (job_id,) = put(who)
    change(who, job_id, attempts=MAX_ATTEMPTS - 1)
    runner = Runner({"errand": rule_worker.handle_event}, 30)
    runner.start()
    runner.run(job_id)
    runner.stop()
    dead = row(who, job_id)
    assert len(tries) == rule_worker.MAX_LOCK_RETRIES
    assert (dead.state, dead.error) == (
        JobState.DEAD,
        "These contacts and leads kept changing. Try again later.",
    )


def test_silences_are_told_of_every_tenant_in_turn_and_not_without_end(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = make_tenant("quiet")
    for tenant in (who, quiet):
        a_rule(tenant, "no_reply", {"kind": "hand_off"}, minutes=30)
    asked: list[str] = []

    def endless(tenant_id: str, minutes: int) -> int:
        asked.append(tenant_id)
        return timers.BATCH_SIZE

    clock = iter(range(1_000))
    monkeypatch.setattr(timers, "_emit_no_replies", endless)
    monkeypatch.setattr(timers, "MAX_SECONDS", 2.0)
    monkeypatch.setattr(timers, "time", SimpleNamespace(monotonic=lambda: next(clock) / 2))
    timers.emit_no_replies()
    first = list(asked)
    assert len(first) in (3, 4) and set(first) == {who.tenant_id, quiet.tenant_id}
    timers.emit_no_replies()
    assert asked[len(first)] != first[-1], "it goes on where it stopped"


def lose_lease(who: Identity, job_id: str) -> None:
    change(who, job_id, lease_until=now() - timedelta(seconds=1))
    ledger.recover_abandoned()


def shared(job_id: str, worker_id: str = "w") -> RunningJob:
    """Take a job as a worker does that has others too."""
    with session_scope(reason="tests") as session:
        (job,) = ledger.claim_jobs(session, [job_id], worker_id=worker_id)
        return job


def test_a_worker_that_dies_with_several_jobs_is_held_against_none(who: Identity) -> None:
    ids = put(who, 3)
    for _ in range(abandoned_jobs.MAX_CRASHES + 1):
        for job_id in ids:
            shared(job_id)
        for job_id in ids:
            lose_lease(who, job_id)
    for job_id in ids:
        stored = row(who, job_id)
        assert (stored.state, stored.crashes, stored.attempts) == (JobState.QUEUED, 0, 0)
        assert shared(job_id).is_suspect


def test_without_end_it_is_not_tried_in_company_either(who: Identity) -> None:
    (job_id,) = put(who)
    for _ in range(abandoned_jobs.MAX_SHARED_CRASHES):
        assert row(who, job_id).state == JobState.QUEUED
        shared(job_id)
        lose_lease(who, job_id)
    assert (row(who, job_id).state, row(who, job_id).error) == (
        JobState.DEAD,
        "The workers running this job kept crashing.",
    )


def test_a_worker_that_lives_and_was_starved_is_held_against_no_job(who: Identity) -> None:
    (job_id,) = put(who)
    for _ in range(abandoned_jobs.MAX_CRASHES + 1):
        taken(job_id)
        change(who, job_id, worker_id="alive")
        with session_scope(reason="tests") as session:
            held = session.get(ProcessBeat, "alive") or ProcessBeat(id="alive", beat_at=now())
            held.beat_at = now()
            session.add(held)
        lose_lease(who, job_id)
    stored = row(who, job_id)
    assert (stored.state, stored.crashes, stored.shared_crashes, stored.attempts) == (JobState.QUEUED, 0, 0, 0)


def test_a_job_that_made_a_call_has_come_on(who: Identity) -> None:
    (job_id,) = put(who)
    for number in range(2 * abandoned_jobs.MAX_CRASHES):
        taken(job_id)
        if number % 2:
            with session_scope(who.tenant_id) as session:
                session.add(Effect(tenant_id=who.tenant_id, job_id=job_id, key=str(number), closed_at=now()))
        lose_lease(who, job_id)
        assert (row(who, job_id).state, row(who, job_id).crashes) == (JobState.QUEUED, 0 if number % 2 else 1)


def test_a_suspect_is_done_alone_so_that_the_next_death_tells(who: Identity) -> None:
    (suspect,) = put(who)
    shared(suspect)
    lose_lease(who, suspect)
    (other,) = put(who)
    began, let_go, seen = Event(), Event(), list[bool]()

    def handle(job: RunningJob) -> None:
        if job.id == suspect:
            seen.append(row(who, suspect).is_alone)
            began.set()
            let_go.wait(30)
        else:
            seen.append(let_go.is_set())

    runner = Runner({"errand": handle}, 30)
    runner.start()
    threads = [Thread(target=runner.run, args=(one,)) for one in (suspect, other)]
    threads[0].start()
    began.wait(30)
    threads[1].start()
    threads[1].join(0.05)
    assert seen == [True], "the other one waits"
    let_go.set()
    for thread in threads:
        thread.join(30)
    runner.stop()
    assert seen == [True, True]


@pytest.mark.parametrize("opens", [True, False])
def test_the_room_opens_again_when_a_suspect_takes_long(opens: bool) -> None:
    room, opened, inside = IsolationLock(seconds=0.05 if opens else 30), list[int](), Event()

    def enter() -> None:
        with room.shared():
            inside.set()

    with room.exclusive(lambda: opened.append(1)) as is_alone:
        assert is_alone
        thread = Thread(target=enter)
        thread.start()
        assert inside.wait(5 if opens else 0.1) == opens
    thread.join(30)
    assert inside.is_set() and opened == ([1] if opens else [])


def test_a_suspect_does_not_wait_without_end_for_the_others(who: Identity) -> None:
    room = IsolationLock(seconds=0.05)
    with room.shared(), room.exclusive(lambda: None) as is_alone:
        assert not is_alone
        with room.shared():
            pass


def test_where_the_machine_was_starved_the_others_have_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    at, swept = [100.0], list[float]()
    monkeypatch.setattr(schedule, "time", SimpleNamespace(monotonic=lambda: at[0]))
    monkeypatch.setattr(ledger, "recover_abandoned", lambda: swept.append(at[0]))
    sweeper: Callable[[], None] = Sweeper(30)
    for moment in (100.0, 101.0, 141.0, 142.0, 150.0, 151.5, 152.5):
        at[0] = moment
        sweeper()
    assert swept == [100.0, 101.0, 151.5, 152.5]
    for moment in (200.0, 240.0, 280.0):  # slow all the while
        at[0] = moment
        sweeper()
    assert swept[4:] == [240.0]
    short, swept[:] = Sweeper(1), []
    for moment in (300.0, 301.0, 302.1, 303.3):
        at[0] = moment
        short()
    assert swept == [300.0, 301.0, 302.1, 303.3], "a short lease is no reason to wait"


def test_the_status_is_that_of_the_worst_worker(who: Identity) -> None:
    def status() -> job_list.WorkerStatus:
        with session_scope(who.tenant_id, read_only=True) as session:
            return job_list.worker_status(session, who)

    def beat(name: str, is_well: bool, age: float = 0) -> None:
        with session_scope(reason="tests") as session:
            snapshot = {"status": "ok" if is_well else "degraded", "name": name}
            session.add(ProcessBeat(id=name, beat_at=now() - timedelta(seconds=age), snapshot=snapshot))

    assert (status().is_healthy, status().is_responding, status().snapshot) == (False, False, {"oldestJobAge": 0.0})
    beat("silent", is_well=False, age=process_beats.BEAT_TIMEOUT + 1)
    beat("first", is_well=True)
    assert (status().is_healthy, status().count) == (True, 1)
    beat("second", is_well=False)
    beat("third", is_well=True)
    worst = status()
    assert (worst.is_healthy, worst.is_responding, worst.count) == (False, True, 3)
    assert worst.snapshot["name"] == "second"
