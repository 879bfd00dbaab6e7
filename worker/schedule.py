"""Schedule: what runs by the clock, once a second: leases that ran out, jobs that are due, the sign of life."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import structlog

from platform_app import bell
from platform_app.engine import stepping
from platform_app.services import ledger
from worker.runner import Runner

log = structlog.get_logger()


class Seldom:
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


class Ticker:
    """Rings for what nobody rang; any number of tickers may run. While Redis is silent it runs the jobs itself."""

    def __init__(self, runner: Runner, concurrency: int, also: list[Callable[[], None]]) -> None:
        self.runner = runner
        self.also = also
        self.last_tick = 0.0
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="direct")
        self._direct: set[str] = set()
        self._stop = Event()
        self._thread = Thread(target=self._run, name="ticker", daemon=True)

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def stop(self) -> None:
        """Tick no more."""
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def tick(self) -> None:
        """Do what is due now."""
        for work in (ledger.sweep, self._ring, *self.also):
            try:
                work()
            except Exception:  # one failing part must not stop the others; the next second tries again
                log.exception("a part of the tick failed", part=getattr(work, "__name__", str(work)))

    def _ring(self) -> None:
        waiting = ledger.due()
        if waiting and not bell.ring(waiting):
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

    def _run(self) -> None:
        while not self._stop.wait(1):
            self.tick()


class Stepper:
    """Takes the steps of sequences that are due, in a thread of its own; any number of them may run."""

    def __init__(self, pause: float = 1) -> None:
        self.pause = pause
        self._stop = Event()
        self._thread = Thread(target=self._run, name="steps", daemon=True)

    def start(self) -> None:
        """Begin to take steps."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more; wait for the transaction that is open."""
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stop.wait(self.pause):
            try:
                stepping.take_due(self._stop.is_set)
            except Exception:  # the database may be away; the next second tries again
                log.exception("steps of sequences were not taken")
