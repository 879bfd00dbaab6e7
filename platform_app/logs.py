"""Logs: one JSON line per happening, without secrets."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from platform_app.config import settings

_URL_PASSWORD = re.compile(r"(\w+://[^\s:/@]*):[^\s/@]+@")


def redact(text: str) -> str:
    """Return a text without passwords in addresses and without the platform's own secrets."""
    text = _URL_PASSWORD.sub(r"\1:***@", text)
    own = settings()
    for secret in (own.openai_api_key, own.demo_password):
        if len(secret.get_secret_value()) > 5:
            text = text.replace(secret.get_secret_value(), "***")
    return text


def _without_secrets(logger: Any, method: str, entry: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {key: redact(value) if isinstance(value, str) else value for key, value in entry.items()}


def configure() -> None:
    """Send structlog's and the standard library's lines to stderr in the configured form."""
    own = settings()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _without_secrets,
    ]
    last = structlog.processors.JSONRenderer() if own.log_format == "json" else structlog.dev.ConsoleRenderer()
    level = logging.getLevelNamesMapping()[own.log_level]
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=last, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpx2", "chromadb", "httpcore", "dramatiq"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
