"""Schedule: what runs by the clock, once a second: leases that ran out, jobs that are due, the sign of life."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import structlog

from platform_app import notifier
from platform_app.config import settings
from platform_app.engine.sequences import sequence_scheduler
from platform_app.services.jobs import ledger
from worker.runner import Runner

log = structlog.get_logger()
INTERVAL_SECONDS = 1.0  # seconds between two times that a duty is done
DEADLINE_SECONDS = 60.0  # seconds after which a duty that has not ended is said to be stuck
STEPS_DEADLINE_SECONDS = 600.0  # the same of steps: after a stop there may be many


class Periodic:
    """Work that is done once in a while; when it says that more is left, with the next tick."""

    def __init__(self, work: Callable[[], bool], seconds: float) -> None:
        self.work, self.seconds = work, seconds
        self._due = time.monotonic()
        self.__name__ = work.__name__

    def __call__(self) -> None:
        """Work, when it is time."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self.seconds
            if self.work():
                self._due = time.monotonic()


class Sweeper:
    """Takes jobs back whose lease ran out, unless this process was kept from working itself: where the whole machine
    was starved or asleep, the other workers need a moment to renew their leases."""

    __name__ = "sweep"

    def __init__(self, lease_seconds: float) -> None:
        self.lease_seconds = lease_seconds
        self._last: float | None = None
        self._patient_until = 0.0

    def __call__(self) -> None:
        """Sweep, or be patient."""
        at = time.monotonic()
        late = at - self._last - INTERVAL_SECONDS if self._last is not None else 0.0
        self._last = at
        if late > self.lease_seconds / 2 and not self._patient_until:
            log.warning("the worker was kept from working", seconds=round(late, 1))
            self._patient_until = at + self.lease_seconds / 3
        if at >= self._patient_until:  # once, however slow the machine stays: what is abandoned has to go on
            self._patient_until = 0.0
            ledger.recover_abandoned()


class PeriodicThread:
    """One part of the schedule in a thread of its own: a slow one keeps no other waiting."""

    def __init__(
        self, work: Callable[[], object], pause: float = INTERVAL_SECONDS, *, deadline: float = DEADLINE_SECONDS
    ) -> None:
        self.work, self.pause, self.deadline = work, pause, deadline
        self.name = getattr(work, "__name__", str(work)).strip("_")
        self._began: float | None = None
        self._thread = Thread(target=self._run, name=f"duty {self.name}", daemon=True)
        self._stop = Event()

    def start(self, stop: Event) -> None:
        """Begin to work each second until told to stop."""
        self._stop = stop
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait until what is being done has ended, at most some seconds."""
        self._thread.join(seconds)

    def run_once(self) -> None:
        """Work now; what fails is logged, and done again in its turn."""
        self._began = time.monotonic()
        try:
            self.work()
        except Exception:
            log.exception("a part of the tick failed", part=self.name)
        finally:
            self._began = None

    def stuck(self) -> str:
        """Return that the duty has not ended in time or its thread is gone, in words; nothing when all is well."""
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
    """Rings for what nobody rang; any number of tickers may run. While Redis is silent it runs the jobs itself."""

    def __init__(self, runner: Runner, concurrency: int, also: list[Callable[[], object]]) -> None:
        self.runner = runner
        parts: list[Callable[[], object]] = [Sweeper(settings().lease_seconds), self._wake_workers, *also]
        self.threads = [PeriodicThread(work) for work in parts]
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="direct")
        self._direct: set[str] = set()
        self._stop = Event()

    def start(self) -> None:
        """Begin to tick."""
        for duty in self.threads:
            duty.start(self._stop)

    def stop(self) -> None:
        """Tick no more."""
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def tick(self) -> None:
        """Do what is due now, one after another."""
        for duty in self.threads:
            duty.run_once()

    def stuck(self) -> str:
        """Return which duties are stuck, in words; nothing when all is well."""
        return " ".join(filter(None, (duty.stuck() for duty in self.threads)))

    def _wake_workers(self) -> None:
        waiting = ledger.dispatch_due()
        if waiting and not notifier.wake_workers(waiting):
            for _, job_id in waiting:
                if job_id not in self._direct and not self._stop.is_set():
                    self._direct.add(job_id)
                    self._pool.submit(self._run_directly, job_id)

    def _run_directly(self, job_id: str) -> None:
        try:
            self.runner.run(job_id)
        except Exception:  # the ledger keeps the job
            log.exception("job was not run", job_id=job_id)
        finally:
            self._direct.discard(job_id)


class SequenceTicker:
    """Takes the steps of sequences that are due, in a thread of its own; any number of them may run."""

    def __init__(self, pause: float = INTERVAL_SECONDS) -> None:
        self._stop = Event()
        self._duty = PeriodicThread(self._take_due, pause, deadline=STEPS_DEADLINE_SECONDS)

    def start(self) -> None:
        """Begin to take steps."""
        self._duty.start(self._stop)

    def stop(self) -> None:
        """Take no more; wait for the transaction that is open."""
        self._stop.set()
        self._duty.join(10)

    def stuck(self) -> str:
        """Return that steps are not taken, in words; nothing when all is well."""
        return self._duty.stuck()

    def _take_due(self) -> None:
        sequence_scheduler.run_due_steps(self._stop.is_set)
