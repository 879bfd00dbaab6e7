"""Sequence statistics: numbers of enrollments by state, reason, version and step, and outcomes of steps."""

from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.models.person import Identity
from platform_app.models.sequence import OPEN_STATES, Enrollment, EnrollmentStep, StepState


@dataclass(frozen=True)
class StepStatistics:
    """The outcomes of a step, in one version and branch."""

    step_id: str
    version: int
    branch: str
    taken: int
    replies: int  # replies before the next step, or within a week after the last
    stages: int  # changes of stage in the same period
    failed: int


def count_by_state(session: Transaction, who: Identity, sequence_id: str = "") -> dict[str, dict[str, int]]:
    """Return for each sequence the number of enrollments by state."""
    query = owned(Enrollment, who.tenant_id)
    if sequence_id:
        query = query.where(Enrollment.sequence_id == sequence_id)
    columns = (Enrollment.sequence_id, Enrollment.state, func.count())
    grouped = query.with_only_columns(*columns).group_by(Enrollment.sequence_id, col(Enrollment.state))
    counts: dict[str, dict[str, int]] = {}
    for row_id, state, count in session.execute(grouped).all():
        counts.setdefault(row_id, {})[state.value] = count
    return counts


def count_by_reason(session: Transaction, who: Identity, sequence_id: str) -> dict[str, int]:
    """Return the number of enrollments that ended early, by reason."""
    query = owned(Enrollment, who.tenant_id).where(
        Enrollment.sequence_id == sequence_id, col(Enrollment.leaving).is_not(None)
    )
    grouped = query.with_only_columns(Enrollment.leaving, func.count()).group_by(col(Enrollment.leaving))
    return {leaving.value: count for leaving, count in session.execute(grouped).all()}


def count_by_version(session: Transaction, who: Identity, sequence_id: str) -> dict[int, int]:
    """Return the number of enrollments by version."""
    query = owned(Enrollment, who.tenant_id).where(Enrollment.sequence_id == sequence_id)
    grouped = query.with_only_columns(Enrollment.version, func.count()).group_by(col(Enrollment.version))
    return {version: count for version, count in session.execute(grouped).all()}  # noqa: C416


def count_by_step(session: Transaction, who: Identity, sequence_id: str) -> dict[str, int]:
    """Return the number of enrollments that wait at each step, by step id."""
    query = owned(Enrollment, who.tenant_id).where(
        Enrollment.sequence_id == sequence_id, col(Enrollment.state).in_(OPEN_STATES)
    )
    grouped = query.with_only_columns(Enrollment.step_id, func.count()).group_by(Enrollment.step_id)
    return {step_id: count for step_id, count in session.execute(grouped).all()}  # noqa: C416


def step_statistics(session: Transaction, who: Identity, sequence_id: str) -> list[StepStatistics]:
    """Return the outcomes of each step and the responses to it, by version and branch."""
    query = owned(EnrollmentStep, who.tenant_id).where(EnrollmentStep.sequence_id == sequence_id)
    keys = (EnrollmentStep.version, EnrollmentStep.step_id, EnrollmentStep.branch)
    failed = func.count().filter(col(EnrollmentStep.state).in_([StepState.FAILED, StepState.UNCERTAIN]))
    done = func.count().filter(col(EnrollmentStep.state) == StepState.DONE)
    # model fields are annotated as values, not as columns
    columns = (done, func.count(EnrollmentStep.replied_at), func.count(EnrollmentStep.stage_at), failed)  # type: ignore[arg-type]
    rows = session.execute(query.with_only_columns(*keys, *columns).group_by(*keys).order_by(*keys)).all()
    return [
        StepStatistics(step_id, version, branch, taken, replies, stages, wrong)
        for version, step_id, branch, taken, replies, stages, wrong in rows
    ]
