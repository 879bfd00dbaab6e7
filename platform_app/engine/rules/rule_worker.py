"""Rule worker: the job that evaluates the rules of an event and runs their actions, each once."""

import time
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError
from sqlmodel import col

from platform_app.automation.rules import RuleDefinition, parse_rule
from platform_app.automation.send_gate import Verdict
from platform_app.db import Transaction, owned
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_context import ActionContext, ActionPlan, result_of, send_gate_outcome
from platform_app.engine.enrollments import enrollment_entry
from platform_app.engine.rules import rule_evaluation, rule_runs
from platform_app.errors import PlatformError, Unavailable
from platform_app.events import Cause, set_cause
from platform_app.fact_snapshots import event_facts, event_subjects
from platform_app.jobs import IN_DOUBT, LeaseLost, RunningJob
from platform_app.models.event import Event, EventKind
from platform_app.models.job import MAX_ATTEMPTS
from platform_app.models.rule import Rule, RuleRun, RuleVersion, RunState
from platform_app.services.chat import automatic_messages, media_events
from platform_app.services.jobs import effects
from platform_app.services.jobs.effects import CallFailed, OutboundCall, Postponed, UncertainOutcome
from platform_app.storage_errors import is_lock_conflict

_logger = structlog.get_logger()
TRANSACTION_SECONDS = 0.05  # seconds after which a transaction starts no further action
LOCK_TIMEOUT = 0.3  # seconds to wait for a locked row; on a conflict the other transaction goes first
MAX_LOCK_RETRIES = 50  # in a row, each after LOCK_TIMEOUT
_UNFINISHED = (RunState.RUNNING, RunState.RETRYING)


def handle_event(job: RunningJob) -> None:
    """Evaluate the rules once, then run the actions of those that fire, in order.

    If an outbound action fails, its run is retried with the job while other runs go on. Raises CallFailed to have the
    job retried, Postponed while the text of a recording or picture is awaited.
    """
    handler = _EventHandler(job)
    while handler.run_transaction():
        if handler.call is not None:
            handler.call.make()
    if handler.retried:
        raise CallFailed("An action of a rule is tried again.")


@dataclass(kw_only=True)
class _ActionCall(OutboundCall):
    """The outbound call of an action."""

    run_id: str
    place: int
    began: float


class _EventHandler:
    """Handles an event in several transactions.

    Each transaction holds the job's lease, stores the outcome of the last call, and runs at least one action and
    further ones until an outbound call or the time limit.
    """

    def __init__(self, job: RunningJob) -> None:
        self.job = job
        self.call: _ActionCall | None = None  # to be made, or made and not yet stored
        self.retried: set[str] = set()  # ids of runs that are retried with the job
        self.held: set[str] = set()  # ids of runs whose e-mail the send gate holds
        self._has_runs = False
        self._has_progress = False  # an action was run in this transaction
        self._deadline: float | None = None  # end of the transaction's time; None before its first action
        self._event = Event(tenant_id=job.tenant_id, kind=EventKind.MANUAL)  # until it is read
        self._rules: dict[str, Rule] = {}
        self._loaded_rows: tuple[object, ...] = ()  # of every action; a session forgets rows without references

    def run_transaction(self) -> bool:
        """Run the next transaction, again after lock conflicts; return whether there is more to do.

        Raises CallFailed after too many lock conflicts, so that the job is retried.
        """
        before = self.call, self.retried, self.held, self._has_runs
        for _ in range(MAX_LOCK_RETRIES):
            try:
                return self._run_transaction()
            except OperationalError as error:
                if not is_lock_conflict(error):
                    raise
                self.call, self.retried, self.held, self._has_runs = before
        raise CallFailed("These contacts and leads kept changing. Try again later.")

    def _run_transaction(self) -> bool:
        with self.job.transaction(lock_timeout=LOCK_TIMEOUT) as session:
            self._deadline, self._has_progress = None, False
            event = session.exec(owned(Event, self.job.tenant_id).where(Event.id == self.job.payload.event_id)).first()
            if event is None:
                return False
            self._event, self._loaded_rows = event, event_subjects(session, event)
            runs = self._unfinished_runs(session)
            self._rules = rule_runs.rules_by_id(session, runs)
            if self.call is not None:
                made, self.call = self.call, None
                self._record_call(session, next(run for run in runs if run.id == made.run_id), made)
            is_more = any(self._run_actions(session, run) for run in runs)
            if self._has_progress:
                self.job.record_progress(session)
            return is_more

    def _unfinished_runs(self, session: Transaction) -> list[RuleRun]:
        """Return the unfinished runs, in order."""
        query = owned(RuleRun, self.job.tenant_id).where(RuleRun.event_id == self._event.id)
        again, listed = self.job.payload.again, query.order_by(RuleRun.place, RuleRun.id)
        if not self._has_runs:
            self._has_runs = True
            if session.exec(query.with_only_columns(RuleRun.id).limit(1)).first() is None:
                if media_events.is_waiting(session, self._event):
                    raise Postponed(media_events.WAITS, seconds=media_events.RETRY_SECONDS)
                enrollment_entry.handle_event(session, self._event)
                return [run for run in rule_evaluation.create_runs(session, self._event) if run.state in _UNFINISHED]
        left = listed.where(col(RuleRun.state).in_(_UNFINISHED)).with_for_update()
        rows = [run for run in session.exec(left).all() if again in ("", run.id)]
        return [run for run in rows if run.id not in self.retried | self.held and not rule_runs.is_held(run)]

    def _run_actions(self, session: Transaction, run: RuleRun) -> bool:
        """Run the remaining actions of a run; return whether the transaction has to end before they are done."""
        rule = self._rules[run.rule_id]
        while run.id not in self.retried | self.held and run.state in _UNFINISHED:
            place = rule_runs.next_place(run)
            key = rule_runs.idempotency_key(run.event_id, run.id, place or 0)
            if place is not None and effects.is_uncertain(session, run.tenant_id, key):  # even if it changed
                self._fail_run(session, run, RunState.UNCERTAIN, time.monotonic(), sentence=IN_DOUBT)
            elif place is None or not rule.enabled:
                rule_runs.finish_run(session, run, rule, RunState.DONE if place is None else RunState.CANCELLED)
            elif self._deadline is not None and time.monotonic() > self._deadline:
                return True
            else:
                self._run_action(session, run, place)
                if self.call is not None:
                    return True
        return False

    def _run_action(self, session: Transaction, run: RuleRun, place: int) -> None:
        """Run an action, or store the outbound call that it needs."""
        rule, began = self._rules[run.rule_id], time.monotonic()
        self._deadline = self._deadline or began + TRANSACTION_SECONDS
        try:
            plan = _plan(session, run, rule, event=self._event, place=place)
            outcome: object = None
            if plan.apply is not None:
                with session.savepoint():
                    cause = Cause(self._event.id, self._event.depth + 1, run.id, self._event.origin_id)
                    set_cause(session, cause)
                    outcome = plan.apply(session, rule_runs.acting_identity(session, rule))
            gate, result = send_gate_outcome(outcome), result_of(plan, outcome)
            rule_runs.update_action(
                run, place, sentence=result.sentence, values=result.values, **({"gate": gate} if gate else {})
            )
            if plan.call is not None and not self._passes_gate(session, plan, run, place=place):
                return
            made = self._begin_call(session, plan, run, place=place, began=began) if plan.call is not None else {}
            if made is not None:
                self._record_done(run, place, began, made)
        except (Unavailable, LeaseLost, OperationalError):  # the whole job is retried
            raise
        except Exception as error:
            self._record_error(session, run, began, error)

    def _passes_gate(self, session: Transaction, plan: ActionPlan, run: RuleRun, *, place: int) -> bool:
        """Return whether a call may be made; an e-mail that the send gate holds is tried again when it may be sent."""
        if plan.message is None:
            return True
        key = rule_runs.idempotency_key(self._event.id, run.id, place)
        message = replace(plan.message, is_released=bool(run.actions[place].get("released")))
        decision = automatic_messages.admit_email(session, run.tenant_id, message, key)
        if not decision.sends or run.actions[place].get("gate"):
            rule_runs.update_action(run, place, gate=decision.as_json())
        if decision.verdict == Verdict.DROP:
            self._record_done(run, place, time.monotonic())
        elif not decision.sends:
            self.held = self.held | {run.id}
            rule_runs.hold_run(session, run, place, until=decision.until)
        return decision.sends

    def _begin_call(
        self, session: Transaction, plan: ActionPlan, run: RuleRun, *, place: int, began: float
    ) -> dict[str, Any] | None:
        """Return the outcome of a call that was made before, or None after storing it to be made."""
        assert plan.call is not None
        call = _ActionCall(
            job=self.job,
            key=rule_runs.idempotency_key(self._event.id, run.id, place),
            call=plan.call,
            repeatable=plan.repeatable,
            run_id=run.id,
            place=place,
            began=began,
        )
        if call.begin(session):
            self.call = call
            return None
        return call.outcome

    def _record_call(self, session: Transaction, run: RuleRun, call: _ActionCall) -> None:
        """Store the outcome of a call."""
        call.record(session)
        if call.error is None:
            run.state = RunState.RUNNING
            self._record_done(run, call.place, call.began, call.outcome)
        else:
            self._record_error(session, run, call.began, call.error)

    def _record_error(self, session: Transaction, run: RuleRun, began: float, error: Exception) -> None:
        """End a run at an action that failed, or have it retried."""
        if isinstance(error, UncertainOutcome):
            self._fail_run(session, run, RunState.UNCERTAIN, began, sentence=IN_DOUBT)
        elif isinstance(error, (CallFailed, Unavailable)):
            self._retry_later(session, run, began, sentence=error.sentence, values=error.values)
        elif isinstance(error, PlatformError):
            self._fail_run(session, run, RunState.FAILED, began, sentence=error.sentence, values=error.values)
        else:  # a bug: the run is retried, and fails in the end
            _logger.error("an action of a rule failed", run_id=run.id, exc_info=error)
            self._retry_later(session, run, began, sentence="Something went wrong.")

    def _record_done(self, run: RuleRun, place: int, began: float, outcome: dict[str, Any] | None = None) -> None:
        self._has_progress = True
        answer = {"answer": outcome} if outcome and "json" in outcome else {}
        milliseconds = round((time.monotonic() - began) * 1_000)
        rule_runs.update_action(run, place, state=RunState.DONE, ms=milliseconds, **answer)

    def _retry_later(self, session: Transaction, run: RuleRun, began: float, **told: Any) -> None:
        """Have a run retried with the job, unless it was retried often enough."""
        if self.job.attempt >= MAX_ATTEMPTS:
            self._fail_run(session, run, RunState.FAILED, began, **told)
            return
        self.retried = self.retried | {run.id}
        run.state = RunState.RETRYING
        _record_failure(run, RunState.RETRYING, began, **told)

    def _fail_run(self, session: Transaction, run: RuleRun, state: RunState, began: float, **told: Any) -> None:
        """End a run at an action that failed."""
        _record_failure(run, state, began, **told)
        rule_runs.finish_run(session, run, self._rules[run.rule_id], state)


def _plan(session: Transaction, run: RuleRun, rule: Rule, *, event: Event, place: int) -> ActionPlan:
    is_current = run.version == rule.published_number
    wanted = (
        parse_rule(rule.published) if is_current else published_definition(session, run.tenant_id, rule.id, run.version)
    )
    facts = replace(event_facts(event), answers=rule_runs.webhook_answers(run, place))
    context = ActionContext(session, rule_runs.acting_identity(session, rule), event, facts)
    return actions.parse_action(wanted.actions[place]).plan(context)


def published_definition(session: Transaction, tenant_id: str, rule_id: str, number: int) -> RuleDefinition:
    """Return a published version of a rule's definition."""
    query = owned(RuleVersion, tenant_id).where(RuleVersion.rule_id == rule_id, RuleVersion.number == number)
    return parse_rule(session.exec(query).one().content)


def _record_failure(
    run: RuleRun, state: RunState, began: float, *, sentence: str, values: dict[str, object] | None = None
) -> None:
    place = rule_runs.next_place(run)
    assert place is not None
    told = {"error": sentence, "error_values": {name: str(value) for name, value in (values or {}).items()}}
    rule_runs.update_action(run, place, state=state, ms=round((time.monotonic() - began) * 1_000), **told)
