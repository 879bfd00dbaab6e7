"""Opening hours of a web chat: outside of them visitors read the away text; the agent answers all the same."""

import html
import json
import re
from typing import Any

import pytest
import time_machine

from platform_app.api.web_chat import visitor_routes
from platform_app.errors import Invalid, NotFound
from platform_app.models.person import Identity, Role
from platform_app.services.channels import channel_accounts, opening_hours
from platform_app.state.channels.channel_account import ChannelAccountState
from platform_app.state.channels.opening_hours import OpeningHoursState
from platform_app.state.channels.visitor_secret import VisitorSecretState
from tests.api_client import client
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.talking import call
from tests.visiting import SITE, a_chat, ask, message

WEEK: dict[str, Any] = {"periods": [{"days": [1, 2, 3, 4, 5], "start": "09:00", "end": "18:00"}]}
FORM = {f"{part}_{day}": time for day in range(1, 8) for part, time in (("start", "10:00"), ("end", "16:00"))}


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The replies that were to be streamed; none is."""
    found: list[str] = []
    monkeypatch.setattr(visitor_routes.reply_streams, "start", lambda _, reply_id, __: found.append(reply_id))
    return found


@pytest.mark.parametrize(
    ("at", "hours", "is_away"),
    [
        ("2026-11-23T06:30:00+00:00", WEEK, False),  # Monday, 9:30 in Moscow
        ("2026-11-23T05:59:00+00:00", WEEK, True),
        ("2026-11-23T15:00:00+00:00", WEEK, True),  # the end is exclusive
        ("2026-11-22T12:00:00+00:00", WEEK, True),  # Sunday
        ("2026-11-23T05:59:00+00:00", WEEK | {"zone": "Asia/Omsk"}, False),
        ("2026-11-23T06:30:00+00:00", WEEK | {"days_off": [{"first": "2026-11-20", "last": "2026-11-23"}]}, True),
        ("2026-11-22T12:00:00+00:00", {}, False),
        ("2026-11-22T12:00:00+00:00", {"days_off": [{"first": "2026-11-22", "last": "2026-11-22"}]}, True),
    ],
)
async def test_visitors_are_told_and_the_agent_answers(
    who: Identity, started: list[str], at: str, hours: dict[str, Any], is_away: bool
) -> None:
    with time_machine.travel(at, tick=False):
        chat = a_chat(who, away_text="Back at <nine>")
        call(who, opening_hours.save_hours, chat.id, hours)
        async with client() as page:
            framed = await page.get(f"/web-chat/{chat.token}/frame", headers={"referer": f"{SITE}/"})
        found = re.search(r'data-settings="([^"]*)"', framed.text)
        assert found is not None
        given = json.loads(html.unescape(found[1]))
        assert (given["away"], given["away_text"]) == (is_away, "Back at <nine>")
        assert (await ask(chat, "messages", message())).status_code == 200
        assert (await ask(chat, "history")).json()["away"] is is_away
    assert len(started) == 1


@pytest.mark.parametrize(
    ("hours", "field"),
    [
        ({"periods": [{"days": [1], "start": "10:00", "end": "09:00"}]}, "periods.0"),
        ({"periods": [{"days": []}]}, "periods"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"days_off": [{"first": "2026-12-02", "last": "2026-12-01"}]}, "days_off"),
        ({"days_off": "soon"}, "days_off"),
    ],
)
def test_hours_that_do_not_fit_are_refused_at_the_field(who: Identity, hours: dict[str, Any], field: str) -> None:
    chat = a_chat(who)
    with pytest.raises(Invalid) as refused:
        call(who, opening_hours.save_hours, chat.id, hours)
    assert refused.value.field == field
    call(who, channel_accounts.save, chat.id, {"greeting": "Hello"})  # the other settings leave them as they are
    assert call(who, opening_hours.get_hours, chat.id).periods == []


def test_other_settings_keep_the_hours(who: Identity, other: Identity) -> None:
    chat = a_chat(who)
    call(who, opening_hours.save_hours, chat.id, WEEK)
    call(who, channel_accounts.save, chat.id, {"greeting": "Hello"})
    assert call(who, opening_hours.get_hours, chat.id).periods[0].start == "09:00"
    with pytest.raises(NotFound):
        call(other, opening_hours.save_hours, chat.id, {})


async def test_admins_set_the_hours_on_the_page(who: Identity) -> None:
    chat = a_chat(who)
    path = f"/manage/acme/settings/channels/{chat.id}"
    async with Tab(sign_in(make_member(who, Role.OPERATOR))) as tab:
        await tab.goto(path, settle=False)
        await tab.until(lambda: "account_key" in str(tab.seen) and tab.get(ChannelAccountState, "account_key"))
        for event in (
            OpeningHoursState.set_always(False),
            OpeningHoursState.save({**FORM, "works_1": "on"}),
            OpeningHoursState.add_days_off({"first": "2026-12-24", "last": ""}),
            VisitorSecretState.create(),
        ):
            await tab.send(event, settle=False)
    assert call(who, opening_hours.get_hours, chat.id).periods == []
    async with Tab(sign_in(who)) as tab:
        await tab.goto(path, settle=False)
        await tab.until(lambda: "form_key" in str(tab.seen) and tab.get(OpeningHoursState, "days"))
        await tab.send(OpeningHoursState.set_always(False), settle=False)
        await tab.send(OpeningHoursState.save({**FORM, "works_1": "on", "hours_zone": "Asia/Omsk"}), settle=False)
        await tab.send(OpeningHoursState.add_days_off({"first": "2026-12-24", "last": ""}), settle=False)
        await tab.until(lambda: "The days off are saved." in tab.scripts())
        await tab.send(VisitorSecretState.create(), settle=False)
        await tab.until(lambda: tab.get(VisitorSecretState, "is_created"))
    hours = call(who, opening_hours.get_hours, chat.id)
    assert (hours.periods[0].days, hours.periods[0].start, hours.zone) == ([1], "10:00", "Asia/Omsk")
    assert str(hours.days_off[0].last) == "2026-12-24"
