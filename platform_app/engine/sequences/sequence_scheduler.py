"""Sequence scheduler: takes due steps, each once, in due order, for every tenant in turn."""

import time
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import exists
from sqlalchemy.exc import OperationalError
from sqlmodel import col

from platform_app import fact_snapshots, sequence_exits
from platform_app.automation import steps
from platform_app.automation.sequences import CompiledSequence
from platform_app.automation.step_base import Step, StepContext, StepDecision, StepOutcome
from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_context import ActionContext, result_of, send_gate_outcome
from platform_app.engine.enrollments import due_enrollments, enrollment_progress
from platform_app.engine.rules import rule_runs
from platform_app.engine.sequences import overdue_policy
from platform_app.errors import Invalid, PlatformError
from platform_app.events import Cause, set_cause
from platform_app.jobs import TakeStep, enqueue
from platform_app.models.crm import Contact, Lead
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Tenant
from platform_app.models.sequence import Enrollment, EnrollmentState, EnrollmentStep, ExitReason, Sequence, StepState

_logger = structlog.get_logger()
BATCH_SIZE = 50  # enrollments per transaction
TENANT_SECONDS = 0.2  # seconds per transaction of a tenant
LOCK_TIMEOUT = 0.3  # seconds to wait for a locked row; incoming messages go first
MAX_STEPS_AT_ONCE = 20  # steps without delay that an enrollment takes at once


def run_due_steps(stopped: Callable[[], bool] = lambda: False) -> int:
    """Take due steps of all tenants in turn until none is left; return how many enrollments advanced."""
    taken, began = 0, now()
    while not stopped() and (tenants := _tenants_with_due_steps()):
        before = taken
        for tenant_id in tenants:
            taken += _try_tenant(tenant_id, began)
        if taken == before:
            break  # locked by another worker
    return taken


def _try_tenant(tenant_id: str, began: datetime) -> int:
    """Take some steps of a tenant; errors are logged, so that others do not wait."""
    try:
        return _run_tenant(tenant_id, began)
    except Exception:  # retried a second later
        _logger.exception("steps of a tenant were not taken", tenant_id=tenant_id)
        return 0


def _tenants_with_due_steps() -> list[str]:
    """Return the ids of tenants with due steps."""
    with session_scope(reason="steps that are due", read_only=True) as session:
        due = exists().where(
            col(Enrollment.tenant_id) == Tenant.id,
            col(Enrollment.state) == EnrollmentState.ACTIVE,
            col(Enrollment.due_at) <= now(),
        )
        return list(session.exec(unscoped(Tenant).where(due).with_only_columns(Tenant.id)).all())


def _run_tenant(tenant_id: str, began: datetime) -> int:
    """Take the steps of a tenant that are due longest; return how many enrollments advanced."""
    end, taken = time.monotonic() + TENANT_SECONDS, 0
    with session_scope(tenant_id, lock_timeout=LOCK_TIMEOUT) as session:
        session.enable_cache()
        for row in due_enrollments.lock_due(session, tenant_id, now(), BATCH_SIZE):
            run_enrollment(session, row, began)
            taken += 1
            if time.monotonic() > end:
                break
    return taken


def run_enrollment(session: Transaction, row: Enrollment, began: datetime) -> None:
    """Take the due steps of an enrollment one after another, each with the events it causes."""
    for _ in range(MAX_STEPS_AT_ONCE):
        if row.state != EnrollmentState.ACTIVE or row.due_at is None or row.due_at > now():
            return
        try:
            with session.savepoint():
                _run_step(session, row, began)
        except OperationalError:  # not the step's fault
            raise
        except Exception as error:
            _record_failure(session, row, error)


def _record_failure(session: Transaction, row: Enrollment, error: Exception) -> None:
    """Mark the enrollment's step as failed; a member can retry it."""
    if not isinstance(error, PlatformError):
        _logger.exception("a step of a sequence failed", enrollment_id=row.id, exc_info=error)
    sentence = error.sentence if isinstance(error, PlatformError) else "Something went wrong."
    values = error.values if isinstance(error, PlatformError) else {}
    line = enrollment_progress.record_step(session, row, StepState.FAILED)
    line.error, line.error_values = sentence, {name: str(value) for name, value in values.items()}
    enrollment_progress.fail(session, row, now(), sentence)


def _run_step(session: Transaction, row: Enrollment, began: datetime) -> None:
    compiled = enrollment_progress.enrollment_version(session, row)
    step = compiled.steps.get(row.step_id)
    if step is None:
        raise Invalid("A step can’t be read.")
    if (
        _hold_if_disabled(session, row)
        or exit_by_event(session, row)
        or overdue_policy.apply_policy(session, row, compiled, step, began=began)
    ):
        return
    context = action_context(session, row)
    if enrollment_progress.exit_by_condition(session, row, compiled, context.facts, at=now()):
        return
    step_context = StepContext(
        facts=context.facts,
        known=fact_snapshots.fact_catalogue(session, row.tenant_id),
        moment=now(),
        key=f"{row.sequence_id}:{row.subject_id}",
        due_since=row.since or _due_at(row),
        is_met=row.is_met,
    )
    decision = steps.decide(step, step_context)
    if decision.outcome == StepOutcome.WAIT:
        row.since, row.due_at, row.weighs_events = step_context.due_since, decision.until, True
    elif decision.outcome == StepOutcome.LEAVE:
        _record_step(session, row, step, decision)
        sequence_exits.end_enrollment(session, row, EnrollmentState.LEFT, now(), leaving=ExitReason.AWAITED)
    elif decision.outcome == StepOutcome.RUN_ACTION:
        _run_action(session, row, compiled, step, decision=decision, context=context)
    else:
        _record_step(session, row, step, decision)
        enrollment_progress.advance(session, row, compiled, branch=decision.branch)


def _hold_if_disabled(session: Transaction, row: Enrollment) -> bool:
    """Hold an enrollment whose sequence was switched off or deleted; return whether that was so."""
    sequence = session.get(Sequence, row.sequence_id)
    if sequence is not None and sequence.enabled:
        return False
    query = owned(Sequence, row.tenant_id).where(Sequence.id == row.sequence_id).with_for_update()
    if not session.exec(query).one().enabled:  # locked: a concurrent switch-on resumes this enrollment too
        row.state = EnrollmentState.HELD
        sequence_exits.publish_change(session, row)
    return row.state != EnrollmentState.ACTIVE


def _due_at(row: Enrollment) -> datetime:
    assert row.due_at is not None
    return row.due_at


def exit_by_event(session: Transaction, row: Enrollment) -> bool:
    """End an enrollment whose subject is deleted, or replied while it was being created; return whether it ended."""
    lead = session.get(Lead, row.lead_id) if row.lead_id else None
    contact = session.get(Contact, row.contact_id) if row.contact_id else None
    if _is_deleted(row.lead_id, lead) or _is_deleted(row.contact_id, contact):
        sequence_exits.end_enrollment(session, row, EnrollmentState.LEFT, now(), leaving=ExitReason.DELETED)
    elif not due_enrollments.may_have_exit_event(session, row):
        return False
    elif row.leaves_on_reply and _has_event_since_entry(session, row, EventKind.MESSAGE_RECEIVED):
        sequence_exits.end_enrollment(session, row, EnrollmentState.LEFT, now(), leaving=ExitReason.REPLIED)
    elif row.leaves_on_stage and _has_event_since_entry(session, row, EventKind.STAGE_CHANGED):
        sequence_exits.end_enrollment(session, row, EnrollmentState.LEFT, now(), leaving=ExitReason.STAGE)
    return row.state != EnrollmentState.ACTIVE


def _is_deleted(row_id: str | None, held: Lead | Contact | None) -> bool:
    return bool(row_id) and (held is None or held.deleted_at is not None)


def _has_event_since_entry(session: Transaction, row: Enrollment, kind: EventKind) -> bool:
    """Return whether an event of this kind happened to the subject since its entry."""
    for column, value in (
        (Event.contact_id, row.contact_id),
        (Event.lead_id, row.lead_id),
        (Event.conversation_id, row.conversation_id),
    ):
        if value:  # each query uses its own index
            query = owned(Event, row.tenant_id).where(column == value, Event.kind == kind, Event.at > row.entered_at)
            others = query.where(Event.id != row.event_id) if row.event_id else query
            for origin in filter(None, (row.origin_id, row.id)):
                others = others.where(col(Event.origin_id).is_distinct_from(origin))
            if session.exec(others.with_only_columns(Event.id).limit(1)).first() is not None:
                return True
    return False


def action_context(session: Transaction, row: Enrollment) -> ActionContext:
    """Return the context of a step's action, with the facts of now."""
    sequence = session.get(Sequence, row.sequence_id)
    assert sequence is not None
    event = Event(
        id=row.event_id or "",
        tenant_id=row.tenant_id,
        kind=EventKind.MANUAL,
        at=now(),
        lead_id=row.lead_id,
        contact_id=row.contact_id,
        conversation_id=row.conversation_id,
        agent_id=sequence.agent_id,
        depth=row.depth,
    )
    event.facts = fact_snapshots.snapshot(session, event)
    facts = fact_snapshots.event_facts(event, fact_snapshots.entity_names(session, row.tenant_id))
    return ActionContext(session, rule_runs.acting_identity(session, sequence), event, facts)


def _run_action(
    session: Transaction,
    row: Enrollment,
    compiled: CompiledSequence,
    step: Step,
    *,
    decision: StepDecision,
    context: ActionContext,
) -> None:
    """Run the action of a step; an outbound one is left to a job."""
    plan = actions.parse_action(getattr(step, "action", {})).plan(context)
    line = _record_step(session, row, step, decision)
    line.sentence, line.values = plan.sentence, plan.values
    if plan.call is not None:
        line.state, row.since, row.due_at = StepState.OUTSIDE, row.due_at, None
        session.flush()
        enqueue(session, row.tenant_id, TakeStep(step_row_id=line.id), lock_key=f"enrollment:{row.id}")
        return
    if plan.apply is not None:
        set_cause(session, Cause(row.event_id or "", row.depth + 1, origin_id=row.id))
        outcome = plan.apply(session, context.who)
        result = result_of(plan, outcome)
        line.sentence, line.values, line.gate = result.sentence, result.values, send_gate_outcome(outcome)
        if line.gate:
            line.state = StepState.HELD
    if row.state == EnrollmentState.ACTIVE:  # the action may have ended the enrollment
        enrollment_progress.advance(session, row, compiled)


def _record_step(session: Transaction, row: Enrollment, step: Step, decision: StepDecision) -> EnrollmentStep:
    skipped = StepState.OFF if decision.is_off else StepState.SKIPPED
    line = enrollment_progress.record_step(session, row, skipped if decision.is_skipped else StepState.DONE)
    line.branch = decision.branch
    line.proof = decision.proof.as_json() if decision.proof else {}
    return line
