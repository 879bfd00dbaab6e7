"""Words: whatever a page can show by itself, it can say in Russian."""

import pytest

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
