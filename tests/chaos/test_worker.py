"""Worker: nothing is lost and nothing is done twice, whatever is killed."""

import json
import random
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import pytest

from platform_app.db import owned, session_scope
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import KnowledgeState
from platform_app.models.person import Identity
from platform_app.services.jobs import job_list
from tests.chaos.conftest import Call, Die, NewWorker, OwnRedis, Rest, Sink, put, size, states
from tests.conftest import forget_process_state, wait_for

KILLS = int(size("KILLS", 6, 20))
SEED = int(size("SEED", 7, 7))


def done(who: Identity, count: int) -> bool:
    return states(who) == {"done": count}


def test_r1_a_killed_worker_loses_and_doubles_nothing(
    own_redis: OwnRedis, who: Identity, new_worker: NewWorker, sink: Sink
) -> None:
    chance, count = random.Random(SEED), KILLS * 10
    print("seed", SEED, "kills", KILLS)
    worker = new_worker()
    for number in range(KILLS):
        put(who, *(Call(name=f"{number}-{one}") for one in range(10)))
        wait_for(worker.is_up, 60)
        Event().wait(chance.uniform(0.1, 0.8))
        worker.kill()
        worker.start()

    def all_final() -> bool:
        return sum(states(who).values()) == count and set(states(who)) <= {"done", "dead"}

    wait_for(all_final, 120)
    print(states(who), "requests", sum(sink.requests.values()))
    assert done(who, count), "a worker that is killed from outside is held against no job"
    assert len(sink.requests) == count * 3  # every effect, told apart by its key, reached the sink


def test_r3_a_stopping_worker_gives_back_what_it_cannot_finish(
    own_redis: OwnRedis, who: Identity, new_worker: NewWorker, sink: Sink
) -> None:
    worker = new_worker(PLATFORM_STOP_SECONDS="2")
    put(who, *(Rest(seconds=0.5) for _ in range(4)), Rest(seconds=30))
    wait_for(lambda: states(who).get("running", 0) >= 1)
    begun = time.monotonic()
    assert worker.kill(signal.SIGTERM) == 0
    assert time.monotonic() - begun < 30
    assert states(who).get("running", 0) == 0
    assert states(who).get("queued", 0) >= 1


def test_r5_a_job_that_kills_its_worker_is_given_up(
    own_redis: OwnRedis, who: Identity, new_worker: NewWorker, sink: Sink
) -> None:
    worker = new_worker(PLATFORM_LEASE_SECONDS="1")
    put(who, Die())

    def given_up() -> bool:
        if worker.process.poll() is not None:
            worker.start()
        return states(who) == {"dead": 1}

    wait_for(given_up, 60)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert session.exec(owned(Job, who.tenant_id)).one().attempts == 3


def test_r5_a_job_that_kills_its_worker_is_found_among_others(
    own_redis: OwnRedis, who: Identity, new_worker: NewWorker, sink: Sink
) -> None:
    worker = new_worker(PLATFORM_LEASE_SECONDS="1")
    put(who, *(Rest(seconds=0.3) for _ in range(4)), Die(), *(Call(name=str(one)) for one in range(10)))

    def all_others_done() -> bool:
        if worker.process.poll() is not None:
            worker.start()
        return states(who) == {"dead": 1, "done": 14}

    wait_for(all_others_done, 90)
    with session_scope(who.tenant_id, read_only=True) as session:
        (dead,) = session.exec(owned(Job, who.tenant_id).where(Job.state == JobState.DEAD)).all()
    assert (dead.kind, dead.attempts) == ("die", 3)


def test_r6_r7_redis_may_die_and_forget(own_redis: OwnRedis, who: Identity, new_worker: NewWorker, sink: Sink) -> None:
    new_worker()
    for number, harm in enumerate((signal.SIGTERM, signal.SIGKILL, None)):
        put(who, *(Call(name=f"{number}-{one}") for one in range(20)))
        if harm is None:
            own_redis.ask("FLUSHALL")
        else:
            own_redis.stop(harm)
            own_redis.start()
        wait_for(lambda count=(number + 1) * 20: done(who, count), 60)
    assert len(sink.requests) == 180


def test_r8_work_goes_on_while_redis_is_away(
    own_redis: OwnRedis, who: Identity, new_worker: NewWorker, sink: Sink
) -> None:
    worker = new_worker()
    own_redis.stop()
    put(who, *(Call(name=str(one)) for one in range(5)))
    wait_for(lambda: done(who, 5), 30)
    assert worker.get("/readyz").status_code == 503
    own_redis.start()
    wait_for(lambda: worker.get("/readyz").status_code == 200, 10)


def test_r9_a_wrong_password_is_said_everywhere_and_mended_without_a_restart(
    own_redis: OwnRedis, who: Identity, new_worker: NewWorker, sink: Sink
) -> None:
    wrong = own_redis.url.replace(own_redis.password, "wrong-canary-word")
    worker = new_worker(PLATFORM_REDIS_URL=wrong)
    begun = time.monotonic()
    health = worker.get("/health")
    assert time.monotonic() - begun < 2
    metrics, prometheus = worker.get("/metrics").json(), worker.get("/metrics/prometheus").text
    said = health.json()
    assert health.status_code == 503 and said["redis"]["connected"] is False
    assert "password" in said["redis"]["error"]
    assert metrics["redis"] == {
        "connected": False,
        "lastError": said["redis"]["error"],
        "reconnectAttempts": metrics["redis"]["reconnectAttempts"],
    }
    assert "platform_redis_up 0.0" in prometheus

    def card() -> job_list.WorkerStatus:
        with session_scope(who.tenant_id, read_only=True) as session:
            return job_list.worker_status(session, who)

    wait_for(lambda: card().is_responding, 5)
    assert not card().is_healthy and card().snapshot["redis"]["error"] == said["redis"]["error"]
    assert worker.get("/healthz").status_code == 200
    own_redis.ask("CONFIG", "SET", "requirepass", "wrong-canary-word")
    wait_for(lambda: worker.get("/health").status_code == 200, 5)
    assert worker.get("/metrics").json()["redis"]["connected"] is True
    wait_for(lambda: card().is_healthy, 5)
    put(who, Call(name="after"))
    wait_for(lambda: done(who, 1), 15)
    told = worker.log.read_text() + json.dumps([said, metrics]) + prometheus
    assert "wrong-canary-word" not in told and own_redis.password not in told


@pytest.mark.parametrize("listens", [True, False])
def test_r10_health_answers_while_redis_is_a_black_hole(
    listens: bool, database: str, new_worker: NewWorker, sink: Sink
) -> None:
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        if listens:
            hole.listen(16)  # takes the call and never says a word
        address = f"redis://:x@127.0.0.1:{hole.getsockname()[1]}/0"
        worker = new_worker(PLATFORM_REDIS_URL=address)
        for _ in range(3):
            begun = time.monotonic()
            assert worker.get("/health").status_code == 503
            assert time.monotonic() - begun < 2


def test_r11_health_and_metrics_never_disagree(
    own_redis: OwnRedis, database: str, new_worker: NewWorker, sink: Sink
) -> None:
    worker, stop = new_worker(), Event()

    def flap() -> None:
        while not stop.wait(0.3):
            own_redis.stop(signal.SIGKILL)
            own_redis.start()

    flapping = Thread(target=flap)
    flapping.start()
    seen: dict[str, set[bool]] = {}
    for _ in range(120):
        for path in ("/health", "/metrics"):
            said = worker.get(path).json()
            seen.setdefault(said["timestamp"], set()).add(said["redis"]["connected"])
        Event().wait(0.02)
    stop.set()
    flapping.join()
    assert len(seen) > 1
    assert all(len(answers) == 1 for answers in seen.values())


def test_r14_eight_writers_lose_no_change(database: str, who: Identity) -> None:
    with session_scope(who.tenant_id) as session:
        session.add(KnowledgeState(tenant_id=who.tenant_id))

    def count(_: int) -> None:
        for _ in range(100):
            with session_scope(who.tenant_id) as session:
                session.exec(owned(KnowledgeState, who.tenant_id).with_for_update()).one().revision += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))
    with session_scope(who.tenant_id, read_only=True) as session:
        assert session.exec(owned(KnowledgeState, who.tenant_id)).one().revision == 800


def test_r40_two_workers_do_each_job_once(
    own_redis: OwnRedis, who: Identity, new_worker: NewWorker, sink: Sink
) -> None:
    new_worker()
    new_worker()
    put(who, *(Call(name=str(one)) for one in range(60)))
    wait_for(lambda: done(who, 60), 30)
    assert set(sink.requests.values()) == {1} and len(sink.requests) == 180


def test_a_call_of_unknown_outcome_is_uncertain_and_not_repeated(
    own_redis: OwnRedis, who: Identity, new_worker: NewWorker, sink: Sink
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        new_worker(CHAOS_SINK=f"http://127.0.0.1:{silent.getsockname()[1]}/")
        put(who, Call(name="once", repeatable=False))
        wait_for(lambda: states(who) == {"uncertain": 1}, 20)
        with session_scope(who.tenant_id, read_only=True) as session:
            job = session.exec(owned(Job, who.tenant_id)).one()
        assert job.attempts == 1
    with session_scope(who.tenant_id) as session:
        job_list.resolve_uncertain(session, who, job.id)
    forget_process_state()
    assert states(who) == {JobState.DONE.value: 1}
