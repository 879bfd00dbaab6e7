"""Stream chunks: validated models of the chunks that a provider streams."""

import json
from math import isfinite
from typing import Any

from pydantic import BaseModel, Field, field_validator, model_validator

_REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_details", "thinking")


def _empty_to_none(value: object) -> object:
    """Convert empty values to None: some gateways write an empty object as a list."""
    return value or None


def _join_content_parts(content: list[Any]) -> tuple[str, str]:
    """Return text and reasoning of a list of content parts. Raises ValueError if a part is neither text nor object."""
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
            thoughts += "".join(_join_content_parts(inner)) if isinstance(inner, list) else str(inner)
    return text, thoughts


class ToolCallPart(BaseModel):
    """A part of a tool call; parts with the same index belong together."""

    index: int = 0
    id: str = ""
    name: str = ""
    arguments: str = ""

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        function = value.get("function")
        told: dict[str, Any] = function if isinstance(function, dict) else {}
        arguments = told.get("arguments")
        index = value.get("index")
        return {
            "index": index if isinstance(index, int) else 0,
            "id": str(value.get("id") or ""),
            "name": str(told.get("name") or ""),
            "arguments": json.dumps(arguments) if isinstance(arguments, dict) else str(arguments or ""),
        }


class ChoiceDelta(BaseModel):
    """The text, the reasoning and the parts of tool calls that a chunk adds to the reply."""

    content: str | None = None
    refusal: str | None = None
    thoughts: str | None = None
    tool_calls: list[ToolCallPart] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        content, thoughts = value.get("content"), [value[name] for name in _REASONING_FIELDS if value.get(name)]
        if isinstance(content, dict):
            content = [content]
        if isinstance(content, list):
            content, inner = _join_content_parts(content)
            thoughts += [inner] if inner else []
        refusal = value.get("refusal")
        first_text = next((thought for thought in thoughts if isinstance(thought, str)), " ") if thoughts else None
        listed = value.get("tool_calls")
        calls = [call for call in listed if isinstance(call, dict)] if isinstance(listed, list) else []
        if calls and all("index" not in call for call in calls):
            calls = [call | {"index": index} for index, call in enumerate(calls)]  # a whole message numbers none
        return {
            "content": content,
            "thoughts": first_text,
            "refusal": refusal if isinstance(refusal, str) else None,
            "tool_calls": calls,
        }

    @property
    def text(self) -> str:
        """The text of the model, or its refusal."""
        return self.content or self.refusal or ""


class StreamChoice(BaseModel):
    """A choice of a chunk. A complete response has a message, a legacy one a text, in place of the delta."""

    index: Any = None
    delta: ChoiceDelta | None = None
    message: ChoiceDelta | None = None
    text: str | None = None
    finish_reason: Any = None

    _empty = field_validator("delta", "message", mode="before")(_empty_to_none)

    @property
    def output(self) -> ChoiceDelta:
        """The delta, from whichever field holds it."""
        if self.delta and (self.delta.text or self.delta.thoughts or self.delta.tool_calls):
            return self.delta
        if self.message and self.delta is None:
            return self.message
        return ChoiceDelta(content=self.text)


class TokenUsage(BaseModel):
    """Token counts of a reply; invalid counts are None and do not fail the reply."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None  # of the prompt
    reasoning_tokens: int | None = None  # of the completion

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, value: object) -> object:
        """Take the counts out of their details; providers name them in different ways."""
        if not isinstance(value, dict):
            return value
        read, written = (
            next((inner for name in names if isinstance(inner := value.get(name), dict)), {})
            for names in (
                ("prompt_tokens_details", "input_tokens_details"),
                ("completion_tokens_details", "output_tokens_details"),
            )
        )
        cached = [read.get("cached_tokens"), value.get("prompt_cache_hit_tokens"), value.get("cache_read_input_tokens")]
        return {
            "prompt_tokens": value.get("prompt_tokens"),
            "completion_tokens": value.get("completion_tokens"),
            "cached_tokens": next((count for count in cached if count is not None), None),
            "reasoning_tokens": written.get("reasoning_tokens"),
        }

    @field_validator("*", mode="before")
    @classmethod
    def _number(cls, value: object) -> int | None:
        if isinstance(value, float):
            return int(value) if isfinite(value) else None
        return value if isinstance(value, int) else None


class StreamChunk(BaseModel):
    """A chunk of a streamed reply, or a complete response, of the chat completions API."""

    model: Any = None
    choices: list[StreamChoice] | None = None
    usage: TokenUsage | None = None

    _empty = field_validator("choices", "usage", mode="before")(_empty_to_none)

    @property
    def choice(self) -> StreamChoice | None:
        """The first choice, or None in keep-alives and in the last chunk, which holds the usage."""
        return next((choice for choice in self.choices or [] if choice.index in (None, 0, "0")), None)
