"""Words: every sentence of the console keeps the glossary and the patterns of docs/words.md."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from platform_app import i18n
from platform_app.automation import rule_templates
from platform_app.automation.facts import catalogue
from platform_app.automation.rules import parse_rule
from platform_app.automation.sequence_templates import TEMPLATES as SEQUENCES
from platform_app.engine.actions import actions
from platform_app.state.rules.proof_view import ViewContext
from platform_app.state.rules.rule_words import CLAUSES, TRIGGERS, describe_action, describe_rule

LOCALES = Path(i18n.__file__).parent / "locales"
COMMAND_LINE = ("launcher.po",)  # speaks to those who run the platform
ENGLISH = {
    r"there is no such|there are no such|there can be": "“X not found.”, “You can add up to …”",
    r"can(no|’)t be taken|was not taken|were not taken": "isn’t allowed, was rejected",
    r"somebody|anew|meanwhile|for good|brought back|one a line": "plain English",
    r"of yours\b|whoever|by itself|all the while": "plain English",
    r"\be-mail": "email",
    r"\btenant": "company",
    r"colour|recognis|organis|behaviour|favourite|cancelled|per cent\b|licence|centre": "American spelling",
    r"switch(ed)? (it |the \w+ )?(on|off)": "turn on, turn off",
    r"held back|kept back": "held",
    r"successfully|please|!$|! ": "no politeness, no exclamation mark",
    r"(?<=[a-z])'(?=[a-z])": "a curly apostrophe",
    r"recent updates|dead letter": "activity, out of retries",
    r"\bmake (an|a|one|your first)\b": "create",
}
RUSSIAN = {
    r"разговор": "диалог",
    r"(?<!за)(?<!от)\bметк": "тег",
    r"последовательност": "цепочка",
    r"организаци": "компания",
    r"участник(?!(а|и|ов|ам)? цепоч)": "сотрудник, участник цепочки",
    r"безнад[её]жн": "исчерпаны попытки",
    r"\b(спроси|напиши|поздоровайся|ты|тебе|твой)\b": "вы",
    r"\bтакого .* нет\b|\bтакой .* нет\b": "«X не найден»",
    r"\(а\)|\(ла\)": "no gender in brackets",
    r"!$|! ": "no exclamation mark",
}


def messages() -> Iterator[tuple[str, list[str], list[str]]]:
    """Return the file, the English forms and the Russian forms of every message."""
    for path in sorted((LOCALES / "ru").glob("*.po")):
        if path.name in COMMAND_LINE:
            continue
        with path.open("rb") as file:
            for message in read_po(file, locale="ru"):
                if message.id:
                    english = [message.id] if isinstance(message.id, str) else list(message.id)
                    russian = [message.string] if isinstance(message.string, str) else list(message.string)
                    yield path.name, english, russian


def broken(sentences: list[str], words: dict[str, str]) -> Iterator[str]:
    for sentence in sentences:
        for pattern, better in words.items():
            if re.search(pattern, re.sub(r"\{\w+\}", "", sentence), re.IGNORECASE):
                yield f"{sentence!r}: {better}"


def test_english_is_that_of_the_glossary() -> None:
    assert [f"{name}: {line}" for name, english, _ in messages() for line in broken(english, ENGLISH)] == []


def test_russian_is_that_of_the_glossary() -> None:
    assert [f"{name}: {line}" for name, _, russian in messages() for line in broken(russian, RUSSIAN)] == []


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("There is no such page.", ENGLISH),
        ("Your e-mail", ENGLISH),
        ("Somebody else changed this", ENGLISH),
        ("Разговор закрыт", RUSSIAN),
        ("Добавить метку", RUSSIAN),
        ("Такого агента нет.", RUSSIAN),
        ("Участники команды", RUSSIAN),
    ],
)
def test_what_breaks_the_glossary_is_named(sentence: str, words: dict[str, str]) -> None:
    assert list(broken([sentence], words))


def test_no_word_of_the_glossary_is_refused() -> None:
    for sentence in ("Участники цепочек", "Участник цепочки на паузе.", "Заметки", "Отметка времени"):
        assert not list(broken([sentence], RUSSIAN))


COUNTED = re.compile(r"(?<!up to )(?<!than )(?<!first )\{(count|days|hours|minutes|total)\} [a-z]{3,}s\b")


def test_a_count_before_a_noun_is_a_plural() -> None:
    assert [english[0] for _, english, _ in messages() if len(english) == 1 and COUNTED.search(english[0])] == []
    assert COUNTED.search("after {count} days") and not COUNTED.search("You can add up to {count} days.")


def sentences(language: str) -> Iterator[str]:
    """Return rules as sentences: the templates, and every trigger and action alone."""
    context = ViewContext(language, "UTC", catalogue())
    for name in rule_templates.TEMPLATES:
        yield describe_rule(parse_rule(rule_templates.draft(name, language)), context, {})
    for trigger in TRIGGERS:
        yield describe_rule(parse_rule({"trigger": trigger}), context, {})
    for kind in actions.ACTIONS:
        yield f"X {describe_action({'kind': kind}, language, {})}"


QUOTED = re.compile("“[^”]*”|«[^»]*»|[\\[][^\\]]*[\\]]")
CAPITAL = re.compile(r"(?<=[a-zа-яё,;:] )[A-ZА-ЯЁ][a-zа-яё]+")
NAMES = {"Telegram", "Kommo", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}


@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_capital_stands_within_a_sentence(language: str) -> None:
    plain = [QUOTED.sub("", sentence) for sentence in sentences(language)]
    assert [line for line in plain if set(CAPITAL.findall(line)) - NAMES] == []
    assert not [line for line in sentences(language) if "{{" in line or "{%" in line]


def test_every_trigger_is_a_clause_and_every_label_is_in_use() -> None:
    assert CLAUSES.keys() == TRIGGERS.keys() and SEQUENCES
    for words in CLAUSES.values():
        assert words[0].islower() and i18n.lookup("ru", words)[0].islower()


def test_a_quotation_within_a_quotation_has_inner_marks() -> None:
    assert i18n.quoted("en", "Call about “Bicycle”") == "“Call about ‘Bicycle’”"
    assert i18n.quoted("ru", "Позвонить: «Велосипед»") == "«Позвонить: „Велосипед“»"
    assert i18n.translate("ru", "Rule “{name}”", name="«А»") == "Правило «„А“»"


def test_meanings_are_shown_without_their_mark() -> None:
    marked = [
        english[0] for _, english, _ in messages() if re.search(r"\w\|\w+$", english[0]) and english[0].count("|") == 1
    ]
    assert marked and all(i18n.lookup("en", msgid) == msgid.partition("|")[0] for msgid in marked)


def test_sentences_that_were_stored_are_shown_as_they_are_called_now() -> None:
    with (LOCALES / "en" / "former.po").open("rb") as file:
        former = {str(message.id): str(message.string) for message in read_po(file) if message.id}
    known = {english[0] for _, english, _ in messages()}
    assert former and not former.keys() & known
    for old in former:
        assert i18n.lookup("ru", old) == i18n.lookup("ru", i18n.lookup("en", old)) != old
