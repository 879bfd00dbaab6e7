"""Model request: the request of one reply, and the result of its stream."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ToolDefinition:
    """What a model is told of a tool; `parameters` is a JSON schema of an object."""

    name: str
    description: str
    parameters: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the tool as chat completions name it."""
        told = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": told}


@dataclass
class ToolRequest:
    """A call of a tool that a model asks for; `arguments` is JSON, or what the model wrote in its place."""

    call_id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True)
class ModelRequest:
    """A request for a reply; messages are those of the chat completions API."""

    model: str
    messages: list[dict[str, Any]]
    temperature: float
    max_tokens: int
    max_chars: int = 40_000  # of the reply that are yielded
    tools: tuple[ToolDefinition, ...] = ()
    effort: str = ""  # of reasoning; "": what the model does by itself

    @property
    def reasons(self) -> bool:
        """Whether the model is asked to reason, and may be silent for longer."""
        return self.effort not in ("", "none", "minimal")


@dataclass
class ModelResult:
    """The result of a stream, filled in while it is received; times are in milliseconds."""

    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None  # of the prompt, read from the provider's cache
    reasoning_tokens: int | None = None  # of the completion
    seconds: float | None = None  # of a recording, where the provider counts its length
    model: str = ""
    first_token_ms: int = 0
    total_ms: int = 0
    attempts: int = 0
    requests: int = 0  # that were sent, also those that were refused and adapted
    text: str = ""  # the reply so far; reset if the text turns out to be reasoning
    thoughts: str = ""
    adaptations: list[tuple[str, str]] = field(default_factory=list)  # as of ModelLimitations.descriptions
    tool_requests: list[ToolRequest] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)  # as sent
    sent: dict[str, Any] = field(default_factory=dict)  # the parameters as sent, without messages
