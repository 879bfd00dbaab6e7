"""Unsent text: what cannot be stored stays in the field, and the page says why."""

import sqlite3
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from platform_app.models.person import Identity
from platform_app.services.chat import conversations
from platform_app.state.chat.test_chat import TestChatState
from tests.headless.harness import Tab, sign_in
from tests.headless.test_rule_pages import seen
from tests.talking import add_agent


def full(*given: Any, **named: Any) -> Any:
    raised = sqlite3.OperationalError("database or disk is full")
    raised.sqlite_errorcode = sqlite3.SQLITE_FULL
    raise OperationalError("INSERT", {}, raised)


@pytest.mark.parametrize(
    ("fault", "words"),
    [(full, "Nothing was saved because the disk is full."), (lambda *a: 1 // 0, "Something went wrong")],
)
async def test_a_message_that_cannot_be_stored_is_said_and_not_counted(
    who: Identity, monkeypatch: pytest.MonkeyPatch, fault: Any, words: str
) -> None:
    add_agent(who)
    async with Tab(sign_in(who)) as tab:
        await tab.goto("/manage/acme/test-chat", settle=False)
        await tab.until(lambda: seen(tab, TestChatState, "agents"))
        with monkeypatch.context() as broken:
            broken.setattr(conversations, "receive", fault)
            await tab.send(TestChatState.send({"text": "hello"}), settle=False)
            await tab.until(lambda: tab.get(TestChatState, "failed_count") == 1)
        await tab.until(lambda: words in tab.scripts())
        assert tab.get(TestChatState, "sent_count") == 0 and tab.get(TestChatState, "current") == ""
        await tab.send(TestChatState.send({"text": "hello"}), settle=False)
        await tab.until(lambda: tab.get(TestChatState, "sent_count") == 1)
        await tab.until(lambda: tab.get(TestChatState, "last_sent") == "hello")
