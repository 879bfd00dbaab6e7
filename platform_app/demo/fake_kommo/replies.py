"""Replies: what the fake answers, and how it refuses."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Call:
    """A request to the fake."""

    method: str
    host: str
    target: str  # path and query
    headers: dict[str, str]
    body: bytes
    at: float = 0.0  # seconds of the monotonic clock
    integration: str = ""  # whose token it carries
    status: int = 0  # of the answer, 0: none was given

    @property
    def path(self) -> str:
        """The path without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        """The fields of the query."""
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    def value(self, name: str, default: str = "") -> str:
        """Return a field of the query."""
        return next((value for key, value in self.query if key == name), default)

    def values(self, name: str) -> list[str]:
        """Return a field of the query that occurs several times, with or without brackets and places."""
        return [value for key, value in self.query if key == name or key.startswith(f"{name}[")]


@dataclass
class Reply:
    """An answer; None as body is an empty one."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """An answer that is not what was asked for."""

    def __init__(self, status: int, title: str, detail: str = "", **more: Any) -> None:
        super().__init__(title)
        self.reply = Reply(status, {"title": title, "type": "", "status": status, "detail": detail} | more)


class NoAnswer(Exception):
    """The connection ends without an answer."""


def invalid(problems: list[tuple[str, str, str, str]]) -> Refusal:
    """Return the refusal of items, each with request_id, path, code and detail."""
    by_item: dict[str, list[dict[str, str]]] = {}
    for request_id, path, code, detail in problems:
        by_item.setdefault(request_id, []).append({"code": code, "path": path, "detail": detail})
    errors = [{"request_id": request_id, "errors": held} for request_id, held in by_item.items()]
    return Refusal(400, "Bad Request", "Request validation failed", **{"validation-errors": errors})
