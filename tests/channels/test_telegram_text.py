"""Telegram text: any Markdown becomes HTML that Telegram takes, and any text parts that fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_app.channels.message_parts import length, split_text
from platform_app.channels.telegram_html import to_html
from tests.fakes.telegram import TelegramHtml


def plain(html: str) -> str:
    """Return the text that a customer sees; refuses what Telegram would refuse."""
    read = TelegramHtml()
    read.feed(html)
    read.close()
    assert read.open == []
    return read.text


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("**bold** and *italic* ~~gone~~", "<b>bold</b> and <i>italic</i> <s>gone</s>"),
        ("# Prices\nfrom 5 < 6 & more", "<b>Prices</b>\n\nfrom 5 &lt; 6 &amp; more"),
        ("- one\n- two\n  1. three", "• one\n• two\n  1. three"),
        ('[site](https://a.example/?b=1&c="2")', '<a href="https://a.example/?b=1&amp;c=%222%22">site</a>'),
        ("[bad](javascript:alert(1)) <b>raw</b>", "[bad](javascript:alert(1)) &lt;b&gt;raw&lt;/b&gt;"),
        ("```py\na < b\n```", "<pre>a &lt; b</pre>"),
        ("> quoted\n>> twice", "<blockquote>quoted\n\ntwice</blockquote>"),
    ],
)
def test_markdown_as_telegram_shows_it(markdown: str, html: str) -> None:
    assert to_html(markdown) == html


@given(st.text(alphabet="ab *_~`#>[]()<&|-+1.\n\\🐈", max_size=60))
def test_any_markdown_is_taken(text: str) -> None:
    plain(to_html(text))


@given(st.text(alphabet="aб .!?\n🐈`", max_size=300), st.integers(60, 90))
def test_parts_fit_and_lose_no_word(text: str, limit: int) -> None:
    parts = split_text(text, limit)
    assert all(0 < length(part) <= limit for part in parts)
    assert "".join("".join(parts).replace("`", "").split()) == "".join(text.replace("`", "").split())


def test_a_code_block_that_is_cut_goes_on_as_one() -> None:
    parts = split_text("```py\n" + "x = 1\n" * 100 + "```\nEnd.", 200)
    assert len(parts) > 3 and all(part.count("```") == 2 for part in parts)
