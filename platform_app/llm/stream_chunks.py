"""Chunks: what a provider streams, piece by piece, checked before it is used."""

from math import isfinite
from typing import Any

from pydantic import BaseModel, field_validator, model_validator

_THOUGHTS = ("reasoning_content", "reasoning", "reasoning_details", "thinking")


def _nothing(given: object) -> object:
    """Take whatever is empty for nothing: some gateways write an empty object as a list."""
    return given or None


def _parts(content: list[Any]) -> tuple[str, str]:
    """Return the text and the thoughts of a content that is a list of parts. Raises ValueError for other parts."""
    text, thoughts = "", ""
    for part in content:
        if isinstance(part, str):
            text += part
        elif not isinstance(part, dict):
            raise ValueError("a part of a text that is no text")
        elif part.get("type") in (None, "text", "output_text", "refusal"):
            text += str(part.get("text") or part.get("refusal") or "")
        elif part.get("type") in ("thinking", "reasoning"):
            inner = part.get("thinking") or part.get("reasoning") or part.get("text") or ""
            thoughts += "".join(_parts(inner)) if isinstance(inner, list) else str(inner)
    return text, thoughts


class Delta(BaseModel):
    """What a chunk adds to the reply: text, and thoughts, which are not for people."""

    content: str | None = None
    refusal: str | None = None
    thoughts: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        content, thoughts = given.get("content"), [given[name] for name in _THOUGHTS if given.get(name)]
        if isinstance(content, dict):
            content = [content]
        if isinstance(content, list):
            content, inner = _parts(content)
            thoughts += [inner] if inner else []
        refusal = given.get("refusal")
        told = next((one for one in thoughts if isinstance(one, str)), " ") if thoughts else None
        return {"content": content, "thoughts": told, "refusal": refusal if isinstance(refusal, str) else None}

    @property
    def text(self) -> str:
        """Return what the model says, a refusal included."""
        return self.content or self.refusal or ""


class Choice(BaseModel):
    """One of the replies asked for. A whole answer has a message, an old one a text, in place of the delta."""

    index: Any = None
    delta: Delta | None = None
    message: Delta | None = None
    text: str | None = None
    finish_reason: Any = None

    _empty = field_validator("delta", "message", mode="before")(_nothing)

    @property
    def said(self) -> Delta:
        """Return what it brings, in whichever of its fields."""
        if self.delta and (self.delta.text or self.delta.thoughts):
            return self.delta
        if self.message and self.delta is None:
            return self.message
        return Delta(content=self.text)


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
    """A piece of a streamed reply, or a whole one, as the chat completions API has it."""

    model: Any = None
    choices: list[Choice] | None = None
    usage: Usage | None = None

    _empty = field_validator("choices", "usage", mode="before")(_nothing)

    @property
    def choice(self) -> Choice | None:
        """Return what there is of the first reply in it; keep-alives and the last chunk's usage come without."""
        return next((one for one in self.choices or [] if one.index in (None, 0, "0")), None)
