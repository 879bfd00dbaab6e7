"""Analytics page: figures, chart and breakdown follow the filters in the address; the table is downloaded as CSV."""

import csv
import io
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from httpx import ASGITransport

from platform_app.api.app import api
from platform_app.clock import now
from platform_app.models.event import EventKind
from platform_app.models.person import Identity, Role
from platform_app.state.analytics.analytics import AnalyticsState
from tests.analysing import Talk
from tests.api.keys import a_key, ask
from tests.audit.test_audit_log import entries
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.talking import add_agent

PAGE = "/manage/acme/analytics"
DASH = "—"


def seen(tab: Tab, name: str) -> Any:
    return tab.get(AnalyticsState, name)


def figures(tab: Tab) -> dict[str, tuple[str, str]]:
    """Return the value and the change of each tile."""
    return {tile.label: (tile.value, tile.change) for tile in seen(tab, "tiles")}


def redirected(tab: Tab) -> str:
    """Return the address that the page opens last."""
    return str([event.payload["path"] for event in tab.said if event.name == "_redirect"][-1])


@pytest.fixture
def vera(who: Identity) -> str:
    """An agent with three conversations of today, one of them handed over, and two of eight days ago."""
    agent_id, at = add_agent(who, name="=Vera"), now() - timedelta(minutes=5)
    for number in range(3):
        talk = Talk(who, agent_id, tags=["vip"] if number else [])
        talk.asked(at)
        reply_id = talk.answered(at + timedelta(seconds=90))
        talk.used(at, reply_id, prompt_tokens=1_000, completion_tokens=500, cost=0.02)
    talk.note(EventKind.HANDED_OFF, at + timedelta(minutes=2))
    talk.helped(at + timedelta(minutes=3))
    for _ in range(2):
        Talk(who, agent_id, channel="telegram").answered(at - timedelta(days=8))
    return agent_id


async def test_tiles_chart_and_table(who: Identity, vera: str) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"{PAGE}?period=7")
        told = figures(tab)
        assert told["Conversations"] == ("3", "+50%") and told["Replies by agents"] == ("3", "+50%")
        assert told["Answered without a person"] == ("2", "") and told["Handed over to a person"] == ("1", "")
        assert told["First response by an agent"] == ("1.5 min", "") and told["Tokens"] == ("4,500", "")
        assert told["Cost"] == ("$0.0600", "") and told["Unanswered questions"] == ("None", "")
        links = {tile.label: tile.link for tile in seen(tab, "tiles")}
        assert links["Handed over to a person"] == "/manage/acme/inbox?view=person"
        assert seen(tab, "chart_sentence").startswith("3 replies by agents, 1 reply by people. Most on ")
        assert [row["agents"] for row in seen(tab, "chart")][-1] + seen(tab, "chart")[-2]["agents"] == 3
        (row,) = seen(tab, "rows")
        assert (row.name, row.link) == ("=Vera", f"/manage/acme/inbox?agent={vera}")
        assert [cell.words for cell in row.cells[:5]] == ["3", "3", "1", "67%", "1"]
        assert [bool(cell.link) for cell in row.cells[:6]] == [True, False, False, False, True, False]
        assert row.cells[4].link == f"{row.link}&view=person"
        await tab.goto(f"{PAGE}?period=7&by=tag")
        assert [(row.name, row.cells[0].words) for row in seen(tab, "rows")] == [("vip", "2")]
        await tab.goto(f"{PAGE}?period=7&by=member")
        assert [(row.name, row.cells[1].words) for row in seen(tab, "rows")] == [(who.name, "1")]
        await tab.goto(f"{PAGE}?channel=telegram")
        assert figures(tab)["Conversations"] == ("2", "") and figures(tab)["Cost"] == (DASH, "")
        assert tab.errors == []


async def test_filters_are_kept_in_the_address(who: Identity, vera: str) -> None:
    async with Tab(sign_in(make_member(who, Role.VIEWER))) as tab:
        await tab.goto(PAGE)
        assert (seen(tab, "span"), seen(tab, "tab"), len(seen(tab, "chart"))) == ("30", "agent", 30)
        await tab.send(AnalyticsState.set_span("year"))
        assert redirected(tab) == f"{PAGE}?period=year"
        await tab.goto(redirected(tab))
        assert len(seen(tab, "chart")) == 52
        await tab.send(AnalyticsState.set_agent(vera))
        assert redirected(tab) == f"{PAGE}?period=year&agent={vera}"
        await tab.goto(redirected(tab))
        await tab.send(AnalyticsState.set_tab("channel"))
        await tab.goto(redirected(tab))
        assert {row.name for row in seen(tab, "rows")} == {"API", "Telegram"}
        await tab.send(AnalyticsState.set_span("dates"))
        await tab.goto(redirected(tab))
        first, last = seen(tab, "first"), seen(tab, "last")
        assert f"from={first}&to={last}" in seen(tab, "download") and seen(tab, "span") == "dates"
        await tab.send(AnalyticsState.set_first(last))
        assert f"from={last}&to={last}" in redirected(tab)
        await tab.send(AnalyticsState.set_channel("all"))
        assert "channel=" not in redirected(tab)
        await tab.goto(f"{PAGE}?from={last}&to={first}&channel=pigeon&by=weather&agent={'x' * 99}")
        assert seen(tab, "problem") == "The period ends before it begins." and seen(tab, "channel") == "all"
        assert figures(tab)["Conversations"] == ("None", "") and tab.errors == []


async def test_russian_and_nothing_at_all(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        assert {value for value, _ in figures(tab).values()} == {"None", DASH}
        assert seen(tab, "chart_sentence") == "No replies in this period." and seen(tab, "rows") == []


async def get(cookie: str, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=ASGITransport(app=api), base_url="http://127.0.0.1") as client:
        return await client.get(path, headers={"cookie": cookie})


async def test_the_table_as_csv(who: Identity, other: Identity, vera: str) -> None:
    cookie, today = sign_in(who), now().astimezone(ZoneInfo(who.time_zone)).date().isoformat()
    answer = await get(cookie, "/api/analytics/acme/table.csv?period=7")
    assert answer.content.startswith(b"\xef\xbb\xbf") and f"{today}.csv" in answer.headers["content-disposition"]
    head, line = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    told = dict(zip(head, line, strict=True))
    assert (told["Agent"], told["Conversations"], told["Without a person, %"]) == ("'=Vera", "3", "66.7")
    assert (told["First response by an agent, seconds"], told["Cost, USD"]) == ("90.0", "0.06")
    entry = entries(who)[-1]
    assert (entry.action, entry.object_kind, entry.actor_id) == ("exported", "analytics", who.user_id)
    assert entry.address == "127.0.0.1" and entry.object_name in answer.headers["content-disposition"]
    assert (await get(sign_in(other), "/api/analytics/acme/table.csv")).status_code == 404
    assert (await get("", "/api/analytics/acme/table.csv")).status_code == 401
    for query in ("by=weather", "from=2026-01-02&to=2026-01-01", "channel=pigeon"):
        assert (await get(cookie, f"/api/analytics/acme/table.csv?{query}")).status_code == 422, query


async def test_the_operation_of_the_api(who: Identity, vera: str) -> None:
    key = a_key(who)
    assert (await ask(key, "GET", "/analytics")).json()["report"] is None
    report = (await ask(key, "GET", f"/analytics?period=7&by=agent&agent_id={vera}")).json()["report"]
    assert (report["now"]["talks"]["conversations"], report["before"]["talks"]["replies"]) == (3, 2)
    assert [(row["name"], row["talks"]["handed_over"]) for row in report["rows"]] == [("=Vera", 1)]
    assert (len(report["series"]), report["now"]["won"]["value"]) == (7, "0.00")
    for query in ("first_day=1", "by=weather", "channel=pigeon"):
        assert (await ask(key, "GET", f"/analytics?{query}")).status_code == 422, query
    for query in ("first_day=2026-01-01", "first_day=2026-01-02&last_day=2026-01-01"):
        assert (await ask(key, "GET", f"/analytics?{query}")).status_code == 409, query
