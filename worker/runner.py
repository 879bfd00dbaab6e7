"""Runner: claims a job, runs its handler and records how it ended."""

import time
from collections.abc import Callable, Mapping
from threading import Event, Lock, Thread

import structlog

from platform_app.clock import new_id
from platform_app.errors import PlatformError, Unavailable
from platform_app.jobs import LeaseLost, RunningJob
from platform_app.models.job import MAX_ATTEMPTS, JobState
from platform_app.services.jobs import ledger
from platform_app.services.jobs.effects import CallFailed, Postponed, UncertainOutcome
from platform_app.tracing.spans import Span
from worker.isolation import IsolationLock
from worker.job_spans import job_span
from worker.ledger_writer import LedgerWriter

log = structlog.get_logger()
MAX_ATTEMPTS_WHILE_UNAVAILABLE = 60
Handler = Callable[[RunningJob], None]


class Runner:
    """Runs jobs by their handlers and renews their leases."""

    def __init__(self, handlers: Mapping[str, Handler], lease_seconds: float) -> None:
        self.handlers = handlers
        self.worker_id = new_id()  # id of its heartbeat
        self.renew_interval = lease_seconds / 3
        self.running: dict[str, RunningJob] = {}
        self.seconds: list[float] = []  # durations of the last hundred jobs
        self._ledger = LedgerWriter(self.worker_id)
        self._isolation = IsolationLock()
        self._lock = Lock()
        self._stop, self._is_closed = Event(), Event()
        self._thread = Thread(target=self._renew_leases, name="leases", daemon=True)

    def start(self) -> None:
        """Start the threads that write the ledger and renew leases."""
        self._ledger.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop, and release running jobs back to the queue."""
        self._stop.set()
        self._ledger.stop()
        with self._lock:
            held = list(self.running.values())
        if held:
            ledger.release_jobs(held)
            log.warning("jobs went back into the queue", count=len(held))

    def stuck(self) -> str:
        """Return a sentence about what keeps jobs from being claimed, or ""."""
        return self._ledger.stuck()

    def close(self) -> None:
        """Claim no more jobs; those that run go on."""
        self._is_closed.set()

    def run_all(self) -> None:
        """Run one job after another, as long as one may be claimed."""
        while self.run():
            pass

    def run(self, job_id: str = "") -> bool:
        """Claim the job that is next, or a certain one, and run it; return whether there was one.

        A suspect of crashes runs while this worker runs nothing else.
        """
        with self._isolation.shared():
            job = None if self._is_closed.is_set() else self._ledger.claim(job_id)
            if job is None:
                return False
            self._add_running(job)
            if not job.is_suspect:
                self._run_handler(job)
                return True
        with self._isolation.exclusive(lambda: _record_alone(job, is_alone=False)) as is_alone:
            if is_alone:
                _record_alone(job, is_alone=True)
            self._run_handler(job)
        return True

    def _add_running(self, job: RunningJob) -> None:
        with self._lock:
            self.running[job.id] = job

    def _run_handler(self, job: RunningJob) -> None:
        bound = structlog.contextvars.bound_contextvars(job_id=job.id, tenant_id=job.tenant_id, kind=job.kind)
        with bound, job_span(job) as span:
            started = time.monotonic()
            try:
                self._attempt(job, span)
            finally:
                with self._lock:
                    self.running.pop(job.id, None)
                    self.seconds = [*self.seconds[-99:], time.monotonic() - started]

    def _attempt(self, job: RunningJob, span: Span) -> None:
        handler = self.handlers.get(job.kind)
        if handler is None:
            span.fail("unknown_kind")
            ledger.end_attempt(job, JobState.DEAD, ledger.UNKNOWN_KIND)
            return
        try:
            handler(job)
            if not job.is_finished:
                self._ledger.done(job)
            log.info("job done", attempt=job.attempt)
        except LeaseLost as error:
            span.fail(error)
            log.warning("lease lost, nothing written")
        except UncertainOutcome as error:
            span.fail(error)
            ledger.end_attempt(job, JobState.UNCERTAIN, "We don’t know if the call arrived.")
        except Unavailable as error:
            span.fail(error)
            most = MAX_ATTEMPTS_WHILE_UNAVAILABLE
            ledger.retry_later(job, error.sentence, max_attempts=most, values=error.values)
        except PlatformError as error:
            span.fail(error)
            ledger.end_attempt(job, JobState.FAILED, error.sentence, values=error.values)
        except Postponed as error:
            ledger.postpone(job, error.sentence, seconds=error.seconds, values=error.values)
        except CallFailed as error:
            span.fail(error)
            ledger.retry_later(job, error.sentence, max_attempts=MAX_ATTEMPTS, values=error.values)
        except Exception as error:
            span.fail(error)
            log.exception("job failed", attempt=job.attempt)
            ledger.retry_later(job, f"{type(error).__name__}: {error}", max_attempts=MAX_ATTEMPTS)

    def _renew_leases(self) -> None:
        while not self._stop.wait(self.renew_interval):
            with self._lock:
                held = list(self.running.values())
            try:
                if held:
                    ledger.renew_leases(held)
            except Exception:  # retried with the next renewal
                log.exception("leases were not renewed")


def _record_alone(job: RunningJob, *, is_alone: bool) -> None:
    """Record whether a job runs alone; failures are logged, since they only make the next diagnosis less exact."""
    try:
        ledger.record_alone(job, is_alone=is_alone)
    except Exception:
        log.exception("whether a job is done alone was not noted", job_id=job.id)
