"""Actor: who acts in the running request, handler or command, for the audit log."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """The kinds of those who act."""

    MEMBER = "member"
    API_KEY = "api_key"
    COMMAND_LINE = "command_line"
    PLATFORM = "platform"  # a job, a rule, the schedule
    VISITOR = "visitor"  # somebody who is not signed in


@dataclass(frozen=True)
class Actor:
    """Who acts, and the IP address from which."""

    kind: ActorKind
    id: str = ""  # of a user or an API key
    name: str = ""
    address: str = ""


PLATFORM = Actor(ActorKind.PLATFORM)
_current: ContextVar[Actor] = ContextVar("actor", default=PLATFORM)


def current_actor() -> Actor:
    """Return who acts; the platform itself if nobody else was set."""
    return _current.get()


def set_actor(actor: Actor) -> None:
    """Set who acts in this task or thread, and in what it starts, from here on."""
    _current.set(actor)


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Set who acts within a block."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)
