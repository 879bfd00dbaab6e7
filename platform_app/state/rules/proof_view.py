"""Proof view: why a condition held or not, in words for people."""

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
from platform_app.i18n import exact_time, translate
from platform_app.models.person import Identity
from platform_app.state.console.base import current_identity, current_user, fetch

MATCHES = {"all": "All of these", "any": "Any of these", "none": "None of these"}
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
_UNITS = {"minutes": "{count} minutes", "hours": "{count} hours", "days": "{count} days", "weeks": "{count} weeks"}


@dataclass
class ProofLine:
    """A node of a proof: whether it held, what was expected and what was found."""

    depth: int
    holds: bool
    words: str
    actual: str = ""


@dataclass(frozen=True)
class Reader:
    """Who reads a proof: the language, the time zone, and the facts of the tenant."""

    language: str
    zone: str
    known: Catalogue


async def reader_of(state: rx.State) -> Reader:
    """Return the person at the tab as a reader of proofs."""
    identity = await current_identity(state)

    def own(session: Transaction, who: Identity) -> Catalogue:
        return fact_snapshots.fact_catalogue(session, who.tenant_id)

    return Reader((await current_user(state)).language, identity.time_zone, await fetch(state, own))


def lines_of(proof: Mapping[str, Any], reader: Reader) -> list[ProofLine]:
    """Return the nodes of a proof from top to bottom; the root is left out when it only holds all together."""
    found: list[ProofLine] = []
    _walk(proof, 0, reader, found)
    return found[1:] if found and proof.get("match") == "all" else found


def _walk(proof: Mapping[str, Any], depth: int, reader: Reader, found: list[ProofLine]) -> None:
    if "match" not in proof:
        if proof:
            found.append(ProofLine(depth, bool(proof["holds"]), words_of(proof, reader), actual_of(proof, reader)))
        return
    found.append(ProofLine(depth, bool(proof["holds"]), translate(reader.language, MATCHES[str(proof["match"])])))
    for part in proof.get("of", []):
        _walk(part, depth + 1, reader, found)


def words_of(leaf: Mapping[str, Any], reader: Reader) -> str:
    """Return a condition as a sentence: fact, operator, value."""
    fact, op = reader.known.get(str(leaf["fact"])), OPERATORS.get(str(leaf["operator"]))
    name = fact_words(fact, str(leaf["fact"]), reader.language)
    operator = translate(reader.language, op.label) if op else str(leaf["operator"])
    if op is None or op.operand == Operand.NOTHING:
        return f"{name} {operator}"
    if op.operand == Operand.SPAN:
        count, _, unit = str(leaf["expected"]).partition(" ")
        shown = translate(reader.language, _UNITS.get(unit, "{count}"), count=count)
    else:
        shown = _shown(leaf["expected"], fact, reader)
    return f"{name} {operator} {shown}"


def fact_words(fact: Fact | None, name: str, language: str) -> str:
    """Return what a fact is called."""
    if fact is None:
        return name
    return fact.label if fact.is_custom else translate(language, fact.label)


def actual_of(leaf: Mapping[str, Any], reader: Reader) -> str:
    """Return what was found, or that nothing is known."""
    actual = leaf.get("actual")
    if actual is None or actual in ("", []):
        return translate(reader.language, "not known")
    return _shown(actual, reader.known.get(str(leaf["fact"])), reader)


def _shown(value: Any, fact: Fact | None, reader: Reader) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(one, fact, reader) for one in value)
    if isinstance(value, bool):
        return translate(reader.language, "yes" if value else "no")
    text = str(value)
    if fact is None:
        return text
    if fact.type == FactType.NUMBER and (found := parse_exact_number(text) or parse_number(text)) is not None:
        return str(format_decimal(found, locale=reader.language))
    if fact.type == FactType.MOMENT:
        return _moment(text, reader)
    if fact.type == FactType.TIME:
        return text[:5]
    words = {"weekday": WEEKDAYS, "language": LANGUAGES}.get(fact.choices_from, {"yes": "yes", "no": "no"})
    is_code = fact.choices_from in ("weekday", "language") or fact.type == FactType.FLAG
    return (
        translate(reader.language, words[text])
        if is_code and text in words
        else translate(reader.language, "“{text}”", text=text[:200])
    )


def _moment(text: str, reader: Reader) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return exact_time(reader.language, found, reader.zone) if found.tzinfo else text.replace("T", " ")


def change_of(change: Mapping[str, Any], reader: Reader) -> str:
    """Return in words what would have to be otherwise."""
    sentence = "{condition} (now {actual})" if change["is_to_hold"] else "not: {condition} (now {actual})"
    return translate(reader.language, sentence, condition=words_of(change, reader), actual=actual_of(change, reader))
