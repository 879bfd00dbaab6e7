"""Likeness: objections are known by examples, twice as often as by the beginnings of words, and other talk is not."""

import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from platform_app.automation import similarity
from platform_app.automation.negation import contradicts
from platform_app.llm import sentence_encoder
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


def by_words(said: str, examples: Iterable[object]) -> tuple[str, float]:
    """The measure of today where nothing knows meaning."""
    match = similarity.best_match(said, examples)
    return match.example, match.score


@pytest.mark.parametrize("language", ["ru", "en"])
def test_objections_are_told_from_each_other_and_from_other_talk(language: str) -> None:
    before, after = (
        measured(language, by_beginnings, 0.6),
        measured(language, by_words, similarity.THRESHOLD),
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
    assert by_words(said, [example]) == (example, pytest.approx(1, abs=1 - similarity.THRESHOLD))


@pytest.mark.parametrize("said", ["", "   ", "!!!", "да", "мне это", "\x00", "Здравствуйте, какой у вас адрес?"])
def test_what_says_nothing_is_like_nothing(said: str) -> None:
    assert by_words(said, ["Это слишком дорого", "", "У конкурентов дешевле"])[1] < similarity.THRESHOLD
    assert by_words(said, []) == ("", 0.0)


def by_meaning(texts: Sequence[str]) -> "np.ndarray[Any, Any]":
    return np.asarray([vector(text) for text in texts])


@cache
def vector(text: str) -> "np.ndarray[Any, Any]":
    return sentence_encoder.encode([text])[0]


def own_words(language: str) -> tuple[float, float, int]:
    """Return the shares of objections in customers' own words that are known, and of the right kind; false alarms."""
    own = tomllib.loads((Path(__file__).parents[1] / "objections" / f"own_{language}.toml").read_text(encoding="utf-8"))
    kinds = {kind["name"]: kind["examples"] for kind in told(language)["kinds"]}

    def closest(said: str) -> str:
        matches = {name: similarity.best_match(said, examples) for name, examples in kinds.items()}
        like = {name: match.score for name, match in matches.items() if match.is_like}
        return max(like, key=lambda name: like[name]) if like else ""

    chosen = [(name, closest(text)) for name, texts in own["said"].items() for text in texts]
    assert (len(chosen), len(own["other"])) == (30, 20)
    known = sum(bool(choice) for _, choice in chosen) / len(chosen)
    right = sum(name == choice for name, choice in chosen) / len(chosen)
    return known, right, sum(bool(closest(text)) for text in own["other"])


def further(language: str) -> tuple[float, int]:
    """Return the share of further objections that are known, and the false alarms among twenty other phrases."""
    phrases, kinds = told("further")[language], [kind["examples"] for kind in told(language)["kinds"]]
    like = {
        text: any(similarity.best_match(text, examples).is_like for examples in kinds)
        for text in (*phrases["said"], *phrases["other"])
    }
    assert (len(phrases["said"]), len(phrases["other"])) == (24, 20)
    return sum(like[text] for text in phrases["said"]) / 24, sum(like[text] for text in phrases["other"])


def test_objections_in_own_words_are_known_by_their_meaning() -> None:
    before = [own_words(language) for language in ("ru", "en")]
    with similarity.understanding(by_meaning):
        after = [own_words(language) for language in ("ru", "en")]
        more = [further(language) for language in ("ru", "en")]
    assert all(known <= 0.2 for known, _, _ in before), before
    assert all(known >= 0.8 and right >= 0.65 and false <= 5 for known, right, false in after), after
    assert all(known >= 0.75 and false <= 3 for known, false in more), more


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Good quality, too pricey", "expensive"),
        ("The bike is great but it's too expensive", "expensive"),
        ("Nice, but I need to ask my husband", "ask somebody"),
        ("I like it, though the delivery takes too long", "wait"),
        ("The bike is great and the price is good", ""),
    ],
)
def test_something_favorable_hides_no_objection_beside_it(said: str, kind: str) -> None:
    kinds = {kind["name"]: kind["examples"] for kind in told("en")["kinds"]}
    with similarity.understanding(by_meaning):
        matches = {name: similarity.best_match(said, examples) for name, examples in kinds.items()}
    like = {name: match.score for name, match in matches.items() if match.is_like}
    assert max(like, key=lambda name: like[name], default="") == kind


@pytest.mark.parametrize(
    ("said", "example", "is_denied"),
    [
        ("Это совсем не дорого", "Это слишком дорого", True),
        ("Не думаю, что это дорого", "Это слишком дорого", True),
        ("Это несложно", "Слишком сложно", True),
        ("It isn't expensive at all", "That is too expensive", True),
        ("I trust you completely", "I do not trust you", True),
        ("Isn't that too expensive?", "That is too expensive", False),
        ("We haven't decided yet", "I have not decided yet", False),
        ("Мы пока не решили", "Пока не решил", False),
        ("Не ожидал, что будет так дорого", "Это слишком дорого", False),
        ("", "Это слишком дорого", False),
    ],
)
def test_a_message_that_denies_an_example_is_not_like_it(said: str, example: str, is_denied: bool) -> None:
    assert contradicts(said, example) is is_denied
    if is_denied:
        assert not similarity.best_match(said, [example]).is_like
