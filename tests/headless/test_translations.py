"""Words: whatever a page can show by itself, or from a table of labels, it can say in Russian."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from enum import Enum
from types import ModuleType

import pytest

import platform_app
from platform_app.components.console import text
from platform_app.i18n import lookup
from platform_app.pages.registry import every_page
from tests.test_house_rules import russian


def test_every_sentence_of_every_page_is_known_in_russian(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()

    def listen(language: str, msgid: str) -> str:
        asked.add(msgid)
        return lookup(language, msgid)

    monkeypatch.setattr(text, "lookup", listen)
    for page in every_page():
        page.show()
    assert len(asked) > 500
    assert {msgid for msgid in asked if lookup("en", msgid) not in russian() and msgid not in russian()} == set()


SHOWN = ("automation", "channels", "engine", "integrations", "models", "services", "state")
NAMES = {"Kommo", "Telegram", "Authorization"}  # the same in every language
TO_MODELS = {"Answer with the word OK.", "Nothing was found."}
SENTENCE = re.compile(r"[A-Z][a-z’]+( [a-z(“{]|$)|[A-Z]\w+ \w+ \w+")


def labels(module: ModuleType) -> Iterator[str]:
    """Yield the values of a module's enumerations and tables that look like words for people."""
    for table in vars(module).values():
        if isinstance(table, type) and issubclass(table, Enum):
            yield from (member.value for member in table if isinstance(member.value, str))
        elif isinstance(table, dict):
            yield from (words for words in table.values() if isinstance(words, str))


def test_labels_that_stand_in_tables_are_known_in_russian() -> None:
    names = [name for _, name, _ in pkgutil.walk_packages(platform_app.__path__, "platform_app.")]
    shown = [name for name in names if name.split(".")[1] in SHOWN]
    asked = {words for name in shown for words in labels(importlib.import_module(name)) if SENTENCE.match(words)}
    assert len(asked) > 300
    assert {words for words in asked - NAMES - TO_MODELS if lookup("ru", words) == words} == set()
