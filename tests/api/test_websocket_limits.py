"""Sockets: how much comes from where is counted, and nobody pays for a stranger of the same address."""

from contextlib import ExitStack

import pytest

from platform_app.api.token_bucket import TokenBucket
from platform_app.api.websocket_limits import WebSocketClient, WebSocketLimits
from platform_app.config import settings


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.at += seconds

    async def late(self, client: WebSocketClient, count: int) -> float:
        """Send events, and return the seconds that it took."""
        began = self.at
        for _ in range(count):
            await client.admit(1, self.sleep)
        return self.at - began


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(env: pytest.MonkeyPatch, clock: Clock) -> WebSocketLimits:
    for name, value in {
        "ANONYMOUS_SOCKETS": 40,
        "ANONYMOUS_SOCKETS_PER_ADDRESS": 20,
        "SOCKETS_PER_PERSON": 10,
        "SOCKET_EVENTS_PER_SECOND": 10,
        "ANONYMOUS_EVENTS_PER_SECOND": 5,
    }.items():
        env.setenv(f"PLATFORM_{name}", str(value))
    settings.cache_clear()
    return WebSocketLimits(clock)


def test_a_bucket_fills_again(clock: Clock) -> None:
    bucket = TokenBucket(2, 10, clock)
    assert [bucket.reserve(5), bucket.reserve(5), bucket.reserve(4)] == [0, 0, 2]
    clock.at = 3
    assert bucket.take(2) and not bucket.take(1)
    clock.at = 1_000
    assert bucket.take(10) and not bucket.take(1)


def opened(limits: WebSocketLimits, held: ExitStack, client: WebSocketClient, count: int) -> int:
    """Open websockets, and return how many were let in."""
    return sum(held.enter_context(limits.slot(client)) for _ in range(count))


def test_one_address_does_not_take_every_place(limits: WebSocketLimits) -> None:
    with ExitStack() as held:
        assert opened(limits, held, limits.client("a", ""), 300) == 20
        assert opened(limits, held, limits.client("b", ""), 300) == 10  # up to what is kept for those with few
        assert opened(limits, held, limits.client("c", ""), 300) == 3
        assert opened(limits, held, limits.client("a", "anna"), 300) == 10
        assert opened(limits, held, limits.client("a", "boris"), 5) == 5
    with ExitStack() as held:
        assert opened(limits, held, limits.client("b", ""), 300) == 20  # all places are free again


async def test_an_office_behind_one_address_works(limits: WebSocketLimits, clock: Clock) -> None:
    """Fifty people who are signed in do not wait for a stranger there who sends without end."""
    assert await clock.late(limits.client("office", ""), 1_000) > 60
    for person in range(50):
        assert await clock.late(limits.client("office", f"person {person}"), 40) == 0


async def test_new_tokens_and_sockets_bring_no_new_allowance(limits: WebSocketLimits, clock: Clock) -> None:
    began = clock.at
    for _ in range(300):  # a socket for each event
        await clock.late(limits.client("a", ""), 1)
    assert clock.at - began > 50
    assert await clock.late(limits.client("b", ""), 1) == 0


async def test_strangers_of_many_addresses_share_an_allowance(limits: WebSocketLimits, clock: Clock) -> None:
    began = clock.at
    for number in range(1_000):
        await clock.late(limits.client(f"address {number}", ""), 1)
    assert clock.at - began > 90
    assert await clock.late(limits.client("address 1", "anna"), 40) == 0


async def test_who_is_far_ahead_is_hung_up_on(limits: WebSocketLimits, clock: Clock) -> None:
    client = limits.client("a", "")

    async def stay(seconds: float) -> None:
        pass

    answers = [await client.admit(1, stay) for _ in range(1_000)]
    assert answers[0] and not answers[-1]


def test_attempts_are_counted(limits: WebSocketLimits, clock: Clock) -> None:
    assert sum(limits.may_connect("a") for _ in range(1_000)) == 300
    assert limits.may_connect("b")
    assert not limits.may_connect("a", "made-up")
    limits.record_session("anna's", is_valid=True)
    assert all(limits.may_connect("a", "anna's") for _ in range(100))
    limits.record_session("anna's", is_valid=False)
    assert not limits.may_connect("a", "anna's")
    clock.at = 1
    assert sum(limits.may_connect("a") for _ in range(1_000)) == 20
