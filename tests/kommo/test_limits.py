"""Limits: all workers together keep to the vendor's limits, and wait after 429 and 403."""

import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Event

import pytest

from platform_app.demo.fake_kommo.rate_counter import RateCounter
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.integrations import call_pace
from platform_app.integrations.kommo import errors, limits
from platform_app.integrations.kommo.limits import Limited
from tests.fakes.kommo import client_of

SHOP = Limited("shop.kommo.com", "private")


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_pace, "_local", {})
    monkeypatch.setattr(call_pace, "_under_way", {})


@pytest.mark.parametrize("shared", [True, False])
def test_ten_workers_together_stay_below_the_limit(
    kommo: FakeKommo, request: pytest.FixtureRequest, shared: bool
) -> None:
    if shared:
        request.getfixturevalue("live_redis")
    clients = [client_of(kommo) for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda client: client.account(), clients * 2))
    assert len(kommo.calls) == 20 and kommo.rates.refused == 0 and kommo.rates.most <= 7


@pytest.mark.parametrize("shared", [True, False])
def test_calls_that_arrive_late_stay_below_the_limit(request: pytest.FixtureRequest, shared: bool) -> None:
    if shared:
        request.getfixturevalue("live_redis")
    rates, delays = RateCounter(), Random(3)

    def make_call(delay: float) -> None:
        with limits.turn(SHOP) as left:
            assert left == 0
            Event().wait(delay)  # a thread that runs late, and a connection that takes its time
            rates.check("private")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(make_call, [delays.choice([0.0, 0.6]) for _ in range(16)]))
    assert rates.refused == 0 and rates.most <= limits.INTEGRATION_PER_SECOND


def test_calls_without_an_answer_are_counted_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(limits.INTEGRATION_PER_SECOND):
        assert call_pace._enter(SHOP.schedules, str(_))
    assert not call_pace._enter(SHOP.schedules, "more")
    later = time.monotonic() + call_pace.MAX_CALL_SECONDS
    monkeypatch.setattr(call_pace.time, "monotonic", lambda: later)
    assert call_pace._enter(SHOP.schedules, "more")


def test_who_would_wait_too_long_is_told_how_long(live_redis: str) -> None:
    for _ in range(3):
        assert call_pace.reserve(SHOP.schedules, 5) >= 0
    with limits.turn(SHOP, max_wait=0.1) as left:
        assert 0.1 < left < 1
    with limits.turn(Limited("other.kommo.com", "private"), max_wait=0.1) as left:
        assert left == 0


@pytest.mark.parametrize("shared", [True, False])
def test_after_429_every_worker_waits(kommo: FakeKommo, request: pytest.FixtureRequest, shared: bool) -> None:
    if shared:
        request.getfixturevalue("live_redis")
    kommo.fail_next("GET", "/api/v4/account", status=429, headers=(("retry-after", "30"),))
    with pytest.raises(errors.RateLimited) as limited:
        client_of(kommo).account()
    assert limited.value.seconds == 30
    began = time.monotonic()
    with pytest.raises(errors.RateLimited) as limited:
        client_of(kommo).account()
    assert 25 < limited.value.seconds <= 30 and time.monotonic() - began < 2 and len(kommo.calls) == 1


def test_a_block_makes_every_worker_wait_a_minute(kommo: FakeKommo) -> None:
    kommo.fail_next("GET", "/api/v4/account", status=403, body=b"<html>403 Forbidden</html>")
    with pytest.raises(errors.RateLimited) as limited:
        client_of(kommo).account()
    assert limited.value.seconds == limits.BLOCK_SECONDS
    with pytest.raises(errors.RateLimited):
        client_of(kommo).account()
    assert len(kommo.calls) == 1


def test_a_refusal_for_want_of_rights_makes_nobody_wait(kommo: FakeKommo) -> None:
    kommo.is_allowed = False
    with pytest.raises(errors.AccessDenied):
        client_of(kommo).account()
    assert not limits.was_paused(SHOP)


def test_the_fake_refuses_who_goes_too_fast_and_blocks_who_goes_on(kommo: FakeKommo) -> None:
    statuses = [kommo.rates.check("a") for _ in range(7 + 10 + 3)]
    assert statuses == [0] * 7 + [429] * 10 + [403] * 3
    others = [status for name in "bcdefgh" for status in [kommo.rates.check(name) for _ in range(6)]]
    assert others.count(429) > 0  # 50 a second for the account
