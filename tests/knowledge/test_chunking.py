"""Chunks: pieces of a text that each say something by themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_app.rag.chunking import SIZE, cut


def test_a_short_text_is_one_piece() -> None:
    assert [piece.text for piece in cut("Free delivery from 3,000.")] == ["Free delivery from 3,000."]


def test_pieces_know_the_headings_they_stand_under() -> None:
    long = "Words of a sentence that says something. " * 20
    pieces = cut(f"# Shop\n\n{long}\n\n## Delivery\n\n{long}\n\n## Return\n\n{long}")
    assert {piece.heading for piece in pieces} == {"Shop", "Shop › Delivery", "Shop › Return"}


def test_a_heading_alone_is_no_piece() -> None:
    assert cut("# Only a heading") == []
    assert cut("") == [] and cut(" \n ") == []


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=400), max_size=12))
def test_nothing_is_lost_and_nothing_is_too_long(paragraphs: list[str]) -> None:
    text = "\n\n".join(f"w{number} {paragraph}" for number, paragraph in enumerate(paragraphs))
    pieces = cut(text)
    assert all(0 < len(piece.text) <= SIZE[1] for piece in pieces)
    found = " ".join(piece.text for piece in pieces)
    assert all(f"w{number}" in found for number in range(len(paragraphs)))


def test_pieces_of_a_long_text_overlap() -> None:
    text = " ".join(f"Sentence number {number} says something of its own." for number in range(200))
    pieces = cut(text)
    assert len(pieces) > 5
    shared = [set(a.text.split(". ")) & set(b.text.split(". ")) for a, b in zip(pieces, pieces[1:], strict=False)]
    assert sum(bool(part) for part in shared) >= len(shared) * 0.8


def test_what_only_begins_like_a_heading_is_cut_as_quickly() -> None:
    assert cut("# a" + " " * 300_000 + "b\n\nText") and cut("#" * 300_000) and cut("# " * 150_000 + "x")
    pieces = cut("".join(f"# Part {number}\n\nText {number}\n\n" for number in range(20_000)))
    assert pieces[-1].heading.startswith("Part 19") and "Text 19999" in pieces[-1].text


TABLE = "\n".join(f"| Model {number} | {number * 7} | yes |" for number in range(80))
HEAD = "| Model | Price | In stock |\n|:---|---:|---|"


@pytest.mark.parametrize(
    "text",
    [
        f"# Prices\n\n{HEAD}\n{TABLE}\n",
        f"{'Words before it. ' * 30}\n\n{HEAD}\n{TABLE}\n\n{'Words after it. ' * 30}",
        HEAD.replace("| ", "").replace(" |", "|", 1) + "\n" + TABLE.replace("\n| ", "\n"),
        "Filler says nothing much. " * 900 + f"\n\n{HEAD}\n{TABLE}",
    ],
)
def test_every_piece_of_a_table_has_its_head(text: str) -> None:
    pieces = cut(text)
    rows = [piece for piece in pieces if "| yes" in piece.text]
    assert len(rows) > 3 and all("Price" in piece.text and "In stock" in piece.text for piece in rows)
    assert all(sum(f"Model {number} |" in piece.text for piece in pieces) >= 1 for number in range(80))
    assert all(len(piece.text) <= SIZE[1] for piece in pieces)


def test_rows_that_are_longer_than_a_piece_are_cut() -> None:
    pieces = cut(f"{HEAD}\n| M | {'word ' * 700} | no |\n| N | 7 | yes |")
    assert (
        all(len(piece.text) <= SIZE[1] for piece in pieces) and sum(piece.text.count("word") for piece in pieces) > 680
    )


def test_a_long_text_is_cut_in_linear_time() -> None:
    text = "".join(f"Sentence {number} says something of its own.\n\n" for number in range(100_000))
    sizes = [len(piece.text) for piece in cut(text)]
    assert sum(sizes) > 4_000_000 and max(sizes) <= SIZE[1]
