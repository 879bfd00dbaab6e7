"""Proof view: the proof of a condition as translated lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import reflex as rx
from babel.numbers import format_decimal

from platform_app import fact_snapshots
from platform_app.automation.facts import Catalogue, Fact, FactType
from platform_app.automation.operators import OPERATORS, Operand
from platform_app.automation.values import parse_exact_number, parse_number
from platform_app.db import Transaction
from platform_app.i18n import clause, exact_time, quoted, sentence_case, span, translate
from platform_app.models.person import Identity
from platform_app.state.console.base import current_identity, current_user, fetch

MATCHES = {"all": "All conditions", "any": "Any condition", "none": "No condition"}
WEEKDAYS = {
    "1": "Monday",
    "2": "Tuesday",
    "3": "Wednesday",
    "4": "Thursday",
    "5": "Friday",
    "6": "Saturday",
    "7": "Sunday",
}
LANGUAGES = {"ru": "Russian", "en": "English"}
_UNITS = ("minutes", "hours", "days", "weeks")


@dataclass
class ProofLine:
    """A node of a proof: whether it holds, the expected value and the actual value."""

    depth: int
    holds: bool
    words: str
    actual: str = ""


@dataclass(frozen=True)
class ViewContext:
    """What texts are rendered for: a language, a time zone and the tenant's catalogue of facts."""

    language: str
    zone: str
    known: Catalogue


async def view_context(state: rx.State) -> ViewContext:
    """Return the context of the current user of a tab."""
    identity = await current_identity(state)

    def own(session: Transaction, who: Identity) -> Catalogue:
        return fact_snapshots.fact_catalogue(session, who.tenant_id)

    return ViewContext((await current_user(state)).language, identity.time_zone, await fetch(state, own))


def proof_lines(proof: Mapping[str, Any], context: ViewContext) -> list[ProofLine]:
    """Return the nodes of a proof in depth-first order, without a root that only combines all."""
    lines: list[ProofLine] = []
    _walk(proof, 0, context, lines)
    return lines[1:] if lines and proof.get("match") == "all" else lines


def _walk(proof: Mapping[str, Any], depth: int, context: ViewContext, lines: list[ProofLine]) -> None:
    if "match" not in proof:
        if proof:
            lines.append(
                ProofLine(
                    depth,
                    bool(proof["holds"]),
                    sentence_case(describe_condition(proof, context)),
                    describe_actual(proof, context),
                )
            )
        return
    lines.append(ProofLine(depth, bool(proof["holds"]), translate(context.language, MATCHES[str(proof["match"])])))
    for part in proof.get("of", []):
        _walk(part, depth + 1, context, lines)


def describe_condition(leaf: Mapping[str, Any], context: ViewContext) -> str:
    """Return a condition as a clause: fact, operator, value."""
    fact, op = context.known.get(str(leaf["fact"])), OPERATORS.get(str(leaf["operator"]))
    name = clause(fact_label(fact, str(leaf["fact"]), context.language))
    operator = translate(context.language, op.label) if op else str(leaf["operator"])
    if op is None or op.operand == Operand.NOTHING:
        return f"{name} {operator}"
    if op.operand == Operand.SPAN:
        count, _, unit = str(leaf["expected"]).partition(" ")
        shown = span(context.language, int(count), unit.rstrip("s")) if count.isdecimal() and unit in _UNITS else count
    elif op.operand == Operand.TWO and isinstance(leaf["expected"], list):
        parts = [_shown(part, fact, context) for part in leaf["expected"]]
        shown = translate(context.language, " and ").join(parts)
    else:
        shown = _shown(leaf["expected"], fact, context)
    return f"{name} {operator.replace('…', shown)}" if "…" in operator else f"{name} {operator} {shown}"


def fact_label(fact: Fact | None, name: str, language: str) -> str:
    """Return the label of a fact, or its name if it is not in the catalogue."""
    if fact is None:
        return name
    return fact.label if fact.is_custom else translate(language, fact.label)


def describe_actual(leaf: Mapping[str, Any], context: ViewContext) -> str:
    """Return the actual value in a proof, or "not known"."""
    actual = leaf.get("actual")
    if actual is None or actual in ("", []):
        return translate(context.language, "not known")
    return _shown(actual, context.known.get(str(leaf["fact"])), context)


def _shown(value: Any, fact: Fact | None, context: ViewContext) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(part, fact, context) for part in value)
    if isinstance(value, bool):
        return translate(context.language, "yes" if value else "no")
    text = str(value)
    if fact is None:
        return text
    if fact.type == FactType.NUMBER and (number := parse_exact_number(text) or parse_number(text)) is not None:
        return str(format_decimal(number, locale=context.language))
    if fact.type == FactType.MOMENT:
        return _moment(text, context)
    if fact.type == FactType.TIME:
        return text[:5]
    words = {"weekday": WEEKDAYS, "language": LANGUAGES}.get(fact.choices_from, {"yes": "yes", "no": "no"})
    is_code = fact.choices_from in ("weekday", "language") or fact.type == FactType.FLAG
    return (
        translate(context.language, words[text]) if is_code and text in words else quoted(context.language, text[:200])
    )


def _moment(text: str, context: ViewContext) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return exact_time(context.language, moment, context.zone) if moment.tzinfo else text.replace("T", " ")


def describe_change(change: Mapping[str, Any], context: ViewContext) -> str:
    """Return a change that would turn a condition as a sentence."""
    sentence = "{condition} (now {actual})" if change["is_to_hold"] else "NOT {condition} (now {actual})"
    condition = sentence_case(describe_condition(change, context))
    return translate(context.language, sentence, condition=condition, actual=describe_actual(change, context))
