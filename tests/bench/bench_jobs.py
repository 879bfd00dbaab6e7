"""Jobs measured: the ledger against stock Dramatiq and BullMQ, on one Redis, five at once, in one run.

`python -m tests.bench.bench_jobs`; BullMQ is fetched with npm into a temporary folder, and left out without it.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock
from typing import Any

import dramatiq
import structlog
from dramatiq.brokers.redis import RedisBroker
from pydantic import BaseModel

from platform_app import db, notifier
from platform_app.broker import WakeupBroker
from platform_app.db import session_scope
from platform_app.jobs import enqueue
from platform_app.models.person import Identity
from tests.conftest import forget_process_state, make_tenant, running_redis, wait_for
from worker.runner import Runner
from worker.schedule import Ticker
from worker.tasks import declare

COUNT = 2_000  # jobs of the throughput run
THREADS = 5
IDLE = 40  # jobs that come one at a time to an idle worker
BULLMQ = "5.61.0"
Send = Callable[[int], float]  # sends a job and returns when it was there


class Nothing(BaseModel):
    """A job that does nothing but note when it began."""

    kind: str = "nothing"
    number: int


class Begun:
    """When each job began, by its number."""

    def __init__(self) -> None:
        self.at: dict[int, float] = {}
        self.change = Event()
        self._lock = Lock()

    def note(self, number: int) -> None:
        with self._lock:
            self.at[number] = time.perf_counter()
        self.change.set()

    def wait(self, count: int) -> None:
        end = time.monotonic() + 300
        while len(self.at) < count:
            assert time.monotonic() < end, f"{len(self.at)} of {count} jobs began"
            self.change.wait(0.2)
            self.change.clear()


def measured(begun: Begun, send_all: Callable[[], None], start: Callable[[], None], send: Send) -> dict[str, float]:
    """Run the throughput part, then the idle part; jobs a second and milliseconds."""
    send_all()
    started = time.perf_counter()
    start()
    begun.wait(COUNT)
    seconds = max(begun.at.values()) - started
    late = []
    for number in range(COUNT, COUNT + IDLE):
        Event().wait(0.15)
        sent = send(number)
        begun.wait(number + 1)
        late.append((begun.at[number] - sent) * 1000)
    return {
        "jobs_per_second": COUNT / seconds,
        "idle_p50_ms": statistics.median(late),
        "idle_p95_ms": statistics.quantiles(late, n=20)[18],
    }


def stock(address: str) -> dict[str, float]:
    """Dramatiq with its own Redis broker."""
    broker, begun = RedisBroker(url=address), Begun()
    dramatiq.set_broker(broker)

    @dramatiq.actor(broker=broker)
    def nothing(number: int) -> None:
        begun.note(number)

    worker = dramatiq.Worker(broker, worker_threads=THREADS)

    def send_all() -> None:
        for number in range(COUNT):
            nothing.send(number)

    def send(number: int) -> float:
        at = time.perf_counter()
        nothing.send(number)
        return at

    try:
        return measured(begun, send_all, worker.start, send)
    finally:
        worker.stop()


def ours() -> dict[str, float]:
    """The ledger: a row first, a wake-up after its commit, claimed, done, written."""
    who, begun = make_tenant("bench"), Begun()
    runner = Runner({"nothing": lambda job: begun.note(job.payload["number"])}, 15)
    broker = WakeupBroker(notifier.waiting_connection())
    dramatiq.set_broker(broker)
    declare(broker, runner)
    worker = dramatiq.Worker(broker, worker_threads=THREADS, worker_timeout=100)
    ticker = Ticker(runner, THREADS, [])

    def start() -> None:
        runner.start()
        ticker.start()
        worker.start()

    try:
        found = measured(begun, lambda: put(who, range(COUNT)) and None, start, lambda number: put(who, [number]))
        wait_for(lambda: all_done(who), 30)
        return found
    finally:
        ticker.stop()
        worker.stop()
        runner.stop()


def put(who: Identity, numbers: Any) -> float:
    """Write jobs in one transaction; return when it was committed, before anybody was woken."""
    committed: list[float] = []
    with session_scope(who.tenant_id) as session:
        session.after_commit.append(lambda: committed.append(time.perf_counter()))
        for number in numbers:
            enqueue(session, who.tenant_id, Nothing(number=number))
    return committed[0]


def all_done(who: Identity) -> bool:
    from tests.chaos.conftest import states

    return states(who) == {"done": COUNT + IDLE}


def bullmq(address: str) -> dict[str, float] | None:
    """BullMQ in a process of its own; nothing without npm or a network."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    with tempfile.TemporaryDirectory() as folder:
        fetched = subprocess.run(
            [npm, "install", "--prefix", folder, "--no-audit", "--no-fund", f"bullmq@{BULLMQ}"], capture_output=True
        )
        if fetched.returncode:
            return None
        script = shutil.copy(Path(__file__).with_name("bullmq.cjs"), folder)
        counts = [str(COUNT), str(THREADS), str(IDLE)]
        out = subprocess.run([node, script, address, *counts], cwd=folder, capture_output=True, text=True, timeout=300)
        if out.returncode:
            print(out.stderr[-2000:])
            return None
        found: dict[str, float] = json.loads(out.stdout.splitlines()[-1])
        return found


def report(name: str, found: dict[str, float] | None, base: dict[str, float]) -> None:
    if found is None:
        print(f"{name:16} not measured")
        return
    share = found["jobs_per_second"] / base["jobs_per_second"]
    print(
        f"{name:16} {found['jobs_per_second']:10.0f} {share:10.2f} "
        f"{found['idle_p50_ms']:12.1f} {found['idle_p95_ms']:10.1f}",
        flush=True,
    )


def alone(part: str, address: str) -> None:
    """Measure one of ours in this process and print it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    print(json.dumps(stock(address) if part == "stock" else ours()))


def run_alone(part: str, address: str) -> dict[str, float]:
    """Measure in a fresh process."""
    command = [sys.executable, "-m", "tests.bench.bench_jobs", part, address]
    out = subprocess.run(command, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr[-3000:]
    found: dict[str, float] = json.loads(out.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure all on one Redis."""
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as address:
        os.environ |= {"PLATFORM_DATA_DIR": folder, "PLATFORM_REDIS_URL": address}
        forget_process_state()
        db.SQLModel.metadata.create_all(db.engine())
        db.engine().dispose()
        print(f"{'':16} {'jobs/s':>10} {'of stock':>10} {'idle p50 ms':>12} {'p95 ms':>10}")
        base = run_alone("stock", address)
        report("Dramatiq, stock", base, base)
        report("BullMQ", bullmq(address), base)
        report("ledger, SQLite", run_alone("ours", address), base)


if __name__ == "__main__":
    alone(*sys.argv[1:]) if len(sys.argv) == 3 else main()
