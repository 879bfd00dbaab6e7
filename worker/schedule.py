"""Schedule: periodic work of a worker, each second: expired leases, due jobs, due steps, the heartbeat."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, Thread

import structlog

from platform_app import notifier
from platform_app.config import settings
from platform_app.engine.sequences import sequence_scheduler
from platform_app.services.jobs import ledger
from worker.runner import Runner

log = structlog.get_logger()
INTERVAL_SECONDS = 1.0  # seconds between two runs
DEADLINE_SECONDS = 60.0  # a run that takes longer is reported as stuck
STEPS_DEADLINE_SECONDS = 600.0  # of steps, of which many may be due after a stop


class Periodic:
    """Runs a function every `seconds`, and again at the next call if it returns that more is left."""

    def __init__(self, work: Callable[[], object], seconds: float) -> None:
        self.work, self.seconds = work, seconds
        self._due = time.monotonic()
        self.__name__ = work.__name__

    def __call__(self) -> None:
        """Run the function if it is due."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self.seconds
            if self.work():
                self._due = time.monotonic()


class Sweeper:
    """Recovers jobs with expired leases, unless this process itself was delayed.

    If the whole machine was starved or asleep, other workers need a moment to renew their leases.
    """

    __name__ = "sweep"

    def __init__(self, lease_seconds: float) -> None:
        self.lease_seconds = lease_seconds
        self._last: float | None = None
        self._patient_until = 0.0

    def __call__(self) -> None:
        """Recover abandoned jobs, or wait once after a delay."""
        at = time.monotonic()
        late = at - self._last - INTERVAL_SECONDS if self._last is not None else 0.0
        self._last = at
        if late > self.lease_seconds / 2 and not self._patient_until:
            log.warning("the worker was kept from working", seconds=round(late, 1))
            self._patient_until = at + self.lease_seconds / 3
        if at >= self._patient_until:  # waits only once, even on a slow machine
            self._patient_until = 0.0
            ledger.recover_abandoned()


class PeriodicThread:
    """A thread that runs a function periodically, so that a slow one delays no other."""

    def __init__(
        self, work: Callable[[], object], pause: float = INTERVAL_SECONDS, *, deadline: float = DEADLINE_SECONDS
    ) -> None:
        self.work, self.pause, self.deadline = work, pause, deadline
        self.name = getattr(work, "__name__", str(work)).strip("_")
        self._began: float | None = None
        self._thread = Thread(target=self._run, name=f"duty {self.name}", daemon=True)
        self._stop = Event()

    def start(self, stop: Event) -> None:
        """Start the thread, which runs until `stop` is set."""
        self._stop = stop
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for the current run to end, at most `seconds`."""
        self._thread.join(seconds)

    def run_once(self) -> None:
        """Run the function now; errors are logged."""
        self._began = time.monotonic()
        try:
            self.work()
        except Exception:
            log.exception("a part of the tick failed", part=self.name)
        finally:
            self._began = None

    def stuck(self) -> str:
        """Return a sentence if a run exceeds its deadline or the thread has ended, else ""."""
        began = self._began
        took = time.monotonic() - began if began is not None else 0.0
        if took > self.deadline:
            return f"“{self.name}” has not ended for {took:.0f} s."
        is_gone = self._thread.ident is not None and not self._thread.is_alive() and not self._stop.is_set()
        return f"The thread of “{self.name}” has ended." if is_gone else ""

    def _run(self) -> None:
        while not self._stop.wait(self.pause):
            self.run_once()


class Ticker:
    """Runs the periodic work in threads and wakes workers for due jobs; any number may run.

    If Redis does not answer, it runs the jobs itself.
    """

    def __init__(self, runner: Runner, concurrency: int, also: list[Callable[[], object]]) -> None:
        self.runner = runner
        parts: list[Callable[[], object]] = [Sweeper(settings().lease_seconds), self._wake_workers, *also]
        self.threads = [PeriodicThread(work) for work in parts]
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="direct")
        self._concurrency, self._direct = concurrency, 0  # threads that run jobs without Redis
        self._lock = Lock()
        self._stop = Event()

    def start(self) -> None:
        """Start a thread for each kind of periodic work."""
        for duty in self.threads:
            duty.start(self._stop)

    def stop(self) -> None:
        """Stop the threads and direct runs that have not started."""
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def tick(self) -> None:
        """Run all periodic work now, one after another."""
        for duty in self.threads:
            duty.run_once()

    def stuck(self) -> str:
        """Return a sentence about work that is stuck, or ""."""
        return " ".join(filter(None, (duty.stuck() for duty in self.threads)))

    def _wake_workers(self) -> None:
        """Wake as many threads as this worker has, however many jobs are due: each runs one after another."""
        if not ledger.has_next() or notifier.wake_workers(self._concurrency) or self._stop.is_set():
            return
        with self._lock:
            free, self._direct = self._concurrency - self._direct, self._concurrency
        for _ in range(free):
            self._pool.submit(self._run_directly)

    def _run_directly(self) -> None:
        try:
            if not self._stop.is_set():
                self.runner.run_all()
        except Exception:  # the ledger keeps the job
            log.exception("job was not run")
        finally:
            with self._lock:
                self._direct -= 1


class SequenceTicker:
    """Runs due steps of sequences in its own thread; any number may run."""

    def __init__(self, pause: float = INTERVAL_SECONDS) -> None:
        self._stop = Event()
        self._duty = PeriodicThread(self._take_due, pause, deadline=STEPS_DEADLINE_SECONDS)

    def start(self) -> None:
        """Start the thread."""
        self._duty.start(self._stop)

    def stop(self) -> None:
        """Stop, and wait up to 10 seconds for the open transaction."""
        self._stop.set()
        self._duty.join(10)

    def stuck(self) -> str:
        """Return a sentence if steps are stuck, or ""."""
        return self._duty.stuck()

    def _take_due(self) -> None:
        sequence_scheduler.run_due_steps(self._stop.is_set)
