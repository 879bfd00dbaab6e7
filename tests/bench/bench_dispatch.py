"""Dispatch measured: how long another tenant's jobs wait behind 2,000 of one tenant, and how many run before them.

`python -m tests.bench.bench_dispatch`; one worker of five threads, jobs of 5 ms.
"""

import os
import tempfile
import time
from pathlib import Path
from threading import Event, Lock

import dramatiq
import structlog

from platform_app import db, notifier
from platform_app.broker import WakeupBroker
from platform_app.db import session_scope
from platform_app.jobs import IndexSource, Reply, RunningJob, enqueue
from platform_app.models.person import Identity
from tests.conftest import forget_process_state, make_tenant, running_redis, wait_for
from worker.runner import Runner
from worker.schedule import Ticker
from worker.tasks import declare

COUNT = 2_000
THREADS = 5
JOB_SECONDS = 0.005


class Starts:
    """Which job started when, in order."""

    def __init__(self) -> None:
        self.order: list[tuple[str, str, float]] = []  # tenant, kind, time
        self._lock = Lock()

    def run(self, job: RunningJob) -> None:
        with self._lock:
            self.order.append((job.tenant_id, job.kind, time.perf_counter()))
        Event().wait(JOB_SECONDS)


def fill(noisy: Identity, quiet: Identity) -> float:
    """Queue the jobs of both; return when those of the quiet tenant were committed."""
    with session_scope(noisy.tenant_id) as session:
        for number in range(COUNT):
            enqueue(session, noisy.tenant_id, IndexSource(source_id=str(number)))
    with session_scope(quiet.tenant_id) as session:
        enqueue(session, quiet.tenant_id, IndexSource(source_id="own"))
        enqueue(session, quiet.tenant_id, Reply(conversation_id="own", message_id="own"))
    return time.perf_counter()


def measure() -> None:
    """Run a worker until everything is done, and print what the quiet tenant waited."""
    noisy, quiet, starts = make_tenant("noisy"), make_tenant("quiet"), Starts()
    runner = Runner({"index_source": starts.run, "reply": starts.run}, 15)
    broker = WakeupBroker(notifier.waiting_connection())
    dramatiq.set_broker(broker)
    declare(broker, runner)
    worker = dramatiq.Worker(broker, worker_threads=THREADS, worker_timeout=100)
    ticker = Ticker(runner, THREADS, [])
    committed = fill(noisy, quiet)
    began = time.perf_counter()
    for part in (runner, ticker, worker):
        part.start()
    wait_for(lambda: len(starts.order) >= COUNT + 2, 240)
    print(f"jobs a second {len(starts.order) / (starts.order[-1][2] - began):.0f}")
    for kind in ("reply", "index_source"):
        place = next(n for n, (tenant, of, _) in enumerate(starts.order) if (tenant, of) == (quiet.tenant_id, kind))
        print(f"{kind}: {place} jobs before it, waited {starts.order[place][2] - committed:.2f} s")
    ticker.stop()
    worker.stop()
    runner.stop()


def main() -> None:
    """Measure on a Redis and a database of its own."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as address:
        os.environ |= {"PLATFORM_DATA_DIR": folder, "PLATFORM_REDIS_URL": address}
        forget_process_state()
        db.SQLModel.metadata.create_all(db.engine())
        measure()


if __name__ == "__main__":
    main()
