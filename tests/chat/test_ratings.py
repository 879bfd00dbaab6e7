"""Ratings: visitors rate a closed conversation; members see it in the inbox, and rules act on it."""

from typing import Any

import pytest

from platform_app.api.web_chat import visitor_routes
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity
from platform_app.services.chat import hand_off
from platform_app.state.inbox.contact_panel import ContactPanelState
from tests.headless.harness import Tab, sign_in
from tests.rules.test_rules import a_rule
from tests.talking import activities, call, run_jobs
from tests.visiting import a_chat, ask, message, rows, the_talk


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    """No reply is streamed."""
    monkeypatch.setattr(visitor_routes.reply_streams, "start", lambda *_: None)


async def closed_chat(who: Identity, **settings: Any) -> Any:
    chat = a_chat(who, **settings)
    assert (await ask(chat, "messages", message())).status_code == 200
    call(who, hand_off.close, the_talk(who).id)
    return chat


async def test_a_closed_chat_is_rated_and_members_see_it(who: Identity) -> None:
    chat = await closed_chat(who, asks_rating=True)
    assert (await ask(chat, "history")).json()["rates"] is True
    answer = await ask(chat, "rating", {"stars": 2, "comment": "<b>Slow</b>\n\nand rude"})
    assert answer.status_code == 204 and (await ask(chat, "history")).json()["rates"] is False
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/inbox?c={the_talk(who).id}&view=closed", settle=False)
        await tab.until(lambda: "2 of 5" in str(tab.seen))
        assert tab.get(ContactPanelState, "rating_comment") == "<b>Slow</b> and rude"
    assert "“{title}” was rated: {stars} of 5" in activities(who)


async def test_a_rule_acts_on_few_stars(who: Identity) -> None:
    leaf = {"kind": "condition", "fact": "rating.stars", "operator": "less", "value": "3"}
    condition = {"kind": "group", "match": "all", "of": [leaf]}
    action = {"kind": "add_tag", "tag": "unhappy"}
    a_rule(who, "conversation_rated", action, condition=condition)
    chat = await closed_chat(who, asks_rating=True)
    for stars in (4, 4, 2):
        assert (await ask(chat, "rating", {"stars": stars})).status_code == 204
    run_jobs(who)
    events = [event for event in rows(who, Event) if event.kind == EventKind.CONVERSATION_RATED]
    assert [event.after["stars"] for event in events] == [4, 2], "said again in the same way it is no event"


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"stars": 0},
        {"stars": 6},
        {"stars": "5"},
        {"stars": 4.5},
        {"stars": True},
        {"stars": 3, "comment": "x" * 1_001},
    ],
)
async def test_what_is_no_rating_is_refused(who: Identity, sent: dict[str, Any]) -> None:
    chat = await closed_chat(who, asks_rating=True)
    assert (await ask(chat, "rating", sent)).status_code == 422
    assert the_talk(who).rating is None


async def test_only_the_own_closed_chat_is_rated_and_only_if_it_is_asked_for(who: Identity) -> None:
    chat = await closed_chat(who)
    assert (await ask(chat, "rating", {"stars": 5})).status_code == 409
    chat = a_chat(who, asks_rating=True)
    assert (await ask(chat, "rating", {"stars": 5})).status_code == 409
    assert (await ask(chat, "messages", message())).status_code == 200
    assert (await ask(chat, "rating", {"stars": 5})).status_code == 409  # it is open
    assert (await ask(chat, "rating", {"stars": 5}, token="o" * 43)).status_code == 409
