"""Chunks: what a provider streams, piece by piece, checked before it is used."""

from math import isfinite
from typing import Any

from pydantic import BaseModel, field_validator


def _nothing(given: object) -> object:
    """Take whatever is empty for nothing: some gateways write an empty object as a list."""
    return given or None


class Delta(BaseModel):
    """What a chunk adds to the reply. Reasoning is only a sign of life, whatever its shape."""

    content: str | None = None
    reasoning_content: Any = None
    reasoning: Any = None


class Choice(BaseModel):
    """One of the replies asked for; there is only ever one."""

    delta: Delta | None = None
    finish_reason: Any = None

    _empty = field_validator("delta", mode="before")(_nothing)


class Usage(BaseModel):
    """Tokens of a whole reply; a number that is none is left out: the text is worth more."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _number(cls, given: object) -> int | None:
        if isinstance(given, float):
            return int(given) if isfinite(given) else None
        return given if isinstance(given, int) else None


class Chunk(BaseModel):
    """A piece of a streamed reply, as the chat completions API has it."""

    model: Any = None
    choices: list[Choice] | None = None
    usage: Usage | None = None

    _empty = field_validator("choices", "usage", mode="before")(_nothing)

    @property
    def choice(self) -> Choice | None:
        """Return what there is of the reply in it; keep-alives and the last chunk's usage come without."""
        return self.choices[0] if self.choices else None
