"""Throttle: a guesser is slowed down, from one address or from many; the owner gets in all the same."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from platform_app.db import session_scope, unscoped
from platform_app.errors import LimitReached
from platform_app.models.person import SignInFailure
from platform_app.services.accounts import sign_in_throttle

EMAIL, HOME = "ann@acme.test", "198.51.100.7"
START = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture
def at(database: str) -> Iterator[time_machine.Traveller]:
    """A clock that stands still until it is moved."""
    with time_machine.travel(START, tick=False) as clock:
        yield clock


def pause(email: str = EMAIL, address: str = HOME) -> int:
    """Try, and return how many seconds the next try has to wait."""
    try:
        sign_in_throttle.count_attempt(email, address)
    except LimitReached as refused:
        return int(str(refused.values["seconds"]))
    return 0


def test_five_are_free_then_pauses_grow(at: time_machine.Traveller) -> None:
    assert [pause() for _ in range(5)] == [0] * 5
    waited = []
    for _ in range(12):
        seconds = pause()
        waited.append(seconds)
        assert pause() == seconds  # a refused try does not make it longer
        at.shift(timedelta(seconds=seconds))
        assert pause() == 0
    assert waited == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


def test_it_is_forgotten(at: time_machine.Traveller) -> None:
    for _ in range(5):
        sign_in_throttle.count_attempt(EMAIL, HOME)
    assert pause() == 2
    at.shift(sign_in_throttle.FAILURES_KEPT + timedelta(seconds=1))
    assert [pause() for _ in range(6)] == [0, 0, 0, 0, 0, 2]


def test_success_wipes_the_slate(at: time_machine.Traveller) -> None:
    for _ in range(4):
        sign_in_throttle.count_attempt(EMAIL, HOME)
    sign_in_throttle.count_attempt(EMAIL, HOME)
    sign_in_throttle.record_success(EMAIL, HOME)
    assert [pause() for _ in range(6)] == [0, 0, 0, 0, 0, 2]


def test_many_at_once_have_no_more_free_tries(at: time_machine.Traveller) -> None:
    with ThreadPoolExecutor(20) as pool:
        waits = list(pool.map(lambda _: pause(), range(40)))
    assert waits.count(0) == 5


def test_one_address_cannot_try_everybody(at: time_machine.Traveller) -> None:
    assert [pause(f"{n}@acme.test") for n in range(50)] == [0] * 50
    assert pause("one-more@acme.test") == 2
    assert pause("one-more@acme.test", "203.0.113.1") == 0


def test_an_ipv6_customer_is_one_address(at: time_machine.Traveller) -> None:
    assert [pause(address=f"2001:db8:1:2::{n:x}") for n in range(5)] == [0] * 5
    assert pause(address="2001:db8:1:2:ffff::1") == 2
    assert pause(address="2001:db8:1:3::1") == 0


def test_many_addresses_cannot_try_one_account(at: time_machine.Traveller) -> None:
    sign_in_throttle.count_attempt(EMAIL, HOME)
    sign_in_throttle.record_success(EMAIL, HOME)
    tries = [pause(address=f"203.0.113.{n}") for n in range(100)]
    assert tries == [0] * 30 + [2] * 70
    for n in range(100, 120):  # the pause of an account stays short: whoever is new gets a try within a minute
        at.shift(timedelta(minutes=1))
        assert pause(address=f"203.0.113.{n}") == 0
    assert pause(address="192.0.2.1") == 60
    assert pause() == 0  # and the owner, at an address that is known, notices nothing


def test_a_known_address_is_not_held_up_by_its_neighbours(at: time_machine.Traveller) -> None:
    sign_in_throttle.count_attempt(EMAIL, HOME)
    sign_in_throttle.record_success(EMAIL, HOME)
    for n in range(60):
        pause(f"{n}@acme.test")
    assert pause("new@acme.test") > 0
    assert [pause() for _ in range(6)] == [0, 0, 0, 0, 0, 2]


def test_an_office_signs_in_every_morning(at: time_machine.Traveller) -> None:
    for n in range(200):
        sign_in_throttle.count_attempt(f"{n}@acme.test", HOME)
        sign_in_throttle.record_success(f"{n}@acme.test", HOME)
    assert pause("new@acme.test") == 0


def test_registrations_are_slowed_down(at: time_machine.Traveller) -> None:
    for _ in range(10):
        sign_in_throttle.count_registration(HOME)
    with pytest.raises(LimitReached):
        sign_in_throttle.count_registration(HOME)
    sign_in_throttle.count_registration("203.0.113.1")
    assert pause() == 0


def test_old_rows_go_and_nobody_is_named(at: time_machine.Traveller) -> None:
    sign_in_throttle.count_attempt(EMAIL, HOME)
    at.shift(timedelta(days=1))
    sign_in_throttle.count_attempt("bob@acme.test", HOME)
    sign_in_throttle.record_success("bob@acme.test", HOME)
    with session_scope(reason="tests", read_only=True) as session:
        rows = session.exec(unscoped(SignInFailure)).all()
    assert len(rows) == 3  # bob's account, the address, and that bob is known there
    assert not any("acme" in str(row) or HOME in str(row) for row in rows)


@pytest.mark.parametrize("email", ["", "\x00", "half \ud83d", "a" * 100_000])
def test_any_text_is_counted(at: time_machine.Traveller, email: str) -> None:
    assert [pause(email, "isn’t an address") for _ in range(6)] == [0, 0, 0, 0, 0, 2]
