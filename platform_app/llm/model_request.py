"""Model request: the request of one reply, and the result of its stream."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ModelRequest:
    """A request for a reply; messages are those of the chat completions API."""

    model: str
    messages: list[dict[str, str]]
    temperature: float
    max_tokens: int
    max_chars: int = 40_000  # of the reply that are yielded


@dataclass
class ModelResult:
    """The result of a stream, filled in while it is received; times are in milliseconds."""

    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str = ""
    first_token_ms: int = 0
    total_ms: int = 0
    attempts: int = 0
    text: str = ""  # the reply so far; reset if the text turns out to be reasoning
    thoughts: str = ""
    adaptations: list[tuple[str, str]] = field(default_factory=list)  # as of ModelLimitations.descriptions
    messages: list[dict[str, str]] = field(default_factory=list)  # as sent
