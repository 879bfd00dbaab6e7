"""Drafts: what is wrong with actions before they are published, each at its field."""

from typing import Any

from platform_app import egress, smtp
from platform_app.automation import texts
from platform_app.automation.facts import Catalogue
from platform_app.automation.values import whole
from platform_app.db import Transaction
from platform_app.engine import actions
from platform_app.engine.actions import Ask
from platform_app.errors import Invalid
from platform_app.i18n import translate
from platform_app.models.person import Identity


def problems(listed: list[dict[str, Any]], known: Catalogue, language: str) -> dict[str, str]:
    """Return a sentence for each field that is not right, by action.{place}.{field}; `actions` when there is none."""
    if not listed:
        return {"actions": translate(language, "Add an action.")}
    found: dict[str, str] = {}
    for place, data in enumerate(listed):
        kind = actions.ACTIONS.get(str(data.get("kind")))
        if kind is None:
            found[f"action.{place}"] = translate(language, "This action is not known any more. Remove it.")
            continue
        for name, asked in asked_of(kind.model_fields["kind"].default):
            sentence = _problem(str(data.get(name) or ""), asked, known, language)
            if sentence:
                found[f"action.{place}.{name}"] = sentence
    return found


def lacking(session: Transaction, who: Identity, listed: list[dict[str, Any]]) -> dict[str, str]:
    """Return a sentence for each action that needs something the tenant has not set yet, by action.{place}."""
    found = [(place, actions.ACTIONS.get(str(data.get("kind")))) for place, data in enumerate(listed)]
    lacks = {place: kind.lacks(session, who) for place, kind in found if kind is not None}
    return {f"action.{place}": translate(who.language, sentence) for place, sentence in lacks.items() if sentence}


def asked_of(kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the fields of an action with their words, how they are entered, and whether they are needed."""
    fields = actions.ACTIONS[kind].model_fields.items()
    return [(name, dict(one.json_schema_extra)) for name, one in fields if isinstance(one.json_schema_extra, dict)]


def _problem(value: str, asked: dict[str, Any], known: Catalogue, language: str) -> str:
    if not value.strip():
        return translate(language, "Fill this in.") if asked["needed"] else ""
    if asked["ask"] in (Ask.TEXT, Ask.LINE, Ask.TO) and (wrong := texts.problems(value, known)):
        return translate(language, wrong[0].sentence, what=wrong[0].what)
    if asked["ask"] == Ask.DAYS and whole(value, actions.MOST_DAYS) is None:
        return translate(language, "Enter a number.")
    try:
        if asked["ask"] == Ask.WORD:
            egress.check(value)
        if asked["ask"] == Ask.TO and not texts.variables(value):
            smtp.checked(value, field="to")
    except Invalid as error:
        return translate(language, error.sentence)
    return ""
