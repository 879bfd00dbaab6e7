"""Texts: variables are filled, mistakes are said with their line, and no template can harm or hang (S25)."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from platform_app.automation.facts import CATALOGUE, Facts
from platform_app.automation.texts import LONGEST, Problem, fill, problems, variables
from platform_app.errors import Invalid

FACTS = Facts(
    {
        "contact.name": "Анна",
        "lead.budget": Decimal("1500.00"),
        "lead.stage": "New",
        "contact.phone": None,
        "now": datetime(2026, 5, 4, 9, 30, 12, tzinfo=UTC),
    }
)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Здравствуйте, {{ contact.name }}!", "Здравствуйте, Анна!"),
        ("{{contact.name}}{{ lead.title }}", "Анна"),
        ("{{ contact.phone }}|{{ contact.phone | default: 'no phone' }}", "|no phone"),
        ("{{ lead.budget }}", "1500"),
        ("{% if lead.budget > 1000 %}big{% else %}small{% endif %}", "big"),
        ("{% case lead.stage %}{% when 'New' %}n{% else %}o{% endcase %}", "n"),
        ("{{ contact.name | upcase }} {{ now | date: '%d.%m' }}", "АННА 04.05"),
        ("{# not a comment #} {{ '{{' }}", "{# not a comment #} {{"),
        ("", ""),
    ],
)
def test_filled(text: str, filled: str) -> None:
    assert problems(text) == []
    assert fill(text, FACTS) == filled


def test_every_fact_is_a_variable() -> None:
    for fact in CATALOGUE:
        assert problems("{{ " + fact.name + " }}") == []
        assert variables("{{ " + fact.name + " }}") == [fact.name]


def test_mistakes_are_named_with_their_line() -> None:
    assert problems("Hello\n{{ contact.nmae }} {{ x }}") == [
        Problem("There is no variable {what}.", "contact.nmae", 2),
        Problem("There is no variable {what}.", "x", 2),
    ]
    (problem,) = problems("one\ntwo {{ contact.name ")
    assert (problem.sentence, problem.line) == ("The text cannot be read here: {what}", 2)
    assert problems("{% if lead.budget %}never ended")


@pytest.mark.parametrize(
    "text",
    [
        "{% for x in (1..100000000) %}x{% endfor %}",
        "{% include 'passwd' %}",
        "{% render '/etc/passwd' %}",
        "{% assign a = 'x' %}",
        "{% capture a %}x{% endcapture %}",
        "{% tablerow x in (1..9) %}x{% endtablerow %}",
        "{% increment a %}",
        "{{ contact.__class__.__mro__ }}",
        "{{ contact['__init__'] }}",
        "{{ ''.__class__ }}",
        "{{ self }}",
        "{{ 'x' | base64_decode }}",
        "{{ contact | map: 'name' }}",
        "{{ settings.openai_api_key }}",
        "{{ " * 3000,
        "{% if a %}" * 3000,
    ],
)
def test_what_could_harm_is_a_mistake(text: str) -> None:
    assert problems(text)
    try:
        shown = fill(text, FACTS)
    except Invalid:
        return
    assert "class" not in shown and "root:" not in shown and "sk-" not in shown


def test_a_text_does_not_grow_without_end() -> None:
    with pytest.raises(Invalid):
        fill("{{ contact.name | append: contact.name }}" * 8, Facts({"contact.name": "x" * 60_000}))
    assert len(fill("y" * 15_000 + "{{ contact.name }}", Facts({"contact.name": "x" * 30_000}))) == LONGEST
    with pytest.raises(Invalid):
        fill("{{ 1 | divided_by: 0 }}", FACTS)


def test_a_value_is_no_template() -> None:
    hostile = Facts({"contact.name": "{{ lead.budget }}{% for x in (1..9) %}"})
    assert fill("{{ contact.name }}", hostile) == "{{ lead.budget }}{% for x in (1..9) %}"
