"""Refusals: whoever is refused a thousand times a second does not fill the log."""

import logging

import pytest
import structlog
from structlog.testing import capture_logs

from platform_app.logs import RepeatFilter
from platform_app.refusal_log import MAX_SOURCES, RefusalLog


class Clock:
    """A clock that the test moves."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def structlog_as_it_was() -> None:
    structlog.reset_defaults()


def test_a_source_has_one_line_a_minute_with_a_count(clock: Clock) -> None:
    refusals = RefusalLog(clock)
    with capture_logs() as lines:
        for _ in range(1_000):
            refusals.record("event refused", "203.0.113.9", handler="x")
        refusals.record("event refused", "198.51.100.1")
        refusals.record("websocket refused", "203.0.113.9")
        assert [(line["event"], line["source"]) for line in lines] == [
            ("event refused", "203.0.113.9"),
            ("event refused", "198.51.100.1"),
            ("websocket refused", "203.0.113.9"),
        ]
        clock.at = 61
        refusals.record("other", "x")  # whoever comes next brings the counts out
        assert [line.get("repeated") for line in lines[3:]] == [999, None]


def test_a_thousand_addresses_share_what_is_left(clock: Clock) -> None:
    refusals = RefusalLog(clock)
    with capture_logs() as lines:
        for number in range(5_000):
            refusals.record("event refused", f"address {number}")
        assert len(lines) == MAX_SOURCES + 1 and lines[-1]["source"] == "others"
        clock.at = 61
        refusals.record("event refused", "later")
        assert lines[-1]["source"] == "later" and len(refusals._counts) == 1
        assert sum(line.get("repeated", 0) for line in lines) == 5_000 - MAX_SOURCES - 1


def record(line: int, text: str = "async handler error: %s") -> logging.LogRecord:
    return logging.LogRecord("engineio.server", logging.ERROR, "server.py", line, text, ("x",), None)


def test_a_library_writes_each_line_so_often(clock: Clock) -> None:
    limit = RepeatFilter(3, clock)
    assert [limit.filter(record(1)) for _ in range(5)] == [True, True, True, False, False]
    assert limit.filter(record(2))
    clock.at = 61
    again = record(1)
    assert limit.filter(again) and again.getMessage() == "async handler error: x (2 like this were left out)"
    assert limit.filter(record(1))
