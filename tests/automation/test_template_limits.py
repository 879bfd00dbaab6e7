"""Template limits: whatever stands in a template, it is read in one pass, within counts, and refused in our words."""

import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from liquid.token import Token

from platform_app.automation import template_filters, template_lexer, text_templates
from platform_app.automation.facts import Facts
from platform_app.automation.template_lexer import (
    MAX_PARTS,
    MAX_SOURCE_LENGTH,
    MAX_WORDS,
    TemplateSyntaxError,
    tokenize,
)
from platform_app.automation.text_templates import (
    MAX_OUTPUT_LENGTH,
    describe_problem,
    problems,
    render,
    render_body,
    variables,
)
from platform_app.errors import Invalid
from platform_app.i18n import lookup

FACTS = Facts(
    {
        "message.text": "ы" * MAX_OUTPUT_LENGTH,
        "contact.name": "ы" * 9_000 + "ж" + "ы" * 900,
        "lead.budget": Decimal("1500"),
        "now": datetime(2026, 5, 4, tzinfo=UTC),
    }
)
UNCLOSED = ("{{", "{%", "{{{{", "{{ ", "{% if a ", "{% raw %}", "{% comment %}", "{% doc %}", "{{ '", '{{ "', "{%-")
PIECES = (
    *UNCLOSED,
    *("}}", "%}", "-%}", "|", "| append: message.text ", "| upcase ", "{% if a %}", "{% endif %}", "{% unless a %}"),
    *("{% case a %}", "{% when 'a', 'a' %}", "{% endcase %}", "{% endraw %}", "{% endcomment %}", "a or b or "),
    *("contact.name", ".a", "[", "['a'x", "]", "(1..999999999)", "9" * 50, "1.5", "'", '"', " ", "\t", "\xa0", "字"),
    *("\u2028", "\ud800", "| date: '%c' ", "contains contact.name ", "| json ", "| times: 99999999999999 ", "#"),
)


def tokens_of(text: str) -> list[Token]:
    """Return the tokens up to the end, or to what is refused."""
    found: list[Token] = []
    with suppress(TemplateSyntaxError):
        found.extend(tokenize(text))
    return found


@pytest.mark.parametrize("piece", UNCLOSED)
def test_what_is_not_closed_is_refused_at_once(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    shown = template_lexer.excerpt
    monkeypatch.setattr(template_lexer, "excerpt", lambda text, start: looked.append(start) or shown(text, start))
    (problem,) = problems(piece * (4_000 // len(piece)))
    assert problem.line == 1 and len(looked) <= 2 and len(problem.what) <= 60
    assert tokens_of(piece * 3_000)[MAX_PARTS * 3 :] == []


def hostile(seed: int) -> Iterator[str]:
    chosen = random.Random(seed)
    for size in (5, 60, 900):
        yield "".join(chosen.choice(PIECES) for _ in range(size))
    for piece in PIECES:
        long = piece * (4_000 // len(piece))
        yield from (long, "{{ " + long + " }}", "{% if " + long + " %}x{% endif %}", ("{{ a " + piece + " }}") * 400)


@pytest.mark.parametrize("seed", range(2))
def test_any_text_is_filled_or_refused_in_our_words(seed: int) -> None:
    known = set[str]()
    for text in hostile(seed):
        assert len(tokens_of(text)) <= MAX_PARTS * 3 + 1
        for problem in problems(text):
            said = describe_problem(problem, "ru")
            known.add(said)
            assert said.startswith("Строка ") and "expected" not in said and "token" not in said
        variables(text)
        for work in (render, render_body):
            try:
                work(text, FACTS)
            except Invalid as error:
                assert lookup("ru", error.sentence) != error.sentence, error.sentence
    assert len(known) > 5


@pytest.mark.parametrize(
    ("text", "sentence", "what", "line"),
    [
        ("a\n\n{{ contact.name", "“{what}” isn’t closed.", "{{ contact.name", 3),
        ("{{ contact.name }} {% if a", "“{what}” isn’t closed.", "{% if a", 1),
        ("{% if a %}\n{% case b %}{% endif %}", "“{what}” doesn’t belong here.", "{% endif %}", 2),
        ("x {% endif %}", "“{what}” doesn’t belong here.", "{% endif %}", 1),
        ("{% if a %}{% when 1 %}{% endif %}", "“{what}” doesn’t belong here.", "{% when 1 %}", 1),
        ("{% fro x in y %}", "Unknown tag {what}.", "fro", 1),
        ("{%  %}", "Unknown tag {what}.", "{% %}", 1),
        ("{{ contact.name | default: 'you }}", "A quotation mark isn’t closed in “{what}”.", None, 1),
        ("{{ contact.name | default: “you” }}", "“{what}” isn’t allowed here.", "“", 1),
        ("{{ 7*7 }}", "“{what}” isn’t allowed here.", "*", 1),
        ("\n{{ a ++ b }}", "“{what}” isn’t allowed here.", "+", 2),
        ("{{ a | | b }}", "“{what}” isn’t valid. Check names, quotation marks and symbols.", "{{ a | | b }}", 1),
        ("\n{% if %}x{% endif %}", "“{what}” isn’t valid. Check names, quotation marks and symbols.", None, 2),
        ("{{ " + "1" * 4_000 + " }}", "The number {what} is too long.", "1" * 15 + "…", 1),
        ("{{ a" + " | upcase" * 21 + " }}", "“{what}” is too complex. Split it into several parts.", None, 1),
        ("{% comment %}{% comment %}x{% endcomment %}", "“{what}” has no end tag.", "{% comment %}", 1),
    ],
)
def test_each_mistake_has_its_sentence_and_place(text: str, sentence: str, what: str | None, line: int) -> None:
    (problem,) = problems(text)
    assert (problem.sentence, problem.line) == (sentence, line)
    assert what is None or problem.what == what
    with pytest.raises(Invalid) as refused:
        render(text, FACTS)
    assert refused.value.sentence == sentence


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("a {{- contact.phone -}} b", "ab"),
        ("a\n{%- if lead.budget > 1 -%}\n b \n{%- endif %} c", "ab c"),
        ("{% comment %} {{ x }} {% comment %}{% endcomment %} {% nope %} {% endcomment %}z", "z"),
        ("{% # note %}z{{ '}' }}", "z}"),
        ("{{ lead.budget\xa0| plus: 1 }}", "1501"),
        ("{ {a} } %} }}", "{ {a} } %} }}"),
        ("{{ 'ещё' | json }} {{ '<b>' | escape }} {{ '<b>' | escape | escape }}", '"ещё" &lt;b&gt; &lt;b&gt;'),
        ("{% case 1 %}{% when 1, 1, 1 %}once{% endcase %}", "once"),
    ],
)
def test_what_is_right_is_read_as_before(text: str, filled: str) -> None:
    assert render(text, FACTS) == filled


def test_branches_are_written_once_however_often_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library writes a branch once for each of its values: within each other without end, and with no output."""
    written: list[int] = []
    given = text_templates._AnyOf.evaluate
    monkeypatch.setattr(
        text_templates._AnyOf, "evaluate", lambda self, context: written.append(1) or given(self, context)
    )
    nested = "".join("{% case 1 %}{% when " + ",".join("1" * 40) + " %}" for _ in range(10)) + "{% endcase %}" * 10
    assert problems(nested) == [] and render(nested, FACTS) == "" and len(written) == 10


@pytest.mark.parametrize(
    "text",
    [
        "{{ message.text" + " | append: message.text" * 20 + " }}",
        "{{ message.text | upcase | size }}" * 200,
        "{{ 'aaaaaaaaaa'" + " | replace: 'a', 'aaaaaaaaaa'" * 9 + " | size }}",
        "{{ 99999999999999" + " | times: 99999999999999" * 10 + " }}",
        "{{ message.text }}" * 10,
        "{{ message.text | replace: 'ы', 'ыыыыыы' | size }}",
        "{{ 'x' | append: message.text | append: message.text | append: message.text | append: message.text"
        " | append: message.text | append: message.text | size }}",
    ],
)
def test_growth_is_stopped_by_counting(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    contexts: list[object] = []
    spend = template_filters._count_characters
    monkeypatch.setattr(
        template_filters, "_count_characters", lambda context, *more: contexts.append(context) or spend(context, *more)
    )
    with pytest.raises(Invalid) as refused:
        render(text, FACTS)
    assert refused.value.sentence == "The text gets too long when variables are filled in."
    for context in contexts:
        assert context.tag_namespace["work"] <= template_filters.MAX_CHARACTERS + 5 * MAX_OUTPUT_LENGTH  # type: ignore[attr-defined]


def test_limits_are_wide_enough_for_real_texts() -> None:
    longest = "Здравствуйте, {{ contact.name | default: 'друг' }}! " * 150
    assert len(longest) < MAX_SOURCE_LENGTH and problems(longest) == []
    many = "{% if " + " or ".join(f"lead.stage == 'Этап {n}'" for n in range(40)) + " %}да{% endif %}"
    assert problems(many) == [] and render(many, FACTS) == ""
    assert MAX_WORDS >= 2_000


def test_a_date_is_no_way_out() -> None:
    assert render("{{ message.text | date: '%Y' | size }}", FACTS) == str(MAX_OUTPUT_LENGTH)
    for wrong in ("{{ now | date: '" + "%Y" * 40 + "' }}", "{{ 999999999999999 | date: '%Y' }}"):
        assert problems(wrong) == []
        try:
            assert len(render(wrong, FACTS)) < 100
        except Invalid as error:
            assert error.sentence == "“{what}” can’t be filled in with these values."
