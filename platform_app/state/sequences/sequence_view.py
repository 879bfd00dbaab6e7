"""Sequence view: a definition, its steps, and who would land where, in words for people."""

from dataclasses import dataclass
from typing import Any

from platform_app.automation.sequences import parse_sequence
from platform_app.automation.steps import parse_steps as read_steps
from platform_app.db import Transaction, owned
from platform_app.engine.sequences.sequences import VersionMove
from platform_app.errors import Invalid
from platform_app.i18n import translate
from platform_app.models.person import Identity
from platform_app.models.sequence import Sequence, SequenceVersion
from platform_app.state.rules.proof_view import ViewContext
from platform_app.state.rules.rule_words import describe_conditions
from platform_app.state.sequences import sequence_tree as tree
from platform_app.state.sequences.sequence_tree import Data
from platform_app.state.sequences.sequence_words import AGAIN, LATE, sentence_of, step_of, timing_of

TREES = ("condition", "leave_if", "goal")
FIELD_LABELS = {
    "trigger": "Begins",
    "minutes": "Minutes of silence",
    "condition": "Condition",
    "leave_on_reply": "Leave when they reply",
    "leave_on_stage": "Leave when the stage changes",
    "leave_if": "Leave when",
    "goal": "Goal",
    "again": "Entering again",
    "late": "Late steps",
    "pace": "Late steps a minute",
    "steps": "Steps",
}


@dataclass
class LandingLine:
    """Where those stand who go through an older version, and where they would land."""

    count: str
    words: str


def side_words(field: str, value: Any, context: ViewContext, named: dict[str, str]) -> Any:
    """Return a field of a definition as people read it."""
    language = context.language
    if field in TREES:
        return describe_conditions(value or {}, context, named)
    if field == "steps":
        return steps_words(value or [], context, named)
    words = {"again": AGAIN, "late": LATE}.get(field)
    return translate(language, words[value]) if words and value in words else value


def steps_words(data: list[Data], context: ViewContext, named: dict[str, str]) -> str:
    """Return steps with their numbers and when each is taken."""
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
    return timing_of(step.timing, context.language), step_of(step, context, named)


def whole_sentence(row: Sequence, context: ViewContext, named: dict[str, str]) -> str:
    """Return a draft as a sentence."""
    own = parse_sequence(row.draft)
    try:
        steps: list[Any] = list(read_steps(own.steps))
    except Invalid:
        steps = []
    return sentence_of(own, steps, context, named)


def landing_lines(
    landings: list[VersionMove], versions: list[SequenceVersion], context: ViewContext, *, named: dict[str, str]
) -> list[LandingLine]:
    """Return in words where those inside older versions would land."""
    names: dict[str, str] = {}
    for row in versions[::-1]:
        for place in tree.layout(row.definition.get("steps") or []):
            if not place.branch:
                names[place.step["id"]] = steps_words([place.step], context, named).partition(" — ")[2]
    language = context.language
    lines = []
    for one in landings:
        stands, lands = names.get(one.step_id, one.step_id), names.get(one.target_step_id, "")
        if one.target_step_id == one.step_id:
            words = translate(language, "stay at “{step}”", step=stands)
        elif one.target_step_id:
            words = translate(language, "go from “{step}” to “{other}”", step=stands, other=lands)
        else:
            words = translate(language, "go from “{step}” to the end", step=stands)
        version = translate(language, "version {number}", number=one.version)
        lines.append(LandingLine(str(one.count), f"{words} ({version})"))
    return lines


def step_names(
    session: Transaction, who: Identity, sequence_id: str, version: int, *, context: ViewContext, named: dict[str, str]
) -> dict[str, str]:
    """Return what the steps of a version do, by {version}:{id of the step}."""
    query = owned(SequenceVersion, who.tenant_id).where(
        SequenceVersion.sequence_id == sequence_id, SequenceVersion.number == version
    )
    row: SequenceVersion | None = session.exec(query).first()
    found: dict[str, str] = {}
    for place in tree.layout((row.definition if row else {}).get("steps") or []):
        if not place.branch:
            found[f"{version}:{place.step['id']}"] = _one(place.step, context, named)[1]
    return found
