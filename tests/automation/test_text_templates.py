"""Texts: variables are filled, mistakes are said with their line, and no template can harm or hang (S25)."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from platform_app.automation.facts import CATALOGUE, Facts
from platform_app.automation.text_templates import MAX_OUTPUT_LENGTH, TemplateProblem, problems, render, variables
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
    assert render(text, FACTS) == filled


def test_every_fact_is_a_variable() -> None:
    for fact in CATALOGUE:
        assert problems("{{ " + fact.name + " }}") == []
        assert variables("{{ " + fact.name + " }}") == [fact.name]


def test_mistakes_are_named_with_their_line() -> None:
    assert problems("Hello\n{{ contact.nmae }} {{ x }}") == [
        TemplateProblem("Unknown variable {what}.", "contact.nmae", 2),
        TemplateProblem("Unknown variable {what}.", "x", 2),
    ]
    assert problems("one\ntwo {{ contact.name ") == [TemplateProblem("“{what}” isn’t closed.", "{{ contact.name", 2)]
    assert problems("{% if lead.budget %}never ended") == [
        TemplateProblem("“{what}” has no end tag.", "{% if lead.budget %}", 1)
    ]


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
        shown = render(text, FACTS)
    except Invalid:
        return
    assert "class" not in shown and "root:" not in shown and "sk-" not in shown


def test_a_text_does_not_grow_without_end() -> None:
    with pytest.raises(Invalid):
        render("{{ contact.name | append: contact.name }}" * 8, Facts({"contact.name": "x" * 60_000}))
    assert len(render("y" * 15_000 + "{{ contact.name }}", Facts({"contact.name": "x" * 30_000}))) == MAX_OUTPUT_LENGTH
    with pytest.raises(Invalid):
        render("{{ 1 | divided_by: 0 }}", FACTS)


def test_a_value_is_no_template() -> None:
    hostile = Facts({"contact.name": "{{ lead.budget }}{% for x in (1..9) %}"})
    assert render("{{ contact.name }}", hostile) == "{{ lead.budget }}{% for x in (1..9) %}"


@pytest.mark.parametrize(
    ("text", "ru", "en"),
    [
        ("{{ lead.budget | money }}", "12 500 ₽", "₽12,500"),
        ("{{ lead.budget | money: 'EUR' }}", "12 500 €", "€12,500"),
        ("{{ 99.5 | money: 'EUR' }}", "99,50 €", "€99.50"),
        ("{{ 99.5 | money: '<b>' }}", "99,50 ₽", "RUB99.50"),
        ("{{ 'many' | money }}", "0 ₽", "₽0"),
        ("{{ 1234567.5 | number }}", "1 234 567,5", "1,234,567.5"),
        ("{{ lead.budget | number }}", "12 500", "12,500"),
    ],
)
def test_sums_and_numbers_are_written_as_the_language_does(text: str, ru: str, en: str) -> None:
    for language, wanted in (("ru", ru), ("en", en)):
        filled = render(text, Facts({"lead.budget": Decimal("12500.00")}, language=language))
        assert filled.replace("\u202f", " ").replace("\xa0", " ").replace("RUB", "₽") == wanted.replace("RUB", "₽")


@pytest.mark.parametrize(
    ("count", "ru", "en"),
    [
        ("0", "0 дней", "0 days"),
        ("1", "1 день", "1 day"),
        ("2", "2 дня", "2 days"),
        ("5", "5 дней", "5 days"),
        ("11", "11 дней", "11 days"),
        ("12", "12 дней", "12 days"),
        ("21", "21 день", "21 days"),
        ("22", "22 дня", "22 days"),
        ("111", "111 дней", "111 days"),
        ("1001", "1 001 день", "1,001 days"),
        ("1.5", "1,5 дня", "1.5 days"),
        ("-1", "-1 день", "-1 days"),
    ],
)
def test_a_count_takes_the_form_that_fits_it(count: str, ru: str, en: str) -> None:
    russian = render("{{ " + count + " | plural: 'день', 'дня', 'дней' }}", Facts(language="ru"))
    assert russian.replace("\xa0", " ") == ru
    assert render("{{ " + count + " | plural: 'day', 'days' }}", Facts(language="en")) == en


FOREIGN = (  # of other template languages: for Liquid they are plain text
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "*{7*7}",
    "@(7*7)",
    "[[${7*7}]]",
    "<#assign x=7*7>",
    "#set($x=7*7)$x",
    "${T(java.lang.Runtime).getRuntime().exec('id')}",
    "{php}echo 7*7;{/php}",
)
INJECTED = (  # that Liquid would have to read: each is a mistake, or fills to nothing that was reckoned
    "{{7*7}}",
    "{{7*'7'}}",
    "{{ config.items() }}",
    "{{ request.application.__globals__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{% debug %}",
    "{% import os %}",
    "{% raw %}{{ 7 | times: 7 }}{% endraw %}{% cycle 'a', 'b' %}",
    "{{ contact | dump }}",
    "{% liquid\n for i in (1..9)\n echo i\n endfor %}",
)


@pytest.mark.parametrize("text", FOREIGN)
def test_templates_of_others_are_plain_text(text: str) -> None:
    assert problems(text) == [] and render(text, FACTS) == text


@pytest.mark.parametrize("text", INJECTED)
def test_what_is_injected_is_inert(text: str) -> None:
    try:
        filled = render(text, FACTS)
    except Invalid:
        assert problems(text)
        return
    assert problems(text) and "49" not in filled and "class" not in filled and "uid=" not in filled


def test_a_chain_of_replacements_does_not_grow_without_end() -> None:
    chain = "{{ 'aaaaaaaaaa'" + " | replace: 'a', 'aaaaaaaaaa'" * 9 + " | size }}"
    with pytest.raises(Invalid):
        render(chain, FACTS)
    assert render("{{ 'abab' | replace: 'a', 'xy' }} {{ contact.phone | replace: 'a', 'b' }}", FACTS) == "xybxyb "
