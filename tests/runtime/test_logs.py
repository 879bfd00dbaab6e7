"""Logs: lines that machines can read, without secrets."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from datetime import datetime
from io import StringIO

import pytest
import structlog

from platform_app import logs
from tests.conftest import forget_process_state

KEY, PASSWORD = "sk-canary-1234567890", "canary-redis-password"
Written = Callable[[Callable[[], object]], str]


@pytest.fixture
def written(env: pytest.MonkeyPatch) -> Iterator[Written]:
    """Return what is written to stderr while something runs."""
    env.setenv("PLATFORM_LOG_FORMAT", "json")
    env.setenv("OPENAI_API_KEY", KEY)
    env.setenv("PLATFORM_REDIS_URL", f"redis://:{PASSWORD}@127.0.0.1:1/0")
    forget_process_state()
    root = logging.getLogger()
    kept, level = root.handlers, root.level

    def run(speak: Callable[[], object]) -> str:
        with redirect_stderr(StringIO()) as said:
            logs.configure()
            speak()
        return said.getvalue()

    yield run
    root.handlers = kept
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_says_when_what_and_for_whom(written: Written) -> None:
    with structlog.contextvars.bound_contextvars(tenant_id="t1", job_id="j1"):
        line = json.loads(written(lambda: structlog.get_logger().info("source indexed", chunks=3)))
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset() is not None
    assert line == {"level": "info", "event": "source indexed", "chunks": 3, "tenant_id": "t1", "job_id": "j1"}


def test_libraries_speak_the_same(written: Written) -> None:
    line = json.loads(written(lambda: logging.getLogger("anything").warning("the %s said %s", "library", "no")))
    assert (line["event"], line["level"]) == ("the library said no", "warning")


@pytest.mark.parametrize(
    "said", [f"key {KEY}", f"redis://user:{PASSWORD}@host/0", f"AUTH {PASSWORD}", "postgresql://me:other-secret@db/x"]
)
def test_secrets_stay_out(written: Written, said: str) -> None:
    def speak() -> None:
        log = structlog.get_logger()
        log.warning(said, detail=said, nested={"deep": [said]})
        logging.getLogger("library").error("broken: %s", ValueError(said))
        try:
            raise ValueError(said)
        except ValueError:
            log.exception("failed")

    text = written(speak)
    assert len(text.splitlines()) == 3 and text.count("***") >= 5
    assert not any(secret in text for secret in (KEY, PASSWORD, "other-secret"))


def test_a_level_below_the_least_is_silent(written: Written) -> None:
    assert written(lambda: structlog.get_logger().debug("nothing to see")) == ""
