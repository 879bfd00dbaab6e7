"""Script selection: which scripts apply to a reply, and why the others do not."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from sqlmodel import col

from platform_app import fact_snapshots
from platform_app.automation import similarity, text_templates
from platform_app.automation.conditions import Condition, Group, parse_conditions
from platform_app.automation.evaluation import ConditionChange, Proof, evaluate, smallest_change
from platform_app.automation.facts import Catalogue, Facts
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Invalid, Unavailable
from platform_app.llm.prompts import GuidedState, PromptScript, estimate_tokens
from platform_app.models.script import Script, ScriptKind
from platform_app.rag import embedders

TOKEN_BUDGET = 1_500  # for all scripts of one prompt
AGENT, STAGE, MESSAGE_TEXT = "agent.name", "lead.stage", "message.text"


@dataclass
class ScriptDecision:
    """The decision on a script. `why` is a message id whose placeholders `expected` and `actual` fill.

    A script that applies is offered to the model; it is used if the reply says what it says.
    """

    script_id: str
    title: str
    kind: str
    applied: bool
    why: str
    expected: str = ""
    actual: str = ""
    text: str = ""  # as in the prompt
    by_message: bool = False  # applies because of the text of the last message
    number: int = 0  # by which the model marks its use; 0 if not offered
    asks: str = ""  # facts that a guided script asks for next
    quick_replies: list[str] = field(default_factory=list)  # that a reply offers which uses it
    used: bool = False
    proof: dict[str, Any] = field(default_factory=dict)
    change: list[dict[str, Any]] = field(default_factory=list)  # the smallest change that would make it apply

    def as_json(self) -> dict[str, Any]:
        """Return the decision as JSON values."""
        return asdict(self)


def select_scripts(
    session: Transaction, tenant_id: str, facts: Facts, seen: Facts | None = None
) -> list[ScriptDecision]:
    """Return the decision on every enabled script of the tenant, in the scripts' order.

    Texts are filled with `seen`, the facts that the agent may see; conditions are evaluated on all facts. Scripts that
    exceed TOKEN_BUDGET do not apply.
    """
    query = owned(Script, tenant_id).where(col(Script.deleted_at).is_(None), col(Script.enabled).is_(True))
    rows: list[Script] = list(session.exec(query.order_by(Script.position, Script.id)).all())
    if not rows:
        return []
    facts = Facts(
        facts.values, facts.before, facts.zone, facts.language, names=fact_snapshots.entity_names(session, tenant_id)
    )
    own, moment = fact_snapshots.fact_catalogue(session, tenant_id), now()
    with similarity.understanding(meaning):
        decided = [decide(row, facts, own, moment, seen=seen) for row in rows]
        _keep_closest_objection(rows, decided, str(facts.values.get(MESSAGE_TEXT) or ""))
    decisions, room = [], TOKEN_BUDGET
    for decision in decided:
        if decision.applied and estimate_tokens(decision.text) > room:
            decision.applied, decision.why, decision.text = False, "It didn’t fit in the prompt.", ""
        room -= estimate_tokens(decision.text) if decision.applied else 0
        decisions.append(decision)
    return decisions


def meaning(texts: Sequence[str]) -> "np.ndarray[Any, Any] | None":
    """Return the vectors of texts by the configured embedder, or None if it knows no meaning or does not answer."""
    embedder = embedders.configured()
    if not embedder.knows_meaning:
        return None
    try:
        return np.asarray(embedder.questions(texts))
    except Unavailable:
        return None


def _keep_closest_objection(rows: list[Script], decisions: list[ScriptDecision], said: str) -> None:
    """Of the objections that a message is like, let the closest apply alone."""
    scores = {
        decision.script_id: similarity.best_match(said, row.examples.splitlines()).score
        for row, decision in zip(rows, decisions, strict=True)
        if decision.applied and _is_objection(row)
    }
    for decision in decisions:
        if scores and decision.script_id in scores and scores[decision.script_id] < max(scores.values()):
            decision.applied = decision.by_message = False
            decision.why, decision.text = "Another objection is closer to what the contact said.", ""


def offer_scripts(considered: list[ScriptDecision]) -> list[PromptScript]:
    """Number the scripts that apply and have a text; return them as the prompt holds them."""
    offered = [decision for decision in considered if decision.applied and decision.text]
    for number, decision in enumerate(offered, 1):
        decision.number = number
    return [PromptScript(decision.kind, decision.title, decision.text, decision.by_message) for decision in offered]


def offer_guided(decision: ScriptDecision, step: GuidedState, offered: int) -> None:
    """Number an active guided script, after the `offered` scripts if it has no text of its own."""
    decision.number = step.number = decision.number or offered + 1
    decision.asks = ", ".join(words for words, _ in step.wanted)


def full_condition(row: Script) -> Group:
    """Return the whole condition of a script: agent, stage, examples and its own condition.

    Raises Invalid if its own condition cannot be parsed.
    """
    parts: list[Condition | Group] = []
    if row.agent_id:
        parts.append(Condition(fact=AGENT, operator="equals", value=row.agent_id))
    if row.stage_id:
        parts.append(Condition(fact=STAGE, operator="equals", value=row.stage_id))
    examples = [line.strip() for line in row.examples.splitlines() if line.strip()]
    if row.kind == ScriptKind.OBJECTION and examples:
        parts.append(Condition(fact=MESSAGE_TEXT, operator="like", value=examples))
    own = parse_conditions(row.condition)
    return Group(of=[*parts, own] if own.of else parts)


def decide(row: Script, facts: Facts, own: Catalogue, moment: datetime, *, seen: Facts | None = None) -> ScriptDecision:
    """Return the decision on a script for these facts."""
    decision = ScriptDecision(row.id, row.title, row.kind, False, "")
    try:
        proof = evaluate(full_condition(row), facts, own, moment)
    except Invalid as error:
        decision.why = error.sentence
        return decision
    decision.proof = proof.as_json()
    if not proof.holds:
        failed = next(part for part in proof.of if not part.holds)
        decision.why, decision.expected, decision.actual = _rejection(failed, str(facts.values.get(MESSAGE_TEXT) or ""))
        decision.change = [_change(change) for change in smallest_change(proof) or []]
        return decision
    for problem in text_templates.problems(row.text, own)[:1]:  # texts with mistakes are saved, but not used
        decision.why, decision.expected = "Its text has a mistake: {expected}", problem.what
        return decision
    try:
        decision.text = text_templates.render(row.text, seen or facts).strip()
    except Invalid:
        decision.why = "Its text can’t be filled."
        return decision
    decision.applied = bool(decision.text or row.steps)
    decision.quick_replies = row.quick_replies.splitlines()
    decision.why = _approval(row) if decision.applied else "Its text is empty."
    decision.by_message = decision.applied and (_is_objection(row) or _tests_message(parse_conditions(row.condition)))
    decision.expected = str(facts.values.get(STAGE) or "") if row.stage_id else ""
    return decision


def _rejection(failed: Proof, said: str) -> tuple[str, str, str]:
    """Return why a script does not apply: a message id and the values of `expected` and `actual`."""
    condition, actual = failed.condition, str(failed.actual or "")
    if condition is None:
        return "Condition not met.", "", ""
    if condition.fact == AGENT:
        return "It is for another agent.", "", ""
    if condition.fact == MESSAGE_TEXT:
        best = similarity.best_match(said, condition.value).example
        return "The message isn’t similar to the examples. The closest is “{expected}”.", best, ""
    return (_OTHER_STAGE if actual else _NO_STAGE), str(failed.expected), actual


_OTHER_STAGE = "For stage {expected}; the lead is in {actual}."
_NO_STAGE = "It is for the stage {expected}; no lead is chosen."


def _change(change: ConditionChange) -> dict[str, Any]:
    return change.proof.as_json() | {"is_to_hold": change.is_to_hold}


def _is_objection(row: Script) -> bool:
    """Return whether a script applies only to messages like its examples."""
    return row.kind == ScriptKind.OBJECTION and bool(row.examples.strip())


def _tests_message(condition: Group) -> bool:
    return any(
        part.fact == MESSAGE_TEXT if isinstance(part, Condition) else _tests_message(part) for part in condition.of
    )


def _approval(row: Script) -> str:
    if parse_conditions(row.condition).of:
        return "Condition met."
    if _is_objection(row):
        return "The message is similar to the examples."
    return "The lead is in stage {expected}." if row.stage_id else "It is for every stage."
