"""Clock: ids sort by time, also those of one moment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine

from platform_app import clock
from platform_app.rag.chunking import chunk_id
from tests.conftest import forget_process_state


def test_ids_sort_in_the_order_they_were_made() -> None:
    made = [clock.new_id() for _ in range(200_000)]
    assert made == sorted(made) and len(set(made)) == len(made)
    assert {len(one) for one in made} == {32} and int(made[0], 16)
    assert len({chunk_id(one, 1, 0) for one in made}) == len(made)


def test_threads_never_make_the_same_one() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = [one for part in pool.map(lambda _: [clock.new_id() for _ in range(2_000)], range(8)) for one in part]
    assert len(set(made)) == len(made)


def test_a_clock_that_goes_back_does_not_turn_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_last", (0, 0))
    with time_machine.travel("2026-05-01", tick=False):
        first = clock.new_id()
    with time_machine.travel("2026-04-30", tick=False):
        assert clock.new_id() > first


def test_a_moved_clock_is_known_to_every_process(env: pytest.MonkeyPatch) -> None:
    real = clock.now()
    assert abs(clock.now() - real) < timedelta(seconds=5) and clock.offset() == timedelta(0)
    env.setenv("PLATFORM_TEST_CLOCK", "true")
    forget_process_state()
    clock.shift(timedelta(days=2))
    assert timedelta(days=2) <= clock.now() - real < timedelta(days=2, seconds=30)
    env.setattr(clock, "_cached_offset", (-1.0, timedelta(0)))  # as another process would begin
    assert clock.shift(timedelta(hours=1)) == timedelta(days=2, hours=1)
    assert clock.shift(timedelta(0)) == timedelta(0)
    env.setenv("PLATFORM_TEST_CLOCK", "false")
    forget_process_state()
    assert clock.offset() == timedelta(0)
