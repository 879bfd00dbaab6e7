"""Batch: what the worker's threads write into the ledger at the same moment goes in one transaction.

One thread writes for all. While it commits, what the others ask for gathers; it takes all of that next.
"""

from dataclasses import dataclass, field
from threading import Condition, Event, Thread, get_ident

import structlog
from sqlalchemy.exc import IntegrityError

from platform_app import bell
from platform_app.db import session_scope
from platform_app.jobs import RunningJob
from platform_app.services import ledger

log = structlog.get_logger()
TRIES = 20  # of writing an end, while the database is busy or away; then the lease runs out
PAUSE = 0.5  # seconds between them
GATHER = 0.001  # seconds that a transaction under load waits for the threads that have just been answered


@dataclass
class _Claim:
    """A job that a thread wants; it waits until the answer is there."""

    job_id: str
    job: RunningJob | None = None
    error: Exception | None = None
    answered: Event = field(default_factory=Event)


@dataclass
class _End:
    """A job that is done; nobody waits."""

    job: RunningJob
    tries: int = 0


class Batch:
    """Claims and ends jobs for many threads."""

    def __init__(self) -> None:
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
        """Take a job that is due, as `ledger.claim` does."""
        claim = _Claim(job_id)
        with self._change:
            self._threads.add(get_ident())
            self._claims.append(claim)
            self._change.notify()
        claim.answered.wait()
        if claim.error is not None:
            raise claim.error
        return claim.job

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
                    self._change.wait_for(lambda: len(self._claims) >= len(self._threads) or self._stop, GATHER)
                claims, ends, self._claims, self._ends = self._claims, self._ends, [], []
            if not claims and not ends:
                return
            self._settle(claims, ends)
            answered = len(claims)

    def _settle(self, claims: list[_Claim], ends: list[_End]) -> None:
        """Write all of it; what cannot be written together is written one by one."""
        try:
            _write(claims, ends)
        except Exception as error:
            if len(claims) + len(ends) > 1:
                for claim in claims:
                    self._settle([claim], [])
                for end in ends:
                    self._settle([], [end])
            elif ends:
                self._again(ends[0], error)
            elif not isinstance(error, IntegrityError):  # another worker runs a job with this lock: nothing is taken
                claims[0].error = error
        for claim in claims:
            claim.answered.set()

    def _again(self, end: _End, error: Exception) -> None:
        end.tries += 1
        log.warning("end of a job was not written", job_id=end.job.id, error=type(error).__name__, tries=end.tries)
        if end.tries < TRIES and not self._stop:
            with self._change:
                self._ends.append(end)
                self._change.wait_for(self._is_stopping, PAUSE)

    def _is_stopping(self) -> bool:
        return self._stop


def _write(claims: list[_Claim], ends: list[_End]) -> None:
    with session_scope(reason="a worker claims and ends") as session:
        ended = ledger.finish_each(session, [end.job for end in ends]) if ends else set()
        ledger.ring_next(session, [end.job for end in ends if end.job.id in ended])
        taken = ledger.claim_each(session, [claim.job_id for claim in claims]) if claims else []
    by_id = {job.id: job for job in taken}
    for claim in claims:
        claim.job = by_id.pop(claim.job_id, None)  # a job rung twice goes to one of them
    for end in ends:
        if end.job.id not in ended:
            log.warning("lease lost, nothing written", job_id=end.job.id)
    for tenant_id, job_id in {end.job.tenant_id: end.job.id for end in ends if end.job.id in ended}.items():
        bell.announce(tenant_id, "job", job_id)
