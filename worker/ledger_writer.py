"""Ledger writer: batches the ledger writes of a worker's threads into common transactions.

One thread writes for all: what others request while it commits is written next.
"""

import time
from dataclasses import dataclass, field
from threading import Condition, Event, Thread, get_ident

import structlog
from sqlalchemy.exc import IntegrityError

from platform_app import notifier
from platform_app.db import Transaction, session_scope
from platform_app.jobs import RunningJob
from platform_app.services.jobs import ledger
from platform_app.services.jobs.job_limits import count_threads
from platform_app.services.jobs.job_turns import Turns

log = structlog.get_logger()
MAX_TRIES = 20  # attempts to store the end of a job; then its lease runs out
RETRY_SECONDS = 0.5  # between two attempts
ANSWER_SECONDS = 60.0  # wait for a claim; SQLite itself waits 30 s for other writers
STUCK_SECONDS = 10.0  # a request that waits longer is reported as stuck
THREADS_SECONDS = 5.0  # until the threads of all workers are counted again
GATHER_SECONDS = 0.001  # under load, wait for further requests of threads


@dataclass
class _Claim:
    """A thread's request for the next job, or a certain one; the thread waits for the answer."""

    job_id: str = ""
    job: RunningJob | None = None
    error: Exception | None = None
    is_abandoned: bool = False  # the thread no longer waits
    asked_at: float = field(default_factory=time.monotonic)
    answered: Event = field(default_factory=Event)


@dataclass
class _End:
    """A finished job to be stored; no thread waits for it."""

    job: RunningJob
    tries: int = 0
    asked_at: float = field(default_factory=time.monotonic)


class LedgerWriter:
    """Claims and finishes jobs for the threads of one worker."""

    def __init__(self, worker_id: str | None = None) -> None:
        self.worker_id = worker_id
        self._at_work: list[_Claim | _End] = []  # being written
        self._claims: list[_Claim] = []
        self._ends: list[_End] = []
        self._turns = Turns()
        self._all_threads, self._recount_at = 0, 0.0
        self._threads: set[int] = set()  # ids of threads that claim here
        self._change = Condition()
        self._stop = False
        self._thread = Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        """Start the writer thread."""
        self._thread.start()

    def stop(self) -> None:
        """Write the pending requests and stop, within 10 seconds."""
        with self._change:
            self._stop = True
            self._change.notify()
        self._thread.join(10)

    def claim(self, job_id: str = "") -> RunningJob | None:
        """Claim the job that is next, or a certain one. Returns None also if there is no answer in ANSWER_SECONDS.

        Raises the error of the database if the claim failed.
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
        """Withdraw a claim; return whether it is still unanswered. A job claimed later is released at once."""
        with self._change:
            claim.is_abandoned = not claim.answered.is_set()
            if claim in self._claims:
                self._claims.remove(claim)
            return claim.is_abandoned

    def stuck(self) -> str:
        """Return a sentence about what is wrong with the writer, or ""."""
        if self._thread.ident is not None and not self._thread.is_alive() and not self._stop:
            return "The thread that writes the ledger has ended."
        with self._change:
            asked = [one.asked_at for one in (*self._claims, *self._ends, *self._at_work)]
        waited = time.monotonic() - min(asked, default=time.monotonic())
        return f"The ledger has not been written for {waited:.0f} s." if waited > STUCK_SECONDS else ""

    def _claim_next(self, session: Transaction, count: int) -> list[RunningJob]:
        threads = self._count_threads(session)
        return ledger.claim_next(session, self._turns, count, threads=threads, worker_id=self.worker_id)

    def _count_threads(self, session: Transaction) -> int:
        """Return the number of jobs that all workers may run at once, at most THREADS_SECONDS old."""
        if time.monotonic() >= self._recount_at:
            self._all_threads = count_threads(session)
            self._recount_at = time.monotonic() + THREADS_SECONDS
        return self._all_threads

    def done(self, job: RunningJob) -> None:
        """Request that a job is marked as done, unless its lease is lost. Does not wait."""
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
        """Write all requests in one transaction, or one by one if that fails."""
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
            elif not isinstance(error, IntegrityError):  # another worker runs a job with this lock
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
        waiting = [claim for claim in claims if not claim.is_abandoned]
        with session_scope(reason="a worker claims and ends") as session:
            if waiting and ends:  # before the rows of jobs, as in every transaction that claims
                ledger.lock_claims(session)
            ended = ledger.finish_jobs(session, [end.job for end in ends]) if ends else set()
            wanted = [claim.job_id for claim in waiting if claim.job_id]
            named = ledger.claim_jobs(session, wanted, self.worker_id) if wanted else []
            count = len(waiting) - len(wanted)
            following = self._claim_next(session, count) if count else []
        by_id = {job.id: job for job in named}
        for claim in claims:
            claim.job = by_id.pop(claim.job_id, None) if claim.job_id else None  # two may have asked for one job
        for claim, job in zip((claim for claim in waiting if not claim.job_id), following, strict=False):
            claim.job = job
        for end in ends:
            if end.job.id not in ended:
                log.warning("lease lost, nothing written", job_id=end.job.id)
        for tenant_id, job_id in {end.job.tenant_id: end.job.id for end in ends if end.job.id in ended}.items():
            notifier.publish(tenant_id, "job", job_id)
