"""Handling: the worker weighs the rules that listen to an event, and does what they say, each once."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError

from platform_app.automation.rules import RuleDefinition, parse_rule
from platform_app.db import Transaction, is_lock_conflict, owned
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_context import Plan, Scene, gate_of
from platform_app.engine.actions.outbound_calls import UNHEARD
from platform_app.engine.enrollments import enrollment_entry
from platform_app.engine.rules import rule_evaluation, rule_runs
from platform_app.errors import PlatformError, Unavailable
from platform_app.events import Cause, set_cause
from platform_app.fact_snapshots import event_facts, event_subjects
from platform_app.jobs import LeaseLost, RunningJob
from platform_app.models.event import Event, EventKind
from platform_app.models.rule import Rule, RuleRun, RuleVersion, RunState
from platform_app.services.jobs import effects
from platform_app.services.jobs.effects import CallFailed, UncertainOutcome

_logger = structlog.get_logger()
TRIES = 5  # of an action that goes outside
IN_DOUBT = "Whether it arrived is not known. Look there first: trying again does it once more."
SPAN = 0.05  # seconds for which one transaction goes on from action to action
PATIENCE = 0.3  # seconds that it waits for a row; whoever has it may wait for what this one has, and goes first
TIMES_TO_GIVE_WAY = 50  # in a row, each after PATIENCE
_TO_DO = (RunState.RUNNING, RunState.RETRYING)
_BUG = "Something went wrong."
_OURS = (Unavailable, LeaseLost)  # the job is done again as a whole


def handle_event(job: RunningJob) -> None:
    """Weigh the rules once, then do the actions of those that fire, in order.

    A run whose action goes outside and fails is tried again with the job, while the others go on.
    """
    hand = _Hand(job)
    while hand.go_on():
        if hand.call is not None:
            hand.call.make()
    if hand.later:
        raise CallFailed("An action of a rule is tried again.")


@dataclass
class _Call:
    """A call to the outside that an action wants, and how it ended."""

    run_id: str
    place: int
    key: str
    plan: Callable[[str], dict[str, Any]]
    repeatable: bool
    began: float
    outcome: dict[str, Any] | None = None
    error: Exception | None = None

    def make(self) -> None:
        """Call, and keep what came of it."""
        try:
            self.outcome = self.plan(self.key)
        except _OURS:
            raise
        except Exception as error:
            self.error = error


class _Hand:
    """An event in the hands of a worker.

    Each transaction holds the job's lease, writes down what came of the last call, and does at least one action, and
    more of rule after rule until one goes outside or the time of a transaction is over.
    """

    def __init__(self, job: RunningJob) -> None:
        self.job = job
        self.call: _Call | None = None  # to be made, or just made
        self.later: set[str] = set()  # runs that are tried again with the job
        self._is_weighed = False
        self._has_moved = False  # something was done in this transaction
        self._until: float | None = None  # when the time of the transaction is over; none before its first action
        self._event = Event(tenant_id=job.tenant_id, kind=EventKind.MANUAL)  # until it is read
        self._rules: dict[str, Rule] = {}
        self._held: tuple[object, ...] = ()  # rows that every action asks for: a session forgets what nobody holds

    def go_on(self) -> bool:
        """Do the next piece of work in one transaction, anew when that gave way; tell whether there is more.
        Raises SureFailure when it had to give way each time: the job is tried again, and given up in the end."""
        before = self.call, self.later, self._is_weighed
        for _ in range(TIMES_TO_GIVE_WAY):
            try:
                return self._piece()
            except OperationalError as error:
                if not is_lock_conflict(error):
                    raise
                self.call, self.later, self._is_weighed = before
        raise CallFailed("Others changed the same contacts and leads all the while. Try again later.")

    def _piece(self) -> bool:
        with self.job.transaction(lock_timeout=PATIENCE) as session:
            self._until, self._has_moved = None, False
            found = session.exec(owned(Event, self.job.tenant_id).where(Event.id == self.job.payload.event_id)).first()
            if found is None:
                return False
            self._event, self._held = found, event_subjects(session, found)
            runs = self._runs(session)
            self._rules = rule_runs.rules_of(session, runs)
            if self.call is not None:
                made, self.call = self.call, None
                self._settle(session, next(run for run in runs if run.id == made.run_id), made)
            is_more = any(self._through(session, run) for run in runs)
            if self._has_moved:
                self.job.record_progress(session)
            return is_more

    def _runs(self, session: Transaction) -> list[RuleRun]:
        """Return the runs that have something left to do, in order."""
        query = owned(RuleRun, self.job.tenant_id).where(RuleRun.event_id == self._event.id)
        again, listed = self.job.payload.again, query.order_by(RuleRun.place, RuleRun.id)
        if not self._is_weighed:
            self._is_weighed = True
            if session.exec(query.with_only_columns(RuleRun.id).limit(1)).first() is None:
                enrollment_entry.handle(session, self._event)
                return [run for run in rule_evaluation.weigh(session, self._event) if run.state in _TO_DO]
        left = listed.where(RuleRun.state.in_(_TO_DO)).with_for_update()  # type: ignore[attr-defined]
        rows = [run for run in session.exec(left).all() if again in ("", run.id)]
        return [run for run in rows if run.id not in self.later]

    def _through(self, session: Transaction, run: RuleRun) -> bool:
        """Do the actions of a run that are left; tell whether the transaction has to end before they are all done."""
        rule = self._rules[run.rule_id]
        while run.id not in self.later and run.state in _TO_DO:
            place = _next(run)
            key = rule_runs.key_of(run.event_id, run.id, place or 0)
            if place is not None and effects.is_uncertain(session, run.tenant_id, key):  # whatever has changed since
                self._stop(session, run, RunState.UNCERTAIN, time.monotonic(), sentence=IN_DOUBT)
            elif place is None or not rule.enabled:
                rule_runs.end(session, run, rule, RunState.DONE if place is None else RunState.CANCELLED)
            elif self._until is not None and time.monotonic() > self._until:
                return True
            else:
                self._act(session, run, place)
                if self.call is not None:
                    return True
        return False

    def _act(self, session: Transaction, run: RuleRun, place: int) -> None:
        """Do an action, or note the call that it wants."""
        rule, began = self._rules[run.rule_id], time.monotonic()
        self._until = self._until or began + SPAN
        try:
            plan = _plan(session, run, rule, event=self._event, place=place)
            gate: dict[str, Any] = {}
            if plan.do is not None:
                with session.savepoint():
                    cause = Cause(self._event.id, self._event.depth + 1, run.id, self._event.origin_id)
                    set_cause(session, cause)
                    gate = gate_of(plan.do(session, rule_runs.acting(session, rule)))
            rule_runs.line(run, place, sentence=plan.sentence, values=plan.values, **({"gate": gate} if gate else {}))
            if plan.call is None or self._was_made(session, plan, run, place=place, began=began):
                self._done(run, place, began)
        except (*_OURS, OperationalError):
            raise
        except PlatformError as error:
            self._stop(session, run, RunState.FAILED, began, sentence=error.sentence, values=error.values)
        except UncertainOutcome:
            self._stop(session, run, RunState.UNCERTAIN, began, sentence=IN_DOUBT)
        except Exception:  # a fault of ours: the run is tried again, at last it says so
            _logger.exception("an action of a rule failed", run_id=run.id)
            self._try_later(session, run, began, sentence=_BUG)

    def _was_made(self, session: Transaction, plan: Plan, run: RuleRun, *, place: int, began: float) -> bool:
        """Tell whether a call was made before; note it when it is still to be made."""
        assert plan.call is not None
        key = rule_runs.key_of(self._event.id, run.id, place)
        if effects.open_effect(session, self.job, key, repeatable=plan.repeatable) is not None:
            return True
        self.call = _Call(run.id, place, key, plan.call, plan.repeatable, began)
        return False

    def _settle(self, session: Transaction, run: RuleRun, call: _Call) -> None:
        """Write down how a call ended."""
        error, began = call.error, call.began
        if error is None:
            effects.close_effect(session, run.tenant_id, call.key, call.outcome or {})
            run.state = RunState.RUNNING
            self._done(run, call.place, began)
        elif isinstance(error, PlatformError):
            effects.delete_effect(session, self.job, call.key)
            self._stop(session, run, RunState.FAILED, began, sentence=error.sentence, values=error.values)
        elif isinstance(error, CallFailed):
            effects.delete_effect(session, self.job, call.key)
            self._try_later(session, run, began, sentence=error.sentence, values=error.values)
        elif not call.repeatable:
            self._stop(session, run, RunState.UNCERTAIN, began, sentence=IN_DOUBT)
        else:
            is_silent = isinstance(error, (OSError, TimeoutError, *UNHEARD))
            if not is_silent:
                _logger.error("a call of a rule failed", run_id=run.id, exc_info=error)
            self._try_later(session, run, began, sentence="The address does not answer." if is_silent else _BUG)

    def _done(self, run: RuleRun, place: int, began: float) -> None:
        self._has_moved = True
        rule_runs.line(run, place, state=RunState.DONE, ms=round((time.monotonic() - began) * 1_000))

    def _try_later(self, session: Transaction, run: RuleRun, began: float, **told: Any) -> None:
        """Let a run be tried again with the job, unless that was tried often enough."""
        if self.job.attempt >= TRIES:
            self._stop(session, run, RunState.FAILED, began, **told)
            return
        self.later = self.later | {run.id}
        run.state = RunState.RETRYING
        _failed(run, RunState.RETRYING, began, **told)

    def _stop(self, session: Transaction, run: RuleRun, state: RunState, began: float, **told: Any) -> None:
        """End a run at an action that did not happen."""
        _failed(run, state, began, **told)
        rule_runs.end(session, run, self._rules[run.rule_id], state)


def _next(run: RuleRun) -> int | None:
    """Return the place of the action that is next, nothing when all are done."""
    return next((at for at, line in enumerate(run.actions) if line["state"] != RunState.DONE), None)


def _plan(session: Transaction, run: RuleRun, rule: Rule, *, event: Event, place: int) -> Plan:
    is_current = run.version == rule.published_number
    wanted = parse_rule(rule.published) if is_current else version_of(session, run.tenant_id, rule.id, run.version)
    scene = Scene(session, rule_runs.acting(session, rule), event, event_facts(event))
    return actions.action(wanted.actions[place]).plan(scene)


def version_of(session: Transaction, tenant_id: str, rule_id: str, number: int) -> RuleDefinition:
    """Return a published definition."""
    query = owned(RuleVersion, tenant_id).where(RuleVersion.rule_id == rule_id, RuleVersion.number == number)
    return parse_rule(session.exec(query).one().definition)


def _failed(
    run: RuleRun, state: RunState, began: float, *, sentence: str, values: dict[str, object] | None = None
) -> None:
    place = _next(run)
    assert place is not None
    told = {"error": sentence, "error_values": {name: str(value) for name, value in (values or {}).items()}}
    rule_runs.line(run, place, state=state, ms=round((time.monotonic() - began) * 1_000), **told)
