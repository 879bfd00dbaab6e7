"""Logs: structured log lines without secrets."""

import logging
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote

import structlog
from pydantic import SecretStr

from platform_app.config import Settings, settings, split_list
from platform_app.files_address import parse_files_url
from platform_app.tracing.spans import add_trace_ids

_URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{0,100}):([^\s/@]{1,300})@")
_BOT_TOKEN = re.compile(r"(?<![0-9])([0-9]{5,20}):[A-Za-z0-9_-]{30,100}")  # of Telegram; it stands in addresses
_NOISY_LOGGERS = ("httpx", "httpx2", "httpcore", "chromadb", "dramatiq", "granian.access", "alembic")
_MAX_VALUE_CHARS = 8000  # per value; hostile input must not fill the log or keep the process busy
_MAX_REPEATS, _REPEAT_SECONDS = 20, 60.0  # lines per place in a library, and the period
_MIN_SECRET_CHARS = 6  # shorter secrets would hide ordinary words


def _secrets(own: Settings) -> Iterator[str]:
    for name in Settings.model_fields:
        value = getattr(own, name)
        if isinstance(value, SecretStr) and (secret := value.get_secret_value()):
            in_address = _URL_PASSWORD.search(secret)
            yield from (in_address[2], unquote(in_address[2])) if in_address else split_list(secret)
    if url := own.files_url.get_secret_value():
        yield parse_files_url(url).access_key


def redact(text: str) -> str:
    """Return a text without passwords in addresses, bots' tokens and the platform's secrets, cut to 8000."""
    text = text if len(text) <= _MAX_VALUE_CHARS else text[:_MAX_VALUE_CHARS] + "…"
    text = _BOT_TOKEN.sub(r"\1:***", _URL_PASSWORD.sub(r"\1:***@", text))
    for secret in _secrets(settings()):
        if len(secret) >= _MIN_SECRET_CHARS and secret in text:
            text = text.replace(secret, "***")
    return text


def _redact_value(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _redact_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redact_value(inner) for inner in value]
    return value if isinstance(value, int | float | bool | None) else redact(str(value))


def _redact_entry(logger: Any, method: str, entry: MutableMapping[str, Any]) -> Mapping[str, Any]:
    internal = {key: value for key, value in entry.items() if key.startswith("_")}
    return {key: _redact_value(value) for key, value in entry.items() if key not in internal} | internal


class RepeatFilter(logging.Filter):
    """Passes a limited number of lines a minute from each place in a library, and reports how many it dropped.

    Hostile input may make a library log a line with a trace for each frame.
    """

    def __init__(self, most: int = _MAX_REPEATS, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._most, self._clock = most, clock
        self._counts: dict[tuple[str, int], tuple[float, int]] = {}  # start of the period, and count

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is logged."""
        at, key = self._clock(), (record.name, record.lineno)
        since, count = self._counts.get(key, (at, 0))
        if at - since >= _REPEAT_SECONDS:
            if count > self._most:
                record.msg, record.args = f"{record.getMessage()} ({count - self._most} like this were left out)", ()
            since, count = at, 0
        self._counts[key] = (since, count + 1)
        return count < self._most


def configure() -> None:
    """Send the lines of structlog and the standard library to stderr, as JSON or text."""
    own = settings()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,  # request_id, tenant_id, job_id, if bound
        add_trace_ids,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _redact_entry,
    ]
    colours = sys.stderr.isatty()
    last: Any = structlog.dev.ConsoleRenderer(colors=colours)
    if own.log_format == "json":
        last = structlog.processors.JSONRenderer(ensure_ascii=False)
    level = logging.getLevelNamesMapping()[own.log_level]
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *names: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    plain = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, last]
    handler.addFilter(RepeatFilter())
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=plain, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in _NOISY_LOGGERS:
        logging.getLogger(noisy).setLevel(logging.WARNING)
