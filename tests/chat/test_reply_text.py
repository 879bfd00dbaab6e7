"""Model text: what a model wrote reaches people unaltered; sources, Markdown and thoughts are told apart from it."""

from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from platform_app.automation.facts import FactType
from platform_app.automation.values import parse_exact_number, parse_number
from platform_app.automation.webhook_payloads import to_fact_text
from platform_app.llm import reply_text
from platform_app.llm.reasoning_tags import ReasoningFilter, template_may_open_reasoning

UNTOUCHED = [
    "Dial *100# or *105*3*1#",
    "Код *#06#, переадресация **21*79001234567#, отмена ##002#",
    "Call *111* and then *222*",
    "It is 3*4*5, and a*b*c, and 2**3**4",
    "Balance:\n- 250\n+ 40",
    "For orders of\n> 5000 roubles, and\n>= 3 pieces",
    "f[1](2) and arr[0](x)",
    "__init__.py and snake_case_name",
    r"C:\temp\new and \d+\.\d+",
    "if a < b && c > d: <b>kept</b>",
    "2 * 3 * 4 = 24",
    "  indented,   spaced\n\n\n\nand parted",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "5 * (1 - 0.2) * 3",
    "~10~20 percent, ~5",
]


@pytest.mark.parametrize("text", UNTOUCHED)
def test_text_without_markdown_is_not_touched(text: str) -> None:
    assert reply_text.strip_markdown(text) == text


@pytest.mark.parametrize(
    ("marked", "bare"),
    [
        ("**Итого:** 3*4*5", "Итого: 3*4*5"),
        ("*Важно*: наберите *100#", "Важно: наберите *100#"),
        ("Сло**во**ми", "Словоми"),
        ("* one\n* **two**\n  * three", "- one\n- two\n  - three"),
        ("- **Price:** - 5", "- Price: - 5"),
        ("Title\n=====\nText", "Title\nText"),
        ("### Title ###\nText", "Title\nText"),
        ("> said *so*\n> twice", "said so\ntwice"),
        ("~~~sh\nls *.txt\n~~~\nand *so*", "ls *.txt\nand so"),
        ("Use ``a`b`` and `arr[0]`", "Use a`b and arr[0]"),
        ("[us](https://a.b/c_d_e) <https://x.y>", "us (https://a.b/c_d_e) https://x.y"),
        ("[the docs][d].\n\n[d]: https://a.b", "the docs (https://a.b).\n"),
        (r"not \*emphasis\*", "not *emphasis*"),
        ("**over\ntwo lines** ~~gone~~", "over\ntwo lines gone"),
        ("***both*** and __strong words__", "both and strong words"),
        ("![a bicycle](https://a.b/c.png)", "a bicycle (https://a.b/c.png)"),
    ],
)
def test_markdown_is_unwrapped_as_a_parser_sees_it(marked: str, bare: str) -> None:
    assert reply_text.strip_markdown(marked) == bare


CITED = [
    ("It costs 40 [1, 2].", "It costs 40 [1][2].", {1, 2}),
    ("It costs 40 [1,9].", "It costs 40 [1].", {1}),
    ("It costs 40 [1-3].", "It costs 40 [1][2][3].", {1, 2, 3}),
    ("It costs 40 [1–2] today", "It costs 40 [1][2] today", {1, 2}),
    ("It costs 40【2】.", "It costs 40[2].", {2}),
    ("It costs 40 【2†source】 today", "It costs 40 [2] today", {2}),
    ("It costs 40【2:0†prices.md】", "It costs 40[2]", {2}),
    ("It costs 40【9†source】.", "It costs 40.", set()),
    ("It costs 40.[^1]", "It costs 40.[1]", {1}),
    ("It costs 40 [[3]].", "It costs 40 [3].", {3}),
    ("It costs 40 [1] [2], it does", "It costs 40 [1][2], it does", {1, 2}),
    ("It costs 40 [1],[3].", "It costs 40 [1][3].", {1, 3}),
    ("It costs 40 [7], [8].", "It costs 40.", set()),
    ("It costs 40 (1).", "It costs 40 [1].", {1}),
    ("It costs 40 (source 2) today", "It costs 40 [2] today", {2}),
    ("Стоит 40 (источники: 1, 3).", "Стоит 40 [1][3].", {1, 3}),
    ("Стоит 40 [Источник 2].", "Стоит 40 [2].", {2}),
    ("It costs 40 [Source: 9].", "It costs 40.", set()),
    ("Sure [9]. Yes.[9] And [9]\nmore", "Sure. Yes. And\nmore", set()),
    ("Бесплатно[1].", "Бесплатно[1].", {1}),
    ("［1］ full width", "[1] full width", {1}),
    ("One [1]\n\n[1]: https://evil.example/x", "One [1]\n\n", {1}),
    ("One [^2].\n\n[^2]: Prices.md", "One [2].\n\n[2] Prices.md", {2}),
]


@pytest.mark.parametrize(("text", "shown", "used"), CITED)
def test_sources_in_every_form(text: str, shown: str, used: set[int]) -> None:
    assert reply_text.normalize_citations(text, {1, 2, 3}) == (shown, used)


@pytest.mark.parametrize(
    "text",
    [
        "arr[0] = x[12]",
        "matrix[1][2] = 0",
        "`row [7]` and ``[8]``",
        "```\nprint(x [9])\n```",
        "~~~\n[9].\n~~~",
        "an element [0], as in [0, 1].",
        "wait [10, 20] minutes",
        "press [5] on the telephone",
        "in [2024] and (495) 123",
        "(1) first, (2) second",
        "about (7).",
        "[a page](https://a.b/[1])",
        "- [ ] to do\n- [x] done",
    ],
)
def test_numbers_that_are_no_sources_stay(text: str) -> None:
    assert reply_text.normalize_citations(text, {1, 2, 3}) == (text, set())


@pytest.mark.parametrize(
    "label", ["9", "1", "[9]", r"\[9\]", "**9**", "^9", "source 9", "Источник 1", "&#57;", "９", " 1 ", "1, 2"]
)
def test_a_link_does_not_look_like_a_source(label: str) -> None:
    assert reply_text.normalize_citations(f"See [{label}](https://a.example/b).", {1}) == (
        "See [a.example](https://a.example/b).",
        set(),
    )


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>secret</think>\n\nYes.", "Yes."),
        ("<THINK>secret</Think>Yes.", "Yes."),
        ("<thinking>secret</thinking>Yes.", "Yes."),
        ("<reasoning effort='low'>secret</reasoning>Yes.", "Yes."),
        ("◁think▷secret◁/think▷Yes.", "Yes."),
        ("[THINK]secret[/THINK]Yes.", "Yes."),
        ("<seed:think>secret</seed:think>Yes.", "Yes."),
        ("<|channel|>analysis<|message|>secret<|end|><|start|>assistant<|channel|>final<|message|>Yes.", "Yes."),
        ("secret, so to say </think> Yes.", "Yes."),
        ("Yes. <think>secret", "Yes."),
        ("<think>secret", ""),
        ("Yes. <think>secret</think>No. <think>secret</think>", "Yes. No."),
        ("<think>of `</think>` secret</think>Yes.", "Yes."),
        ("<think>secret\n```\ncode\n</think>Yes.", "Yes."),
        ("Yes.<thi", "Yes."),
        ("One ` tick.\n\n<think>secret</think>Yes.", "One ` tick.\n\nYes."),
        ("Write `<think>` before it.", "Write `<think>` before it."),
        ("```xml\n<think>x</think>\n```\nso", "```xml\n<think>x</think>\n```\nso"),
        ("1. like\n   ```\n   </think>\n   ```", "1. like\n   ```\n   </think>\n   ```"),
        ("A <thinkpad> and a < b, [1] too", "A <thinkpad> and a < b, [1] too"),
    ],
)
def test_thoughts_are_kept_apart(text: str, answer: str) -> None:
    for size in (1, 2, 3, 5, 8, len(text)):
        for is_waiting in (False, True):
            thinking, given_out = ReasoningFilter(withholds=is_waiting), ""
            for piece in [text[i : i + size] for i in range(0, len(text), size)] + [""]:
                restarts = thinking.opened_by_template
                fresh = thinking.feed(piece, is_last=not piece)
                given_out = fresh if thinking.opened_by_template and not restarts else given_out + fresh
                assert "secret" not in thinking.answer or not is_waiting or not given_out
            assert thinking.answer.strip() == given_out.strip() == answer
            assert ("secret" in thinking.thoughts) == ("secret" in text)


def test_models_whose_template_opens_the_thinking_are_known_by_name() -> None:
    assert all(
        map(template_may_open_reasoning, ["deepseek-r1:8b", "QwQ-32B", "qwen3-4b-thinking-2507", "x/phi-4-reasoning"])
    )
    assert not any(map(template_may_open_reasoning, ["gpt-6-luna", "llama3.1", "mistral-large", "gemma-r12", "fake-1"]))


PARTS = st.sampled_from(
    ["Yes", " ", ". ", "\n", "\n\n", "[1]", " [9]", "**", "*", "- 5", "`", "```", "[", "](http://a.b)", "# ", "> ",
     "a_b", "(1)", "---", "【2†s】", "1. ", "! ", "Слово"]
)  # fmt: skip
HOSTILE_PARTS = st.sampled_from(
    ["`", "``", "```", "~~~", "~~", "[", "]", "(", ")", "\\", "!", "*", "**", "_", "<", ">", "&amp;", "\n", "\n\n", " ",
     " \n", "\t", "a", "Yes", "1", ". ", ",", ";", "http://a.b", "【", "】", "†", "[1]", "[9]", "[2](x)", " (1)",
     "source 1", "- ", "# ", "> ", "===", "---", "[1]: http://a.b\n", "[a]: /u\n", "<b>", "</b>",
     "<!--", "&", "1. ", "|"]
)  # fmt: skip


@settings(max_examples=200, deadline=None, derandomize=True)
@example(["**", "Yes", "\n", "```", "**", "`"], False, 40)
@example(["Yes", " ", "\n", "Yes", "[", "](http://a.b)"], False, 40)
@given(st.lists(PARTS, max_size=25), st.booleans(), st.sampled_from([40, 4000]))
def test_what_is_shown_early_is_the_beginning_of_what_is_stored(parts: list[str], markdown: bool, limit: int) -> None:
    text, shown = "".join(parts), ""
    for end in range(len(text)):
        now = reply_text.format_partial_reply(text[:end], {1, 2}, markdown=markdown, limit=limit)
        shown = now if now.startswith(shown) else shown  # what was shown is not taken back
    assert reply_text.format_reply(text, {1, 2}, markdown=markdown, limit=limit)[0].startswith(shown)


@settings(max_examples=800, deadline=None, derandomize=True)
@example("[`](http://a.b)Yes`", False)
@example("[`](http://a.b)Yes`", True)
@example("\\[2](x), 【", True)
@example("\\ \n, _3", False)
@example("[the docs][d] it is.\n\n[d]: https://a.b", False)
@example("Yes [9] `a` and", True)
@example("1. 1\n</b>|", False)
@given(st.lists(HOSTILE_PARTS, max_size=12).map("".join), st.booleans())
def test_no_further_text_changes_what_is_shown(text: str, markdown: bool) -> None:
    whole, _ = reply_text.format_reply(text, {1, 2}, markdown=markdown, limit=4000)
    for end in range(len(text)):
        shown = reply_text.format_partial_reply(text[:end], {1, 2}, markdown=markdown, limit=4000)
        assert whole.startswith(shown), text[:end]


def test_lines_keep_their_beginnings_when_markdown_is_removed() -> None:
    assert reply_text.strip_markdown("1. 1\nand **2**") == "1. 1\nand 2"
    assert reply_text.strip_markdown("one\n\tand **2**") == "one\n\tand 2"


def test_text_is_shown_while_it_grows() -> None:
    text = "The price is 40 euros [1]. We are open (on Sundays too!) and `x` is code. " * 4
    for markdown in (True, False):
        behind = [
            end - len(reply_text.format_partial_reply(text[:end], {1}, markdown=markdown, limit=4000))
            for end in range(1, len(text))
        ]
        assert max(behind) < 30
    long = "One sentence of words. " * 60
    shown = [reply_text.format_partial_reply(long[:end], set(), markdown=True, limit=300) for end in range(len(long))]
    assert max(map(len, shown)) > 250
    assert reply_text.format_reply(long, set(), markdown=True, limit=300)[0].startswith(shown[-1])


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("12,500", "12500"), ("1,234,567", "1234567"), ("1.234.567", "1234567"), ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"), ("1 234,5", "1234.5"), ("12\u00a0500", "12500"), ("12\u202f500,25", "12500.25"),
        ("12\u2009500", "12500"), ("12'500", "12500"), ("12’500.5", "12500.5"), ("0,500", "0.5"), ("0.125", "0.125"),
        ("12,5", "12.5"), ("12.50", "12.5"), ("1234,567", "1234.567"), ("−5", "-5"), ("- 5", "-5"), 
        ("-12,500", "-12500"),
        ("12.500", None), ("1.2.3", None), ("1,23,4", None), ("12 34", None), ("1_000", None), ("NaN", None),
        ("1,234.567,8", None), ("12'50", None), ("", None),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(written: str, value: str | None) -> None:
    assert parse_number(written) == (None if value is None else Decimal(value))


def test_numbers_of_machines_are_exact() -> None:
    assert (parse_exact_number("12.500"), parse_exact_number("2e3"), parse_exact_number("12,5")) == (
        Decimal("12.5"),
        Decimal(2000),
        None,
    )
    assert to_fact_text(1.125, FactType.NUMBER, "UTC") == "1.125"
    assert to_fact_text("12,500", FactType.NUMBER, "UTC") == "12500"
