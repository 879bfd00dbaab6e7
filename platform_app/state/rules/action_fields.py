"""Action fields: the fields of an action as the editors of rules and sequences show them, with their options."""

from dataclasses import dataclass, field
from typing import Any

from platform_app.automation.input_fields import InputField, input_fields
from platform_app.custom_fields import list_custom_fields
from platform_app.db import Transaction
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_base import BUILT_IN_FIELDS, ActionInput
from platform_app.engine.enrollments import enrollments
from platform_app.engine.sequences import sequences
from platform_app.i18n import translate
from platform_app.models.crm import CustomField, FieldKind, Holder
from platform_app.models.person import Identity
from platform_app.services.accounts import members
from platform_app.services.crm import tags
from platform_app.state.console.option_lists import Option, stage_options, template_options
from platform_app.state.rules.proof_view import LANGUAGES

_OTHER_SEQUENCES = "other sequences"  # also those that are turned off


@dataclass
class ActionFieldLine:
    """A field of an action in the editor."""

    name: str
    words: str
    ask: str
    value: str
    required: bool
    problem: str = ""
    options: list[Option] = field(default_factory=list)


def action_field_lines(
    data: dict[str, Any],
    choices: dict[str, list[Option]],
    language: str,
    *,
    problems: dict[str, str],
    prefix: str,
) -> list[ActionFieldLine]:
    """Return the fields of an action. `problems` are by `prefix` followed by the name of the field."""
    if data.get("kind") not in actions.ACTIONS:
        return []
    return [
        ActionFieldLine(
            input_field.name,
            translate(language, input_field.label),
            input_field.input,
            str(data.get(input_field.name) or (input_field.prefill if input_field.options else "")),
            bool(input_field.required or input_field.prefill),  # a field with a default is not marked as optional
            problems.get(f"{prefix}{input_field.name}", ""),
            [Option(code, translate(language, words)) for code, words in input_field.options.items()]
            or _options(choices, input_field, data, language),
        )
        for input_field in input_fields(actions.ACTIONS[data["kind"]])
        if not _is_of_no_use(input_field, choices, data)
    ]


def _is_of_no_use(input_field: InputField, choices: dict[str, list[Option]], data: dict[str, Any]) -> bool:
    """Return whether a field is left out: that of a template where there are none, its values where none is chosen."""
    if input_field.input == ActionInput.TEMPLATE:
        return not choices.get(ActionInput.TEMPLATE.value) and not data.get(input_field.name)
    return input_field.input == ActionInput.TEMPLATE_VALUES and not data.get("template")


def _options(
    choices: dict[str, list[Option]], input_field: InputField, data: dict[str, Any], language: str
) -> list[Option]:
    """Return what is field_options for a field; of a value, what the field that it is for can have.

    A sequence that is chosen and cannot be started any more is named as what it is: turned off, or deleted.
    """
    ask, value = input_field.input, str(data.get(input_field.name) or "")
    found = choices.get(f"value of {data.get('field')}" if ask == ActionInput.VALUE else ask, [])
    if ask != ActionInput.SEQUENCE or not value or value in {option.id for option in found}:
        return found
    others = {option.id: option.name for option in choices.get(_OTHER_SEQUENCES, [])}
    off = translate(language, "{words} (turned off)", words=others[value]) if value in others else ""
    return [*found, Option(value, off or translate(language, "Deleted sequence"))]


def field_options(session: Transaction, who: Identity, language: str) -> dict[str, list[Option]]:
    """Return the options of action fields by kind of input."""
    own = [row for holder in Holder for row in list_custom_fields(session, who.tenant_id, holder)]
    plain = [Option(name, translate(language, words)) for name, words in BUILT_IN_FIELDS.items()]
    kinds = {
        ActionInput.STAGE.value: stage_options(session, who),
        ActionInput.MEMBER.value: [Option(user.id, user.name) for user, _ in members.list_members(session, who)],
        ActionInput.SEQUENCE.value: [Option(row.id, row.name) for row in enrollments.enabled_sequences(session, who)],
        _OTHER_SEQUENCES: [Option(row.id, row.name) for row in sequences.DEFINITIONS.list_names(session, who)],
        ActionInput.FIELD.value: [*plain, *(Option(_fact(row), row.name) for row in own)],
        ActionInput.TEMPLATE.value: template_options(session, who),
        ActionInput.TAG.value: [Option(tag, tag) for tag in tags.list_tags(session, who)],
        "value of contact.language": [Option(code, translate(language, words)) for code, words in LANGUAGES.items()],
    }
    yes_no = [Option(code, translate(language, code)) for code in ("yes", "no")]
    for row in own:
        of_kind = yes_no if row.kind == FieldKind.YES_NO else [Option(option, option) for option in row.options]
        kinds[f"value of {_fact(row)}"] = of_kind
    return kinds


def _fact(row: CustomField) -> str:
    return f"{row.holder}.field.{row.key}"
