"""Script choice: which scripts a reply is given, and of each why or why not."""

from dataclasses import asdict, dataclass
from typing import Any

from platform_app.automation import texts
from platform_app.automation.facts import Facts
from platform_app.db import Transaction, owned
from platform_app.errors import Invalid
from platform_app.llm.prompts import tokens
from platform_app.models.crm import Stage
from platform_app.models.script import Script, ScriptKind
from platform_app.stems import STOP, stems, words

BUDGET = 1_500  # tokens of all scripts in one prompt
PREFIX = 5  # letters of a word that count: дорого, дорогой and дороже are one
LIKE = 0.6  # share of an example's words that have to be in what the contact says


@dataclass
class Considered:
    """A script with what became of it. `why` is a message id, `expected` and `actual` fill its places."""

    script_id: str
    title: str
    kind: str
    applied: bool
    why: str
    expected: str = ""
    actual: str = ""
    text: str = ""  # as the model reads it

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def choose(
    session: Transaction, tenant_id: str, facts: Facts, *, agent_id: str, stage_id: str | None
) -> list[Considered]:
    """Return every enabled script of the tenant in order, applied or not, with the first reason that decided."""
    query = owned(Script, tenant_id).where(Script.deleted_at.is_(None), Script.enabled.is_(True))  # type: ignore[union-attr, attr-defined]
    rows = session.exec(query.order_by(Script.position, Script.id)).all()
    stages = {stage.id: stage.name for stage in session.exec(owned(Stage, tenant_id)).all()} if rows else {}
    found, room = [], BUDGET
    for row in rows:
        one = _weigh(row, facts, stages, agent_id=agent_id, stage_id=stage_id)
        if one.applied and tokens(one.text) > room:
            one.applied, one.why, one.text = False, "There was no room for it in the prompt.", ""
        room -= tokens(one.text) if one.applied else 0
        found.append(one)
    return found


def _weigh(row: Script, facts: Facts, stages: dict[str, str], *, agent_id: str, stage_id: str | None) -> Considered:
    def refused(why: str, expected: str = "", actual: str = "") -> Considered:
        return Considered(row.id, row.title, row.kind, False, why, expected, actual)

    if row.agent_id not in (None, agent_id):
        return refused("It is for another agent.")
    if row.stage_id and row.stage_id != stage_id:
        actual = stages.get(stage_id or "", "")
        sentence = "It is for the stage {expected}; the lead stands in {actual}." if actual else _NO_STAGE
        return refused(sentence, stages.get(row.stage_id, ""), actual)
    said = str(facts.values.get("message.text") or "")
    if row.kind == ScriptKind.OBJECTION and row.examples.strip():
        best, share = closest(said, row.examples)
        if share < LIKE:
            return refused("The contact said nothing like its examples; the closest is “{expected}”.", best)
    for problem in texts.problems(row.text)[:1]:  # kept as typed, used when it is right
        return refused("Its text has a mistake: {expected}", problem.what)
    try:
        text = texts.fill(row.text, facts).strip()
    except Invalid:
        return refused("Its text cannot be filled.")
    if not text:
        return refused("Its text is empty.")
    return Considered(row.id, row.title, row.kind, True, _applies(row), stages.get(row.stage_id or "", ""), "", text)


_NO_STAGE = "It is for the stage {expected}; no lead is chosen."


def _applies(row: Script) -> str:
    if row.kind == ScriptKind.OBJECTION and row.examples.strip():
        return "The contact said something like its examples."
    return "The lead stands in the stage {expected}." if row.stage_id else "It is for every stage."


def _beginnings(text: str) -> set[str]:
    """Return the beginnings of the words that say something, or of all when none does."""
    said = [(word[:PREFIX], stem) for word, stem in zip(words(text), stems(text), strict=True)]
    return {word for word, stem in said if stem not in STOP} or {word for word, _ in said}


def closest(said: str, examples: str) -> tuple[str, float]:
    """Return the example that is most like what was said, and the share of its words that are in it."""
    heard = _beginnings(said)
    best, share = "", 0.0
    for line in examples.splitlines():
        wanted = _beginnings(line)
        if wanted and (found := len(wanted & heard) / len(wanted)) > share:
            best, share = line.strip(), found
    return best or next((line.strip() for line in examples.splitlines() if line.strip()), ""), share
