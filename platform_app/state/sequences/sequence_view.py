"""Sequence view: a definition, its steps and the effect of a new version as translated texts."""

from dataclasses import dataclass
from typing import Any

from platform_app.automation.sequences import SEQUENCE_FORM, parse_sequence
from platform_app.automation.steps import parse_steps as read_steps
from platform_app.db import Transaction, owned
from platform_app.engine.sequences.sequences import VersionMove
from platform_app.errors import Invalid
from platform_app.i18n import sentence_case, translate
from platform_app.models.person import Identity
from platform_app.models.sequence import Sequence, SequenceVersion
from platform_app.state.rules.proof_view import ViewContext
from platform_app.state.rules.rule_words import describe_conditions, mark_off
from platform_app.state.sequences import sequence_tree as tree
from platform_app.state.sequences.sequence_tree import Data
from platform_app.state.sequences.sequence_words import (
    describe_sequence,
    describe_step,
    describe_timing,
)

TREES = ("condition", "leave_if", "goal")


@dataclass
class StepMappingLine:
    """The number of people at a step of an older version and the step they would move to."""

    count: str
    words: str


def describe_field(field: str, value: Any, context: ViewContext, named: dict[str, str]) -> Any:
    """Return a field of a definition as text."""
    language = context.language
    if field in TREES:
        return sentence_case(describe_conditions(value or {}, context, named))
    if field == "steps":
        return describe_steps(value or [], context, named)
    options = SEQUENCE_FORM[field].options
    return translate(language, options[value]) if value in options else value


def describe_steps(data: list[Data], context: ViewContext, named: dict[str, str]) -> str:
    """Return steps with their numbers and timing."""
    told = []
    for place in tree.layout(data):
        if place.branch:
            continue
        when, what = _one(place.step, context, named)
        told.append(f"{place.number}. {when} — {what}" if when else f"{place.number}. {what}")
    return "; ".join(told)


def _one(data: Data, context: ViewContext, named: dict[str, str]) -> tuple[str, str]:
    """Return when a step is taken and what it does; of one that cannot be read its kind."""
    try:
        (step,) = read_steps([data])
    except Invalid:
        return "", str(data.get("kind"))
    words = mark_off(sentence_case(describe_step(step, context, named)), context.language, is_off=step.off)
    return describe_timing(step.timing, context.language), words


def describe_draft(row: Sequence, context: ViewContext, named: dict[str, str]) -> str:
    """Return a draft as sentences."""
    own = parse_sequence(row.draft)
    try:
        steps: list[Any] = list(read_steps(own.steps))
    except Invalid:
        steps = []
    return describe_sequence(own, steps, context, named)


def step_mapping_lines(
    landings: list[VersionMove], versions: list[SequenceVersion], context: ViewContext, *, named: dict[str, str]
) -> list[StepMappingLine]:
    """Return where the people inside older versions would move to."""
    names: dict[str, str] = {}
    for row in versions[::-1]:
        for place in tree.layout(row.content.get("steps") or []):
            if not place.branch:
                names[place.step["id"]] = describe_steps([place.step], context, named).partition(" — ")[2]
    language = context.language
    lines = []
    for move in landings:
        stands, lands = names.get(move.step_id, move.step_id), names.get(move.target_step_id, "")
        if move.target_step_id == move.step_id:
            words = translate(language, "stay at “{step}”", step=stands)
        elif move.target_step_id:
            words = translate(language, "go from “{step}” to “{other}”", step=stands, other=lands)
        else:
            words = translate(language, "go from “{step}” to the end", step=stands)
        version = translate(language, "version {number}", number=move.version)
        lines.append(StepMappingLine(str(move.count), f"{words} ({version})"))
    return lines


def step_names(
    session: Transaction, who: Identity, sequence_id: str, version: int, *, context: ViewContext, named: dict[str, str]
) -> dict[str, str]:
    """Return descriptions of a version's steps by "version:step id"."""
    query = owned(SequenceVersion, who.tenant_id).where(
        SequenceVersion.sequence_id == sequence_id, SequenceVersion.number == version
    )
    row: SequenceVersion | None = session.exec(query).first()
    names: dict[str, str] = {}
    for place in tree.layout((row.content if row else {}).get("steps") or []):
        if not place.branch:
            names[f"{version}:{place.step['id']}"] = _one(place.step, context, named)[1]
    return names
