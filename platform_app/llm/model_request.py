"""Model request: a request to a model, and the outcome of its reply."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ModelRequest:
    """A request to a model. Messages are those of the chat completions API."""

    model: str
    messages: list[dict[str, str]]
    temperature: float
    max_tokens: int
    max_chars: int = 40_000  # text beyond this is not yielded


@dataclass
class Outcome:
    """The outcome of a reply; filled in while it is streamed."""

    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str = ""
    first_token_ms: int = 0
    total_ms: int = 0
    tries: int = 0
    text: str = ""  # all of the reply so far; begins anew when what came turns out to be thoughts
    thoughts: str = ""
    adapted: list[tuple[str, str]] = field(default_factory=list)  # what was done otherwise than asked for
    messages: list[dict[str, str]] = field(default_factory=list)  # as they were sent
