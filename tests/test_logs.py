"""Logs: lines that machines can read, without secrets."""

import json
import logging
import sys
from collections.abc import Iterator
from datetime import datetime
from io import StringIO

import pytest
import structlog

from platform_app import logs
from tests.conftest import forget_process_state

KEY, PASSWORD = "sk-canary-1234567890", "canary-redis-password"


@pytest.fixture
def lines(env: pytest.MonkeyPatch) -> Iterator[StringIO]:
    written = StringIO()
    env.setattr(sys, "stderr", written)
    env.setenv("PLATFORM_LOG_FORMAT", "json")
    env.setenv("OPENAI_API_KEY", KEY)
    env.setenv("PLATFORM_REDIS_URL", f"redis://:{PASSWORD}@127.0.0.1:1/0")
    forget_process_state()
    root = logging.getLogger()
    kept, level = root.handlers, root.level
    logs.configure()
    yield written
    root.handlers = kept
    root.setLevel(level)
    structlog.reset_defaults()


def last(lines: StringIO) -> dict[str, str]:
    return dict(json.loads(lines.getvalue().strip().splitlines()[-1]))


def test_a_line_says_when_what_and_for_whom(lines: StringIO) -> None:
    with structlog.contextvars.bound_contextvars(tenant_id="t1", job_id="j1"):
        structlog.get_logger().info("source indexed", chunks=3)
    line = last(lines)
    assert line | {"timestamp": ""} == {
        "timestamp": "",
        "level": "info",
        "event": "source indexed",
        "chunks": 3,
        "tenant_id": "t1",
        "job_id": "j1",
    }
    assert datetime.fromisoformat(line["timestamp"]).utcoffset() is not None


def test_libraries_speak_the_same(lines: StringIO) -> None:
    logging.getLogger("anything").warning("the %s said %s", "library", "no")
    line = last(lines)
    assert (line["event"], line["level"]) == ("the library said no", "warning")


@pytest.mark.parametrize(
    "said", [f"key {KEY}", f"redis://user:{PASSWORD}@host/0", f"AUTH {PASSWORD}", "postgresql://me:other-secret@db/x"]
)
def test_secrets_stay_out(lines: StringIO, said: str) -> None:
    log = structlog.get_logger()
    log.warning(said, detail=said, nested={"deep": [said]})
    logging.getLogger("library").error("broken: %s", ValueError(said))
    try:
        raise ValueError(said)
    except ValueError:
        log.exception("failed")
    written = lines.getvalue()
    assert written.count("***") >= 5
    assert not any(secret in written for secret in (KEY, PASSWORD, "other-secret"))


def test_a_level_below_the_least_is_silent(lines: StringIO) -> None:
    structlog.get_logger().debug("nothing to see")
    assert lines.getvalue() == ""
