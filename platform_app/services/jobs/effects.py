"""Effects: outbound calls that are made once, or whose outcome is known to be uncertain."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_delete, session_scope
from platform_app.errors import PlatformError
from platform_app.jobs import LeaseLost, RunningJob
from platform_app.models.job import Effect
from platform_app.models.sending import Dispatch


class CallFailed(Exception):
    """The call failed and may be made again: nothing was done, or the other side recognises its key.

    `sentence` is a message id of the catalogs whose placeholders `values` fill.
    """

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(sentence.format(**values) if values else sentence)
        self.sentence = sentence
        self.values = values


class Postponed(CallFailed):
    """The call has to wait for `seconds`; however often that happens, the job is not given up."""

    def __init__(self, sentence: str, *, seconds: float, **values: object) -> None:
        super().__init__(sentence, **values)
        self.seconds = seconds


class UncertainOutcome(Exception):
    """Whether the call had an effect is not known; a person decides."""


_CERTAIN_ERRORS = (CallFailed, PlatformError)  # nothing was done


@dataclass(kw_only=True)
class OutboundCall:
    """A call of a job to another system, which is made once or whose outcome is known to be uncertain.

    `begin` and `record` write in transactions of the caller; `make` is called between them, outside a transaction.
    """

    job: RunningJob
    key: str
    call: Callable[[str], dict[str, Any]]  # gets `key`, returns the outcome; raises CallFailed or PlatformError
    repeatable: bool  # the other side honours the key, so that a call with an uncertain outcome may be repeated
    outcome: dict[str, Any] = field(default_factory=dict)
    error: Exception | None = None  # CallFailed, PlatformError, UncertainOutcome, or unexpected and repeatable

    def begin(self, session: Transaction) -> bool:
        """Record that the call is about to be made; return False if it was made before, with its outcome.

        Raises UncertainOutcome if it may have been made and must not be repeated.
        """
        held = session.exec(self._effect()).first()
        if held is None:
            key, repeatable = self.key, self.repeatable
            session.add(Effect(tenant_id=self.job.tenant_id, job_id=self.job.id, key=key, repeatable=repeatable))
        elif held.closed_at is not None:
            self.outcome = dict(held.outcome)
            return False
        elif not self.repeatable:
            raise UncertainOutcome(self.key)
        return True

    def make(self) -> None:
        """Make the call and keep its outcome or error. Raises LeaseLost if the call finds that the lease is lost."""
        try:
            self.outcome = self.call(self.key)
        except LeaseLost:
            raise
        except Exception as error:
            self.error = error
            if not self.repeatable and not isinstance(error, _CERTAIN_ERRORS):
                self.error = UncertainOutcome(self.key)
                self.error.__cause__ = error

    def record(self, session: Transaction) -> None:
        """Store the outcome; a call that had no effect is forgotten and not counted, an uncertain one stays open."""
        if self.error is None:
            row = session.exec(self._effect()).one()
            row.closed_at, row.outcome = now(), self.outcome
        elif isinstance(self.error, _CERTAIN_ERRORS):
            mine = owned_delete(Effect, self.job.tenant_id).where(col(Effect.key) == self.key)
            session.execute(mine.where(col(Effect.job_id) == self.job.id))
            session.execute(owned_delete(Dispatch, self.job.tenant_id).where(col(Dispatch.key) == self.key))

    def _effect(self) -> Any:
        return owned(Effect, self.job.tenant_id).where(Effect.key == self.key)


def call_once(job: RunningJob, key: str, call: Callable[[str], dict[str, Any]], *, repeatable: bool) -> dict[str, Any]:
    """Make an outbound call in transactions of its own, and return its outcome.

    Raises CallFailed and PlatformError as `call` does: nothing was done then. Raises UncertainOutcome if the outcome is
    unknown and the call must not be repeated.
    """
    outbound = OutboundCall(job=job, key=key, call=call, repeatable=repeatable)
    with session_scope(job.tenant_id) as session:
        has_to_be_made = outbound.begin(session)
    if has_to_be_made:
        outbound.make()
        with session_scope(job.tenant_id) as session:
            outbound.record(session)
    if outbound.error is not None:
        raise outbound.error
    return outbound.outcome


def is_uncertain(session: Transaction, tenant_id: str, key: str) -> bool:
    """Return whether a call was begun whose outcome is not known and that must not be repeated."""
    query = owned(Effect, tenant_id).where(Effect.key == key, col(Effect.closed_at).is_(None))
    return session.exec(query.where(col(Effect.repeatable).is_(False))).first() is not None


def allow_retry(session: Transaction, tenant_id: str, key: str) -> None:
    """Allow a call with an uncertain outcome to be made again; it may then have its effect twice."""
    begun = owned_delete(Effect, tenant_id).where(col(Effect.key) == key, col(Effect.closed_at).is_(None))
    session.execute(begun)
