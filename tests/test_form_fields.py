"""Form fields: what forms show comes from their classes, in both languages."""

import re
from dataclasses import replace

import pytest
from pydantic import BaseModel, Field

from platform_app.automation.rules import RULE_FORM, RuleDefinition
from platform_app.automation.sequences import SEQUENCE_FORM, SequenceDefinition
from platform_app.form_fields import WRONG_VALUE, Control, FormField, form_fields, form_info, format_typed, parse_typed
from platform_app.models.agent import AGENT_FORM, AgentSettings
from platform_app.models.mail import MAIL_FORM, MailServerForm
from platform_app.models.person import TENANT_FORM
from platform_app.models.script import SCRIPT_FORM, Script
from platform_app.models.sending import SENDING_FORM, SendingPolicy
from platform_app.models.web_site import SITE_FORM
from platform_app.models.webhook import WEBHOOK_FORM
from tests.test_house_rules import russian

FORMS = {
    "agent": AGENT_FORM,
    "mail server": MAIL_FORM,
    "webhook": WEBHOOK_FORM,
    "rule": RULE_FORM,
    "sequence": SEQUENCE_FORM,
    "script": SCRIPT_FORM,
    "sending": SENDING_FORM,
    "tenant": TENANT_FORM,
    "web address": SITE_FORM,
}
FIELDS = [pytest.param(one, id=f"{form}: {name}") for form, fields in FORMS.items() for name, one in fields.items()]


class Parcel(BaseModel):
    """A class with a field of each kind."""

    name: str = Field("", title="Name", description="On the label.", min_length=1, json_schema_extra=form_info("top"))
    weight: float = Field(1.5, title="Weight", ge=0, le=30, json_schema_extra=form_info("top", step=0.1, problem="No."))
    pieces: int | None = Field(None, title="Pieces", json_schema_extra=form_info())
    note: str = Field("", title="Note", max_length=50, json_schema_extra=form_info("top", Control.TEXT_AREA, rows=3))
    fragile: bool = Field(False, title="Fragile", json_schema_extra=form_info())
    tags: list[str] = Field(default_factory=list, title="Tags", json_schema_extra=form_info())
    secret: str = ""


def test_a_form_is_read_from_a_class() -> None:
    fields = form_fields(Parcel)
    assert [(name, one.control.value) for name, one in fields.items()] == [
        ("name", "text"),
        ("weight", "number"),
        ("pieces", "number"),
        ("note", "text_area"),
        ("fragile", "switch"),
        ("tags", "custom"),
    ]
    name, weight, note = fields["name"], fields["weight"], fields["note"]
    assert (name.label, name.help_text, name.min_length, name.problem) == ("Name", "On the label.", 1, WRONG_VALUE)
    assert (weight.minimum, weight.maximum, weight.step, weight.problem) == (0, 30, 0.1, "No.")
    assert (note.section, note.max_length, note.rows) == ("top", 50, 3)
    assert [weight.allows(number) for number in (-0.1, 0, 30, 30.1)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("weight", " 1,5 ", 1.5),
        ("pieces", "1 000", 1000),
        ("pieces", "1.5", "1.5"),
        ("pieces", "  ", None),
        ("weight", "heavy", "heavy"),
        ("name", " 5 ", " 5 "),
        ("fragile", True, True),
    ],
)
def test_a_number_is_read_as_people_write_it(name: str, text: object, value: object) -> None:
    assert parse_typed(form_fields(Parcel)[name], text) == value


def test_a_number_is_shown_without_needless_digits() -> None:
    assert [format_typed(value) for value in (0.3, 1.0, 1000, "x")] == ["0.3", "1", "1000", "x"]


@pytest.mark.parametrize("shown", FIELDS)
def test_every_text_of_a_form_has_its_russian(shown: FormField) -> None:
    labels = [label for value, label in shown.options.items() if value not in shown.untranslated]
    said = {shown.label, shown.help_text, shown.problem, *labels} - {""}
    assert said - russian().keys() == set()


@pytest.mark.parametrize("shown", FIELDS)
def test_the_texts_of_a_form_name_the_limits_of_the_class(shown: FormField) -> None:
    limits = {shown.minimum, shown.maximum} if shown.control == Control.NUMBER else {shown.min_length, shown.max_length}
    for text in {shown.help_text, shown.problem} if shown.problem != WRONG_VALUE else set():
        digits = re.sub(r"(?<=\d),(?=\d{3})", "", text)  # 8,000
        assert {float(number) for number in re.findall(r"\d+", digits)} <= {
            float(one) for one in limits if one is not None
        }


def test_every_field_of_a_class_is_in_its_form() -> None:
    assert list(AGENT_FORM) == list(AgentSettings.model_fields)
    assert list(MAIL_FORM) == list(MailServerForm.model_fields)
    assert list(RULE_FORM) == list(RuleDefinition.model_fields)
    assert list(SEQUENCE_FORM) == list(SequenceDefinition.model_fields)
    assert list(SENDING_FORM) == [name for name in SendingPolicy.model_fields if name != "opt_out_words"]
    assert all(one.label != name for name, one in AGENT_FORM.items())


def test_a_select_offers_every_value_of_its_enumeration() -> None:
    classes: list[tuple[dict[str, FormField], type[BaseModel]]] = [
        (AGENT_FORM, AgentSettings),
        (MAIL_FORM, MailServerForm),
        (SEQUENCE_FORM, SequenceDefinition),
        (SCRIPT_FORM, Script),
        (SENDING_FORM, SendingPolicy),
    ]
    for form, model in classes:
        for name, one in form.items():
            if one.options:
                assert list(one.options) == [kind.value for kind in model.model_fields[name].annotation]  # type: ignore[union-attr]


def test_wrong_texts_are_noticed() -> None:
    shown = replace(AGENT_FORM["max_tokens"], maximum=9000)
    with pytest.raises(AssertionError):
        test_the_texts_of_a_form_name_the_limits_of_the_class(shown)
    with pytest.raises(AssertionError):
        test_every_text_of_a_form_has_its_russian(replace(shown, label="Nobody has translated this"))
