"""Web chat limits: counted for all web processes before a model is called; files that browsers keep."""

import re

import pytest
from limits import parse_many

from platform_app.api.shared_limits import SharedLimiter
from platform_app.api.web_chat import access, visitor_routes
from platform_app.models.person import Identity
from tests.api_client import client
from tests.visiting import SITE, a_chat, ask, message


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The replies that were to be streamed; none is."""
    found: list[str] = []
    monkeypatch.setattr(visitor_routes.reply_streams, "start", lambda _, reply_id, __: found.append(reply_id))
    return found


@pytest.mark.usefixtures("live_redis")
async def test_another_process_goes_on_counting(
    who: Identity, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = a_chat(who, daily_messages=3)
    assert [(await ask(chat, "messages", message(), token="a" * 43)).status_code for _ in range(2)] == [200, 200]
    monkeypatch.setattr(access, "_limiter", SharedLimiter())  # as in another process
    found = [await ask(chat, "messages", message(), token="b" * 43) for _ in range(2)]
    assert [one.status_code for one in found] == [200, 429] and len(started) == 3
    assert 86_000 < int(found[-1].headers["retry-after"]) <= 86_400


@pytest.mark.usefixtures("live_redis")
def test_each_limit_and_key_is_counted_for_itself() -> None:
    limiter, limits = SharedLimiter(), parse_many("2/minute; 3/day")
    assert [limiter.hit(limits, "a") > 0 for _ in range(4)] == [False, False, True, True]
    assert limiter.hit(limits, "b") == 0
    assert 0 < limiter.hit(parse_many("2/minute"), "a") <= 60 < limiter.hit(limits, "a")


def test_without_redis_the_process_counts_alone() -> None:
    limiter, limits = SharedLimiter(), parse_many("2/minute")
    assert [limiter.hit(limits, "a") > 0 for _ in range(3)] == [False, False, True]


async def test_browsers_keep_the_files(who: Identity) -> None:
    chat = a_chat(who)
    async with client() as page:
        framed = await page.get(f"/web-chat/{chat.token}/frame", headers={"referer": f"{SITE}/"})
        versioned = re.findall(r"/web-chat/files/[\w.]+\?v=[0-9a-f]{16}", framed.text)
        lasting = [await page.get(address) for address in versioned]
        brief = await page.get("/web-chat/files/loader.js")
        etag = brief.headers["etag"]
        same = await page.get("/web-chat/files/loader.js", headers={"if-none-match": etag})
        other = await page.get("/web-chat/files/frame.js?v=0000000000000000")
        missing = await page.get("/web-chat/files/none.js")
    assert len(versioned) == 2 and framed.headers["cache-control"] == "no-store"
    assert {one.headers["cache-control"] for one in lasting} == {"public, max-age=31536000, immutable"}
    brief_caching = "public, max-age=300, stale-while-revalidate=86400"
    assert brief.headers["cache-control"] == other.headers["cache-control"] == brief_caching
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-store")
