"""Sequences: drafts, versions and switching of sequences, moves between versions, and holidays."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func
from sqlmodel import col

from platform_app.automation import condition_checks
from platform_app.automation.conditions import parse_conditions
from platform_app.automation.input_fields import input_fields
from platform_app.automation.sequences import CompiledSequence, SequenceDefinition, compile_sequence
from platform_app.automation.step_base import StepInput
from platform_app.automation.steps import parse_steps, running_steps
from platform_app.automation.values import parse_duration
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_update
from platform_app.engine.actions import action_checks
from platform_app.engine.actions.action_checks import TenantChoices
from platform_app.engine.definitions import DefinitionMessages, Definitions
from platform_app.engine.enrollments import enrollment_progress
from platform_app.errors import Conflict, Invalid
from platform_app.i18n import translate
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity
from platform_app.models.sequence import (
    OPEN_STATES,
    Enrollment,
    EnrollmentState,
    Holiday,
    Sequence,
    SequenceVersion,
)

MAX_SEQUENCES = 300  # of a tenant
MAX_HOLIDAYS = 200
BATCH_SIZE = 300  # enrollments moved per transaction


def problems(session: Transaction, who: Identity, row: Sequence) -> dict[str, str]:
    """Return what prevents a draft from being published: sentences by field, of steps by {id}.{field}.

    Steps that are turned off are not checked.
    """
    choices, language = action_checks.tenant_choices(session, who), who.language
    try:
        compiled = compile_sequence(row.draft)
    except Invalid as error:
        return {"steps": translate(language, error.sentence, **error.values)}
    sentences: dict[str, str] = {}
    for name in ("condition", "leave_if", "goal"):
        if not _is_complete(row.draft.get(name), choices):
            sentences[name] = translate(language, "Finish the conditions.")
    running = list(running_steps(parse_steps(compiled.definition.steps)))
    if not running:
        sentence = "All steps are turned off. Turn one on." if compiled.steps else "Add a step."
        sentences["steps"] = translate(language, sentence)
    for step in running:
        lacks = action_checks.missing_setup(session, who, [getattr(step, "action", {})])
        for field, sentence in {**_step_problems(step, choices, language), **_by_field(lacks, "action")}.items():
            sentences[f"{step.id}.{field}"] = sentence
    return sentences


def _is_complete(data: Any, choices: TenantChoices) -> bool:
    return not condition_checks.problems(parse_conditions(data), choices.catalogue, choices.ids)


def _by_field(sentences: dict[str, str], name: str) -> dict[str, str]:
    """Return the problems of an action by its fields; those of the whole action by `name`."""
    return {place.removeprefix("action.0").removeprefix(".") or name: said for place, said in sentences.items()}


def _step_problems(step: Any, choices: TenantChoices, language: str) -> dict[str, str]:
    incomplete = translate(language, "Finish the conditions.")
    sentences = {} if _is_complete(step.only_if, choices) else {"only_if": incomplete}
    for field in input_fields(type(step)):
        name, value = field.name, getattr(step, field.name)
        if field.input == StepInput.ACTION and value:
            sentences |= _by_field(action_checks.problems([value], choices, language), name)
        elif field.input == StepInput.ACTION:
            sentences[name] = translate(language, "Choose what is completed.")
        elif field.input == StepInput.CONDITION and not (value.get("of") and _is_complete(value, choices)):
            sentences[name] = incomplete
        elif field.input == StepInput.SPAN and parse_duration(value) is None:
            sentences[name] = translate(language, "Enter a length of time.")
    return sentences


def _validate(changes: dict[str, Any]) -> None:
    for name in ("condition", "leave_if", "goal"):
        if name in changes:
            changes[name] = parse_conditions(changes[name]).model_dump(mode="json")
    if "steps" in changes:
        compile_sequence({"steps": changes["steps"]})


def _on_switch(session: Transaction, who: Identity, row: Sequence) -> None:
    """Hold the enrollments, or let them continue."""
    old, new = EnrollmentState.ACTIVE, EnrollmentState.HELD
    if row.enabled:
        old, new = new, old
    moved = owned_update(Enrollment, row.tenant_id).where(
        col(Enrollment.sequence_id) == row.id, col(Enrollment.state) == old
    )
    session.execute(moved.values(state=new))


DEFINITIONS: Definitions[Sequence, SequenceVersion] = Definitions(
    model=Sequence,
    version=SequenceVersion,
    parent="sequence_id",
    schema=SequenceDefinition,
    kind=ActivityKind.SEQUENCE,
    topic="sequence",
    path="/sequences",
    max_rows=MAX_SEQUENCES,
    limit_reached="You can add up to {count} sequences.",
    missing="Sequence not found. It may have been deleted.",
    messages=DefinitionMessages(
        done={
            "created": "Sequence “{name}” created",
            "published": "Sequence “{name}” published",
            "on": "Sequence “{name}” turned on",
            "off": "Sequence “{name}” turned off",
            "deleted": "Sequence “{name}” deleted",
        },
        incomplete="Complete the sequence first.",
        unpublished="Publish the sequence first.",
    ),
    problems=problems,
    validate=_validate,
    after_publish=lambda session, who, row: None,
    on_switch=_on_switch,
)


@dataclass(frozen=True)
class VersionMove:
    """Enrollments at a step of an older version, and the step to which they would move."""

    step_id: str  # their step
    version: int
    target_step_id: str  # the step in the newest version; "": the end
    count: int


def preview_version_moves(session: Transaction, who: Identity, sequence_id: str) -> list[VersionMove]:
    """Return where the open enrollments of older versions would move in the newest version."""
    row = DEFINITIONS.get(session, who, sequence_id)
    if not row.published_number:
        return []
    compiled = enrollment_progress.cached_sequence(row.id, row.published)
    columns = (col(Enrollment.step_id), col(Enrollment.version))
    grouped = _on_older_versions(row).with_only_columns(*columns, func.count()).group_by(*columns).order_by(*columns)
    return [
        VersionMove(step_id, version, _target_step(session, row, (step_id, version), compiled), count)
        for step_id, version, count in session.execute(grouped).all()
    ]


def move_to_newest_version(session: Transaction, who: Identity, sequence_id: str) -> int:
    """Move some open enrollments to the newest version, each to its step or the next that still exists.

    Returns how many were moved; 0 when none are left.
    """
    row = DEFINITIONS.get(session, who, sequence_id, lock=True)
    if not row.published_number:
        return 0
    compiled = enrollment_progress.cached_sequence(row.id, row.published)
    enrollments = session.exec(
        _on_older_versions(row).order_by(Enrollment.id).limit(BATCH_SIZE).with_for_update()
    ).all()
    for enrollment in enrollments:
        _move_to_version(session, row, enrollment, compiled)
    return len(enrollments)


def _move_to_version(session: Transaction, row: Sequence, enrollment: Enrollment, compiled: CompiledSequence) -> None:
    lands, state = _target_step(session, row, (enrollment.step_id, enrollment.version), compiled), enrollment.state
    is_same, enrollment.version = lands == enrollment.step_id, row.published_number
    enrollment.leaves_on_reply, enrollment.leaves_on_stage = (
        compiled.definition.leave_on_reply,
        compiled.definition.leave_on_stage,
    )
    if is_same and enrollment.since is not None:  # it is waiting there already
        enrollment.weighs_events = enrollment.weighs_events or bool(compiled.leave_if.of or compiled.goal.of)
        return
    enrollment_progress.move_to_step(
        session, enrollment, compiled, step_id=lands, at=enrollment.arrived_at if is_same else now()
    )
    if enrollment.state == EnrollmentState.ACTIVE:
        enrollment.state = state


def _on_older_versions(row: Sequence) -> Any:
    """Return the query of open enrollments in older versions."""
    return owned(Enrollment, row.tenant_id).where(
        Enrollment.sequence_id == row.id,
        col(Enrollment.state).in_(OPEN_STATES),
        Enrollment.version < row.published_number,
    )


def _target_step(session: Transaction, row: Sequence, stands: tuple[str, int], new: CompiledSequence) -> str:
    """Return the step, or the next one after it in the old version that exists in the new one, or ""."""
    step_id, number = stands
    if step_id in new.steps:
        return step_id
    try:
        old = enrollment_progress.get_version(session, row.tenant_id, row.id, number=number)
    except Invalid:
        return ""
    while step_id and step_id not in new.steps:
        step_id = old.next_step_id(step_id)
    return step_id


def holidays(session: Transaction, who: Identity) -> list[Holiday]:
    """Return the tenant's holidays, in order."""
    return list(session.exec(owned(Holiday, who.tenant_id).order_by(Holiday.day)).all())


def add_holiday(session: Transaction, who: Identity, day: date, name: str) -> Holiday:
    """Add a day on which sequences may pause. Raises Conflict if it is listed or there are too many."""
    held = holidays(session, who)
    if len(held) >= MAX_HOLIDAYS:
        raise Conflict("You can add up to {count} holidays.", count=MAX_HOLIDAYS)
    if any(holiday.day == day for holiday in held):
        raise Conflict("This day is in the list already.")
    row = Holiday(tenant_id=who.tenant_id, day=day, name=" ".join(name.split())[:100])
    session.add(row)
    return row


def remove_holiday(session: Transaction, who: Identity, holiday_id: str) -> None:
    """Remove a holiday."""
    for row in session.exec(owned(Holiday, who.tenant_id).where(Holiday.id == holiday_id)).all():
        session.delete(row)
