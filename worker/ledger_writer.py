"""Batch: what the worker's threads write into the ledger at the same moment goes in one transaction.

One thread writes for all. While it commits, what the others ask for gathers; it takes all of that next.
"""

import time
from dataclasses import dataclass, field
from threading import Condition, Event, Thread, get_ident

import structlog
from sqlalchemy.exc import IntegrityError

from platform_app import notifier
from platform_app.db import session_scope
from platform_app.jobs import RunningJob
from platform_app.services.jobs import ledger

log = structlog.get_logger()
MAX_TRIES = 20  # of writing an end, while the database is busy or away; then the lease runs out
RETRY_SECONDS = 0.5  # seconds between them
ANSWER_SECONDS = 60.0  # that a thread waits for its claim; SQLite's own patience with other writers is 30
STUCK_SECONDS = 10.0  # that what was asked for may wait before the worker says that something is wrong
GATHER_SECONDS = 0.001  # seconds that a transaction under load waits for the threads that have just been answered


@dataclass
class _Claim:
    """A job that a thread wants; it waits until the answer is there."""

    job_id: str
    job: RunningJob | None = None
    error: Exception | None = None
    is_abandoned: bool = False  # the thread waits no more
    asked_at: float = field(default_factory=time.monotonic)
    answered: Event = field(default_factory=Event)


@dataclass
class _End:
    """A job that is done; nobody waits."""

    job: RunningJob
    tries: int = 0
    asked_at: float = field(default_factory=time.monotonic)


class LedgerWriter:
    """Claims and ends jobs for many threads of one worker."""

    def __init__(self, worker_id: str | None = None) -> None:
        self.worker_id = worker_id
        self._at_work: list[_Claim | _End] = []  # what is being written
        self._claims: list[_Claim] = []
        self._ends: list[_End] = []
        self._threads: set[int] = set()  # that claim here
        self._change = Condition()
        self._stop = False
        self._thread = Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is left, and end."""
        with self._change:
            self._stop = True
            self._change.notify()
        self._thread.join(10)

    def claim(self, job_id: str) -> RunningJob | None:
        """Take a job that is due, as `ledger.claim` does; nothing when the database does not answer in time.

        Raises the database's error if the batch could not be written.
        """
        claim = _Claim(job_id)
        with self._change:
            self._threads.add(get_ident())
            self._claims.append(claim)
            self._change.notify()
        if not claim.answered.wait(ANSWER_SECONDS) and self._abandon(claim):
            log.error("a job was not claimed: the database does not answer", job_id=job_id)
            return None
        if claim.error is not None:
            raise claim.error
        return claim.job

    def _abandon(self, claim: _Claim) -> bool:
        """Wait no more for a claim; tell whether it is still unanswered. What it takes later goes back at once."""
        with self._change:
            claim.is_abandoned = not claim.answered.is_set()
            if claim in self._claims:
                self._claims.remove(claim)
            return claim.is_abandoned

    def stuck(self) -> str:
        """Return what is wrong with the writer, in words; nothing when all is well."""
        if self._thread.ident is not None and not self._thread.is_alive() and not self._stop:
            return "The thread that writes the ledger has ended."
        with self._change:
            asked = [one.asked_at for one in (*self._claims, *self._ends, *self._at_work)]
        waited = time.monotonic() - min(asked, default=time.monotonic())
        return f"The ledger has not been written for {waited:.0f} s." if waited > STUCK_SECONDS else ""

    def done(self, job: RunningJob) -> None:
        """Have it written that a job is done, unless another worker has it by now. Does not wait."""
        with self._change:
            self._ends.append(_End(job))
            self._change.notify()

    def _run(self) -> None:
        answered = 0
        while True:
            with self._change:
                self._change.wait_for(lambda: self._claims or self._ends or self._stop)
                if answered > 1:
                    self._change.wait_for(lambda: len(self._claims) >= len(self._threads) or self._stop, GATHER_SECONDS)
                claims, ends, self._claims, self._ends = self._claims, self._ends, [], []
                self._at_work = [*claims, *ends]
            if not claims and not ends:
                return
            self._write_or_split(claims, ends)
            self._at_work = []
            answered = len(claims)

    def _write_or_split(self, claims: list[_Claim], ends: list[_End]) -> None:
        """Write all of it; what cannot be written together is written one by one."""
        try:
            self._write(claims, ends)
        except Exception as error:
            if len(claims) + len(ends) > 1:
                for claim in claims:
                    self._write_or_split([claim], [])
                for end in ends:
                    self._write_or_split([], [end])
            elif ends:
                self._retry(ends[0], error)
            elif not isinstance(error, IntegrityError):  # another worker runs a job with this lock: nothing is taken
                claims[0].error = error
        for claim in claims:
            self._answer(claim)

    def _answer(self, claim: _Claim) -> None:
        with self._change:
            claim.answered.set()
        late, claim.job = claim.job if claim.is_abandoned else None, None if claim.is_abandoned else claim.job
        if late is not None:
            log.warning("a claim came too late", job_id=claim.job_id)
            try:
                ledger.release_jobs([late])
            except Exception:  # its lease runs out
                log.exception("a claim that came too late was not given back", job_id=claim.job_id)

    def _retry(self, end: _End, error: Exception) -> None:
        end.tries += 1
        log.warning("end of a job was not written", job_id=end.job.id, error=type(error).__name__, tries=end.tries)
        if end.tries < MAX_TRIES and not self._stop:
            with self._change:
                self._ends.append(end)
                self._change.wait_for(self._is_stopping, RETRY_SECONDS)

    def _is_stopping(self) -> bool:
        return self._stop

    def _write(self, claims: list[_Claim], ends: list[_End]) -> None:
        with session_scope(reason="a worker claims and ends") as session:
            ended = ledger.finish_jobs(session, [end.job for end in ends]) if ends else set()
            ledger.wake_next(session, [end.job for end in ends if end.job.id in ended])
            wanted = [claim.job_id for claim in claims if not claim.is_abandoned]
            taken = ledger.claim_jobs(session, wanted, self.worker_id) if wanted else []
        by_id = {job.id: job for job in taken}
        for claim in claims:
            claim.job = by_id.pop(claim.job_id, None)  # a job rung twice goes to one of them
        for end in ends:
            if end.job.id not in ended:
                log.warning("lease lost, nothing written", job_id=end.job.id)
        for tenant_id, job_id in {end.job.tenant_id: end.job.id for end in ends if end.job.id in ended}.items():
            notifier.publish(tenant_id, "job", job_id)
