"""Likeness: objections are known by examples, twice as often as by the beginnings of words, and other talk is not."""

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from platform_app.automation import similarity
from platform_app.text.stemming import STOP, stems, words

Closest = Callable[[str, Iterable[object]], tuple[str, float]]


@dataclass
class Found:
    """What came of a set of objections: shares of what was said, and how often something was wrongly chosen."""

    known: float  # the examples of its kind are like it
    astray: int  # examples of another kind are
    false: int  # other talk that is taken for an objection


def told(language: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parents[1] / "objections" / f"{language}.toml").read_text(encoding="utf-8"))


def measured(language: str, closest: Closest, like: float) -> Found:
    data = told(language)
    kinds: dict[str, list[str]] = {kind["name"]: kind["examples"] for kind in data["kinds"]}

    def chosen(said: str) -> set[str]:
        return {name for name, examples in kinds.items() if closest(said, examples)[1] >= like}

    said = [(kind["name"], chosen(text)) for kind in data["kinds"] for text in kind["said"]]
    known = sum(name in found for name, found in said) / len(said)
    astray = sum(len(found - {name}) for name, found in said)
    return Found(known, astray, sum(bool(chosen(text)) for text in data["other"]))


def by_beginnings(said: str, examples: Iterable[object]) -> tuple[str, float]:
    """The measure before: the share of an example's words of which what is said has the first five letters."""

    def beginnings(text: str) -> set[str]:
        found = [(word[:5], stem) for word, stem in zip(words(text), stems(text), strict=True)]
        return {word for word, stem in found if stem not in STOP} or {word for word, _ in found}

    heard = beginnings(said)
    return max(
        ((str(one), len(beginnings(str(one)) & heard) / len(beginnings(str(one)))) for one in examples),
        key=lambda x: x[1],
    )


@pytest.mark.parametrize("language", ["ru", "en"])
def test_objections_are_told_from_each_other_and_from_other_talk(language: str) -> None:
    before, after = (
        measured(language, by_beginnings, 0.6),
        measured(language, similarity.most_similar, similarity.THRESHOLD),
    )
    assert len(told(language)["kinds"]) >= 12
    assert after.known >= 0.6 and after.known >= before.known + 0.2, (before, after)
    assert after.astray <= 12 and after.false <= 1, after


@pytest.mark.parametrize(
    ("said", "example"),
    [
        ("дороговато у вас", "Это слишком дорого"),
        ("ЭТО СЛИШКОМ ДОРОГО, я лучше поищу ещё где-нибудь, спасибо за ответ", "Это слишком дорого"),
        ("Надо бы обдумать", "Мне надо подумать"),
        ("too expensiv", "That is too expensive"),
        ("Competitor has it cheaper", "Your competitors are cheaper"),
    ],
)
def test_form_length_and_slips_do_not_hide_it(said: str, example: str) -> None:
    assert similarity.most_similar(said, [example]) == (example, pytest.approx(1, abs=1 - similarity.THRESHOLD))


@pytest.mark.parametrize("said", ["", "   ", "!!!", "да", "мне это", "\x00", "Здравствуйте, какой у вас адрес?"])
def test_what_says_nothing_is_like_nothing(said: str) -> None:
    assert similarity.most_similar(said, ["Это слишком дорого", "", "У конкурентов дешевле"])[1] < similarity.THRESHOLD
    assert similarity.most_similar(said, []) == ("", 0.0)
