"""Requests: what clients of OpenAI send, as far as an agent obeys it.

The agent's own instructions and settings apply: messages of a system or developer, temperature and the like are
accepted, because clients send them, and change nothing.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from platform_app.api.rest.fields import MessageText
from platform_app.models.conversation import Author
from platform_app.services.channels.completions import Turn

ModelName = Annotated[str, Field(min_length=1, max_length=120, description="The id or the name of an agent.")]
UserReference = Annotated[
    str,
    Field(
        pattern=r"^[\x21-\x7e]{1,120}$",
        description="Your id of the person who writes: their conversation goes on, and the last message is enough.",
    ),
]
_AUTHORS = {"user": Author.CONTACT, "assistant": Author.AGENT}
_TEXT_TYPES = ("text", "input_text", "output_text")


class TextPart(BaseModel):
    """A part of a message; agents read text alone."""

    model_config = ConfigDict(extra="ignore", strict=True)

    type: Literal["text", "input_text", "output_text"]
    text: MessageText


class GivenMessage(BaseModel):
    """A message of the conversation so far; those of a system or developer change nothing."""

    model_config = ConfigDict(extra="ignore", strict=True)

    role: Literal["user", "assistant", "system", "developer"]
    content: MessageText | Annotated[list[TextPart], Field(min_length=1, max_length=20)]


class StreamOptions(BaseModel):
    """What a stream holds beside the text."""

    model_config = ConfigDict(extra="ignore", strict=True)

    include_usage: bool = False


class ChatRequest(BaseModel):
    """A request for a chat completion. Fields that are not described are accepted and change nothing."""

    model_config = ConfigDict(extra="ignore", strict=True)

    model: ModelName
    messages: Annotated[list[GivenMessage], Field(min_length=1, max_length=200)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: UserReference | None = None
    n: Literal[1] | None = None


class ResponseRequest(BaseModel):
    """A request for a response. Fields that are not described are accepted and change nothing."""

    model_config = ConfigDict(extra="ignore", strict=True)

    model: ModelName
    input: MessageText | Annotated[list[GivenMessage], Field(min_length=1, max_length=200)]
    stream: bool | None = None
    user: UserReference | None = None
    previous_response_id: Annotated[str, Field(pattern="^resp_[0-9a-f]{32}$")] | None = None


def turns_of(given: str | list[GivenMessage]) -> list[Turn]:
    """Return the messages of person and agent."""
    if isinstance(given, str):
        return [Turn(Author.CONTACT, given)]
    return [Turn(_AUTHORS[one.role], _text(one.content)) for one in given if one.role in _AUTHORS]


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(part.text for part in content)
