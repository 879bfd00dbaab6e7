"""Model limitations: parameters and roles that a model refused, cached for hours, so that they are not sent again."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import openai

from platform_app.llm import refusal_causes
from platform_app.llm.provider_errors import ProviderError, error_body, error_status, error_text, refusal_cause
from platform_app.llm.refusal_causes import RefusalCause
from platform_app.llm.transport import Provider

CACHE_SECONDS = 6 * 3600.0
MAX_MODELS = 1_000  # in the cache
MIN_TOKENS = 16
_GUESSES = (
    "temperature",
    "reasoning_effort",
    "max_tokens",
    "stream_options",
    "max_completion_tokens",
    "roles",
    "system",
)


@dataclass(frozen=True)
class ModelLimitations:
    """What a model does not accept, and how requests are adapted to it."""

    dropped_parameters: frozenset[str] = frozenset()
    uses_max_completion_tokens: bool = False  # instead of max_tokens
    max_tokens: int | None = None  # of a completion
    token_factor: int = 1  # multiplies max_tokens, after reasoning used them up
    strict_roles: bool = False  # the first message has to be the user's
    no_system: bool = False  # no system message
    template_opens_reasoning: bool | None = None  # replies hold the end tag of reasoning alone
    no_images: bool = False
    prompt_tokens: int | None = None  # estimated size of a prompt that was accepted after a longer one was refused
    guesses: int = 0  # how many of _GUESSES were tried
    expires_at: float = field(default=0.0, compare=False)  # monotonic seconds

    def descriptions(self) -> list[tuple[str, str]]:
        """Return the adaptations of a request as pairs: a message id with {value}, and the value."""
        lines = [("without {value}", name) for name in sorted(self.dropped_parameters)]
        lines += [("max_tokens as {value}", "max_completion_tokens")] if self.uses_max_completion_tokens else []
        lines += [("up to {value} tokens", str(self.max_tokens))] if self.max_tokens else []
        lines += [("{value} times the tokens", str(self.token_factor))] if self.token_factor > 1 else []
        lines += [("turns that begin with the contact", "")] if self.strict_roles else []
        return lines + ([("instructions within the first message", "")] if self.no_system else [])


_known: dict[tuple[str, str, str], ModelLimitations] = {}


def known_limitations(provider: Provider, model: str) -> ModelLimitations:
    """Return the known limitations of a model; without any if none are cached."""
    cached = _known.get((provider.base_url, provider.wire, model))
    return cached if cached and cached.expires_at > time.monotonic() else ModelLimitations()


def remember(provider: Provider, model: str, limitations: ModelLimitations) -> None:
    """Cache the limitations of a model for CACHE_SECONDS."""
    if limitations == known_limitations(provider, model):
        return
    while len(_known) >= MAX_MODELS:
        _known.pop(next(iter(_known)))
    _known[provider.base_url, provider.wire, model] = replace(limitations, expires_at=time.monotonic() + CACHE_SECONDS)


def remember_prompt_size(provider: Provider, model: str, prompt_tokens: int) -> None:
    """Cache the estimated size of a prompt that the model accepted after it refused a longer one."""
    remember(provider, model, replace(known_limitations(provider, model), prompt_tokens=prompt_tokens))


def forget_all() -> None:
    """Forget the limitations of all models, which are then learned from refusals anew."""
    _known.clear()


def request_body(request: dict[str, Any], limitations: ModelLimitations) -> dict[str, Any]:
    """Return the body of a request, adapted to the limitations of the model.

    `request` holds the fields of ModelRequest. Consecutive messages of one role are joined.
    """
    tokens = request["max_tokens"] * limitations.token_factor
    limit = "max_completion_tokens" if limitations.uses_max_completion_tokens else "max_tokens"
    body = {
        "model": request["model"],
        "messages": arrange_messages(request["messages"], limitations),
        "temperature": request["temperature"],
        limit: min(tokens, limitations.max_tokens or tokens),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.get("tools"):
        body["tools"] = [tool.as_json() for tool in request["tools"]]
    if request.get("effort"):
        body["reasoning_effort"] = request["effort"]
    return {name: value for name, value in body.items() if name not in limitations.dropped_parameters}


def arrange_messages(messages: list[dict[str, Any]], limitations: ModelLimitations) -> list[dict[str, Any]]:
    """Return messages with alternating roles; instructions come first, or in the first message of the user."""
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    arranged: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "system" or not (_has_content(message) or _is_of_tool(message)):
            continue
        if _stands_alone(message) or (arranged and _stands_alone(arranged[-1])):
            arranged.append(dict(message))
        elif arranged and arranged[-1]["role"] == message["role"]:
            arranged[-1] = {"role": message["role"], "content": f"{arranged[-1]['content']}\n\n{message['content']}"}
        else:
            arranged.append(dict(message))
    if limitations.strict_roles and arranged and arranged[0]["role"] == "assistant":
        opening = arranged.pop(0)["content"]
        system = f"{system}\n\nYou began the conversation with this message:\n{opening}".strip()
    if system and limitations.no_system and arranged and arranged[0]["role"] == "user":
        arranged[0] = {"role": "user", "content": _with_text(system, arranged[0]["content"])}
    elif system:
        arranged.insert(0, {"role": "user" if limitations.no_system else "system", "content": system})
    return arranged


def has_images(messages: list[dict[str, Any]]) -> bool:
    """Return whether a message has parts, which pictures are."""
    return any(isinstance(message["content"], list) for message in messages)


def _has_content(message: dict[str, Any]) -> bool:
    content = message["content"]
    return bool(content.strip() if isinstance(content, str) else content)


def _with_text(text: str, content: Any) -> Any:
    """Return the content of a message, a text or parts, with a text before it."""
    return f"{text}\n\n{content}" if isinstance(content, str) else [{"type": "text", "text": text}, *content]


def _stands_alone(message: dict[str, Any]) -> bool:
    """Return whether a message is not joined with its neighbours."""
    return _is_of_tool(message) or isinstance(message["content"], list)


def _is_of_tool(message: dict[str, Any]) -> bool:
    """Return whether a message calls tools or is the result of a call, and stands by itself."""
    return message["role"] == "tool" or bool(message.get("tool_calls"))


def adapt_to_refusal(
    limitations: ModelLimitations, request: dict[str, Any], error: Exception
) -> ModelLimitations | None:
    """Return the limitations to retry with after a refusal, or None if a retry is useless.

    If a refusal names no parameter and has no known wording, one parameter after another is left out.
    """
    if error_status(error) not in (400, 422, 500, 501) or not isinstance(error, openai.APIStatusError | ProviderError):
        return None
    text, refusal = error_text(error), refusal_cause(error)
    if refusal in (RefusalCause.ROLES, RefusalCause.SYSTEM):
        return next((variant for variant in _role_variants(limitations, refusal) if variant != limitations), None)
    if refusal is not None:
        return None
    named = error.param if isinstance(error, openai.APIError) else None
    if has_images(request["messages"]) and not refusal_causes.refused_parameter(str(named or ""), text):
        return None  # the picture was refused: no other parameter is tried
    name = refusal_causes.refused_parameter(str(named or ""), text)
    if not name and error_status(error) == 400 and not isinstance(error_body(error), str):
        return _next_guess(limitations, set(request_body(request, limitations)))
    sent = request_body(request, limitations)
    if name.startswith("max_"):
        name = (
            name
            if name in sent
            else "max_completion_tokens"
            if limitations.uses_max_completion_tokens
            else "max_tokens"
        )
    return _without_parameter(limitations, name, refusal_causes.allowed_tokens(text)) if name in sent else None


def _role_variants(limitations: ModelLimitations, refusal: RefusalCause) -> Iterator[ModelLimitations]:
    if refusal == RefusalCause.ROLES:
        yield replace(limitations, strict_roles=True)
    yield replace(limitations, no_system=True)
    yield replace(limitations, strict_roles=True, no_system=True)


def _without_parameter(limitations: ModelLimitations, name: str, allowed_tokens: int | None) -> ModelLimitations:
    """Return the limitations with a parameter left out; a token limit is first lowered, then renamed."""
    if name.startswith("max_") and allowed_tokens and allowed_tokens >= MIN_TOKENS and limitations.max_tokens is None:
        return replace(limitations, max_tokens=allowed_tokens)
    if name == "max_tokens":
        return replace(limitations, uses_max_completion_tokens=True)
    return replace(limitations, dropped_parameters=limitations.dropped_parameters | {name})


def _next_guess(limitations: ModelLimitations, sent: set[str]) -> ModelLimitations | None:
    for number, name in enumerate(_GUESSES[limitations.guesses :], limitations.guesses + 1):
        if name == "reasoning_effort" and name not in sent:
            continue
        if name == "roles":
            guessed = replace(limitations, strict_roles=True)
        elif name == "system":
            guessed = replace(limitations, no_system=True)
        else:
            guessed = _without_parameter(limitations, name, None)
        if guessed != limitations:
            return replace(guessed, guesses=number)
    return None
