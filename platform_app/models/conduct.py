"""Conduct models: the lines of an agent's must and never list, and how often each fired."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, StringConstraints
from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from platform_app.models.base import Instant, Owned

LineText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern="^[^\\x00]*$")]


class LineKind(StrEnum):
    """Whether replies must or must never be so."""

    MUST = "must"
    NEVER = "never"


class LineCheck(StrEnum):
    """How a line is checked."""

    WORDS = "words"  # one of these words or phrases, separated by commas
    PATTERN = "pattern"  # a regular expression
    NUMBERS = "numbers"  # numbers that are neither in the passages nor in the conversation
    JUDGE = "judge"  # the model says whether the text is so


class LineOutcome(StrEnum):
    """What happens to a reply that breaks a line."""

    REWRITE = "rewrite"  # once; then it is handed over
    HAND_OVER = "hand_over"
    STOP = "stop"  # the reply fails


class ConductLine(BaseModel):
    """A line of an agent's must and never list."""

    kind: LineKind
    check: LineCheck
    value: LineText = ""
    outcome: LineOutcome = LineOutcome.REWRITE

    @property
    def key(self) -> str:
        """What the line is counted by; the outcome may change."""
        return f"{self.kind}|{self.check}|{self.value}"


class ConductCount(Owned, table=True):
    """How often a line of an agent fired."""

    __table_args__ = (UniqueConstraint("agent_id", "line"),)
    agent_id: str = Field(foreign_key="agent.id", max_length=32, ondelete="CASCADE")
    line: str = Field(max_length=600)  # ConductLine.key
    count: int = 0
    last_at: datetime | None = Field(default=None, sa_type=Instant)
