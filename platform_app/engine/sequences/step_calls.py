"""Step calls: the job that makes the outbound call of a step, once."""

from dataclasses import replace

import structlog

from platform_app import sequence_exits
from platform_app.automation.calendar import next_opening
from platform_app.automation.send_gate import Verdict
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_context import ActionPlan
from platform_app.engine.enrollments import enrollment_progress, enrollments
from platform_app.engine.sequences.sequence_scheduler import action_context, exit_by_event
from platform_app.errors import Invalid, PlatformError, Unavailable
from platform_app.job_callbacks import id_from_key
from platform_app.jobs import IN_DOUBT, LeaseLost, RunningJob, TakeStep
from platform_app.models.job import MAX_ATTEMPTS, Job, JobState
from platform_app.models.sequence import (
    OPEN_STATES,
    Enrollment,
    EnrollmentState,
    EnrollmentStep,
    Sequence,
    StepState,
    idempotency_key,
)
from platform_app.services.chat import automatic_messages
from platform_app.services.jobs import effects
from platform_app.services.jobs.effects import CallFailed, UncertainOutcome

_logger = structlog.get_logger()
_OPEN = (StepState.OUTSIDE, StepState.RETRYING)


def take_step(job: RunningJob) -> None:
    """Make the call of a step and advance its enrollment.

    Errors of the call that allow a retry are raised, so that the ledger retries the job.
    """
    try:
        plan = _plan(job)
        if plan is not None and plan.call is not None:
            effects.call_once(job, idempotency_key(job.payload.step_row_id), plan.call, repeatable=plan.repeatable)
            _done(job)
    except (Unavailable, LeaseLost):
        raise
    except UncertainOutcome:
        _end(job, StepState.UNCERTAIN, IN_DOUBT)
    except PlatformError as error:
        _end(job, StepState.FAILED, error.sentence, error.values)
    except CallFailed as error:
        if job.attempt < MAX_ATTEMPTS:
            _retry_later(job, error)
            raise
        _end(job, StepState.FAILED, error.sentence, error.values)
    except Exception:  # a bug: the job is retried, and the step fails in the end
        if job.attempt < MAX_ATTEMPTS:
            raise
        _logger.exception("the call of a step failed", step_row_id=job.payload.step_row_id)
        _end(job, StepState.FAILED, "Something went wrong.")


def _rows(session: Transaction, tenant_id: str, step_row_id: str) -> tuple[EnrollmentStep | None, Enrollment | None]:
    """Return the step and its enrollment if the step waits for its call; else what still exists of them."""
    query = owned(EnrollmentStep, tenant_id).where(EnrollmentStep.id == step_row_id)
    line: EnrollmentStep | None = session.exec(query).first()
    if line is None:  # deleted meanwhile
        return None, None
    enrollment = owned(Enrollment, tenant_id).where(Enrollment.id == line.enrollment_id).with_for_update()
    row: Enrollment = session.exec(enrollment).one()
    session.refresh(line)  # the lock may have waited for a change
    is_at_it = line.state in _OPEN and row.state in OPEN_STATES and row.step_id == line.step_id
    return line, row if is_at_it else None


def _plan(job: RunningJob) -> ActionPlan | None:
    """Return the plan of the call, or None if the enrollment ended or was stopped meanwhile.

    Raises UncertainOutcome if the call may have been made and must not be repeated.
    """
    with job.transaction() as session:
        line, row = _rows(session, job.tenant_id, job.payload.step_row_id)
        if line is None or line.state not in _OPEN:
            return None
        if row is None:
            line.state = StepState.CANCELLED
            return None
        sequence = session.exec(owned(Sequence, job.tenant_id).where(Sequence.id == row.sequence_id)).one()
        if row.state != EnrollmentState.ACTIVE or not sequence.enabled:
            row.due_at, row.since = row.since or row.due_at, None  # called, with its key, when it continues
            return None
        if exit_by_event(session, row):
            line.state = StepState.CANCELLED
            return None
        if effects.is_uncertain(session, job.tenant_id, idempotency_key(line.id)):
            raise UncertainOutcome(line.id)
        step = enrollment_progress.enrollment_version(session, row).steps.get(line.step_id)
        line.taken_at = now()
        plan = actions.parse_action(getattr(step, "action", {})).plan(action_context(session, row))
        return plan if _passes_gate(session, plan, line, row) else None


def _passes_gate(session: Transaction, plan: ActionPlan, line: EnrollmentStep, row: Enrollment) -> bool:
    """Return whether a call may be made.

    An enrollment waits at an e-mail that the send gate holds, and goes on without one that it drops.
    """
    if plan.message is None:
        return True
    compiled = enrollment_progress.enrollment_version(session, row)
    released = line.gate.get("released")
    message = replace(plan.message, is_released=bool(released))
    decision = automatic_messages.admit_email(session, row.tenant_id, message, idempotency_key(line.id))
    line.gate = decision.as_json() | ({"released": released} if released else {})
    if decision.sends:
        return True
    line.state, line.error, line.error_values = StepState.HELD, "", {}
    if decision.verdict == Verdict.DROP:
        enrollment_progress.advance(session, row, compiled)
    else:
        calendar = enrollment_progress.calendar_for(session, row.tenant_id, row.contact_id)
        until = decision.until or now()
        row.due_at, row.since = next_opening(compiled.steps[line.step_id].timing, until, calendar) or until, None
    sequence_exits.publish_change(session, row)
    return False


def _end(job: RunningJob, state: StepState, sentence: str, values: dict[str, object] | None = None) -> None:
    """Store that a call failed or is uncertain; a member decides."""
    with job.transaction() as session:
        line, row = _rows(session, job.tenant_id, job.payload.step_row_id)
        _fail(session, line, row, state=state, sentence=sentence, values=values)


def _fail(
    session: Transaction,
    line: EnrollmentStep | None,
    row: Enrollment | None,
    *,
    state: StepState,
    sentence: str,
    values: dict[str, object] | None = None,
) -> None:
    if line is not None and line.state in _OPEN:
        line.state, line.error = state, sentence
        line.error_values = {name: str(value) for name, value in (values or {}).items()}
    if row is not None:
        enrollment_progress.fail(session, row, now(), sentence)


def on_failure(
    session: Transaction,
    tenant_id: str,
    payload: TakeStep,
    *,
    state: JobState,
    sentence: str,
    values: dict[str, object],
) -> None:
    """Store that the job of a call failed; a member decides."""
    line, row = _rows(session, tenant_id, payload.step_row_id)
    became = StepState.UNCERTAIN if state == JobState.UNCERTAIN else StepState.FAILED
    _fail(session, line, row, state=became if row else StepState.CANCELLED, sentence=sentence, values=values)


def payload_from_keys(session: Transaction, job: Job) -> TakeStep | None:
    """Return the payload of a job from its lock key and the enrollment's last step, or None."""
    row_id = id_from_key(job.lock_key, "enrollment:")
    row: Enrollment | None = session.exec(owned(Enrollment, job.tenant_id).where(Enrollment.id == row_id)).first()
    return TakeStep(step_row_id=row.last_id) if row is not None and row.last_id else None


def on_retry(session: Transaction, tenant_id: str, payload: TakeStep) -> None:
    """Let an enrollment stopped at a step wait for its retried job."""
    line, _ = _rows(session, tenant_id, payload.step_row_id)
    if line is None or line.state not in (StepState.FAILED, StepState.UNCERTAIN):
        return
    row = session.exec(owned(Enrollment, tenant_id).where(Enrollment.id == line.enrollment_id)).one()
    if row.state == EnrollmentState.FAILED and row.last_id == line.id and row.step_id == line.step_id:
        enrollments.ensure_no_other_enrollment(session, row)
        line.state, row.state, row.ended_at = StepState.RETRYING, EnrollmentState.ACTIVE, None
        sequence_exits.publish_change(session, row)


def _retry_later(job: RunningJob, error: CallFailed) -> None:
    with job.transaction() as session:
        line, row = _rows(session, job.tenant_id, job.payload.step_row_id)
        if line is not None and row is not None:
            line.state, line.error = StepState.RETRYING, error.sentence
            line.error_values = {name: str(value) for name, value in error.values.items()}
            sequence_exits.publish_change(session, row)


def _done(job: RunningJob) -> None:
    """Store that a call was made, and advance the enrollment."""
    with job.finish() as session:
        line, row = _rows(session, job.tenant_id, job.payload.step_row_id)
        if line is not None:
            line.state, line.error, line.error_values = StepState.DONE, "", {}
        if row is None:
            return
        try:
            enrollment_progress.advance(session, row, enrollment_progress.enrollment_version(session, row))
        except Invalid as error:
            enrollment_progress.fail(session, row, now(), error.sentence)
