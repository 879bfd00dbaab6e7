"""Action checks: problems of actions before they are published, by field."""

from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from platform_app import fact_snapshots
from platform_app.automation import text_templates
from platform_app.automation.condition_checks import INPUT_HINTS
from platform_app.automation.facts import Catalogue
from platform_app.automation.input_fields import InputField, input_fields
from platform_app.automation.rules import is_off
from platform_app.automation.values import parse, parse_whole
from platform_app.automation.webhook_answers import WithAnswers
from platform_app.channels.quick_replies import parse_titles
from platform_app.db import Transaction, owned
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_base import BUILT_IN_FIELDS, MAX_DAYS, ActionInput
from platform_app.engine.enrollments import enrollments
from platform_app.errors import Invalid
from platform_app.i18n import plural, translate
from platform_app.integrations import egress, smtp
from platform_app.models.agent import Agent
from platform_app.models.person import Identity
from platform_app.services.accounts import members
from platform_app.services.chat import message_templates
from platform_app.services.crm import pipelines

_WITH_VARIABLES = (
    ActionInput.TEXT,
    ActionInput.LINE,
    ActionInput.TO,
    ActionInput.TAG,
    ActionInput.VALUE,
    ActionInput.TEMPLATE_VALUES,
    ActionInput.QUICK_REPLIES,
)


@dataclass(frozen=True)
class TenantChoices:
    """The facts and selectable ids of a tenant, by kind of input."""

    catalogue: Catalogue
    ids: Mapping[str, Collection[str]]
    template_values: Mapping[str, int] = field(default_factory=dict)  # how many values a template needs, by its key


def tenant_choices(session: Transaction, who: Identity) -> TenantChoices:
    """Return the facts and selectable ids of a tenant."""
    held, own = pipelines.list_pipelines(session, who), fact_snapshots.fact_catalogue(session, who.tenant_id)
    templates = message_templates.list_usable(session, who.tenant_id)
    counts = {message_templates.key_of(row): len(row.parameters) for row in templates}
    return TenantChoices(
        own,
        {
            ActionInput.FIELD: {*BUILT_IN_FIELDS, *own},
            ActionInput.STAGE: {stage.id for _, stages in held for stage in stages},
            "pipeline": {pipeline.id for pipeline, _ in held},
            "agent": set(session.exec(owned(Agent, who.tenant_id).with_only_columns(Agent.id)).all()),
            ActionInput.MEMBER: {user.id for user, _ in members.list_members(session, who)},
            ActionInput.SEQUENCE: {row.id for row in enrollments.enabled_sequences(session, who)},
            ActionInput.TEMPLATE: set(counts),
        },
        counts,
    )


def problems(listed: list[dict[str, Any]], choices: TenantChoices, language: str) -> dict[str, str]:
    """Return a sentence for each invalid field by "action.{place}.{field}", or by "actions" if none would run.

    Actions that are turned off are not checked.
    """
    if all(is_off(data) for data in listed):
        sentence = "All actions are turned off. Turn one on." if listed else "Add an action."
        return {"actions": translate(language, sentence)}
    sentences: dict[str, str] = {}
    names: Container[str] = choices.catalogue
    for place, data in enumerate(listed):
        if is_off(data):
            continue
        kind = actions.ACTIONS.get(str(data.get("kind")))
        if kind is None:
            sentences[f"action.{place}"] = translate(language, ("This action is no longer available. Remove it."))
            continue
        for shown in input_fields(kind):
            if sentence := _field_problem(data, shown, choices, language, names=names):
                sentences[f"action.{place}.{shown.name}"] = sentence
        if kind.is_answered:
            names = WithAnswers(choices.catalogue)
    return sentences


def _field_problem(
    data: dict[str, Any], shown: InputField, choices: TenantChoices, language: str, *, names: Container[str]
) -> str:
    """Return the problem of one field of an action, or ""."""
    value = str(data.get(shown.name) or "")
    if sentence := _problem(value, shown, choices, language, names=names):
        return sentence
    if shown.input == ActionInput.VALUE:
        return _type_problem(str(data.get("field")), value, choices.catalogue, language)
    return _count_problem(data, choices, language) if shown.input == ActionInput.TEMPLATE_VALUES else ""


def missing_setup(session: Transaction, who: Identity, listed: list[dict[str, Any]]) -> dict[str, str]:
    """Return a sentence for each action that needs a missing setting of the tenant, by "action.{place}"."""
    kinds = [(at, actions.ACTIONS.get(str(data.get("kind")))) for at, data in enumerate(listed) if not is_off(data)]
    lacks = {place: kind.missing_setup(session, who) for place, kind in kinds if kind is not None}
    return {f"action.{place}": translate(who.language, sentence) for place, sentence in lacks.items() if sentence}


def _problem(value: str, field: InputField, choices: TenantChoices, language: str, *, names: Container[str]) -> str:
    if not value.strip():
        return translate(language, "Required.") if field.required else ""
    if field.input in _WITH_VARIABLES and (wrong := text_templates.problems(value, names)):
        return text_templates.describe_problem(wrong[0], language)
    if field.input == ActionInput.DAYS and parse_whole(value, MAX_DAYS) is None:
        return translate(language, "Enter a number.")
    try:
        if field.input == ActionInput.QUICK_REPLIES:
            _check_quick_replies(value)
        if field.input == ActionInput.WORD:
            egress.check(value)
        if field.input == ActionInput.TO and not text_templates.variables(value):
            smtp.checked(value, field="to")
    except Invalid as error:
        return translate(language, error.sentence, **error.values)
    if value not in (field.options or choices.ids.get(field.input, (value,))):
        return translate(language, "This item was deleted. Choose another.")
    return ""


def _check_quick_replies(value: str) -> None:
    """Check titles, one per line; how long one with variables is, is not known yet. Raises Invalid."""
    parse_titles(str(number) if "{" in line else line for number, line in enumerate(value.splitlines()))


def _count_problem(data: dict[str, Any], choices: TenantChoices, language: str) -> str:
    """Return that a template needs another number of values, or ""."""
    needed = choices.template_values.get(str(data.get("template") or ""))
    given = sum(bool(line.strip()) for line in str(data.get("template_values") or "").splitlines())
    if needed is None or given == needed:
        return ""
    return plural(
        language,
        "The template needs {count} value, one per line.",
        "The template needs {count} values, one per line.",
        needed,
    )


def _type_problem(field: str, value: str, facts: Catalogue, language: str) -> str:
    """Return why a value does not fit its field, or ""; values with variables are checked when filled."""
    fact = facts.get(field)
    if fact is None or not value.strip() or "{{" in value or "{%" in value:
        return ""
    if parse(value, fact.type, "UTC") is None:
        return translate(language, INPUT_HINTS.get(fact.type, "Enter a value."))
    if fact.options and value.strip() not in fact.options:
        return translate(language, "Choose a value.")
    return ""
