"""Model limitations: parameters that models have refused, remembered for some hours."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import openai

from platform_app.llm import refusal_causes
from platform_app.llm.provider_errors import ProviderError, body_of, refusal_of, status_of, words_of
from platform_app.llm.refusal_causes import Refusal
from platform_app.llm.transport import Provider

KEPT_SECONDS = 6 * 3600.0
MOST = 1_000  # models remembered
FEWEST_TOKENS = 16
_GUESSES = ("temperature", "max_tokens", "stream_options", "max_completion_tokens", "roles", "system")


@dataclass(frozen=True)
class Traits:
    """The limitations of a model, and how it replies."""

    dropped: frozenset[str] = frozenset()  # parameters
    renames_limit: bool = False  # max_completion_tokens in place of max_tokens
    most_tokens: int | None = None  # of an answer
    more_tokens: int = 1  # the limit times this: thinking used it up
    strict_roles: bool = False  # begins with the user
    no_system: bool = False
    opens_thinking: bool | None = None  # its replies hold the end of thoughts without their beginning
    prompt_tokens: int | None = None  # a prompt of so many, by our estimate, was not too long
    guessed: int = 0  # of the guesses at an unexplained refusal
    until: float = field(default=0.0, compare=False)  # by the monotonic clock

    def told(self) -> list[tuple[str, str]]:
        """Return the changes to a request, each as a sentence with {value} and the value."""
        found = [("without {value}", name) for name in sorted(self.dropped)]
        found += [("max_tokens as {value}", "max_completion_tokens")] if self.renames_limit else []
        found += [("at most {value} tokens", str(self.most_tokens))] if self.most_tokens else []
        found += [("{value} times the tokens", str(self.more_tokens))] if self.more_tokens > 1 else []
        found += [("turns that begin with the contact", "")] if self.strict_roles else []
        return found + ([("instructions within the first message", "")] if self.no_system else [])


_known: dict[tuple[str, str], Traits] = {}


def traits_of(where: Provider, model: str) -> Traits:
    """Return the known limitations of a model."""
    found = _known.get((where.base_url, model))
    return found if found and found.until > time.monotonic() else Traits()


def remember(where: Provider, model: str, traits: Traits) -> None:
    """Store the limitations of a model."""
    if traits == traits_of(where, model):
        return
    while len(_known) >= MOST:
        _known.pop(next(iter(_known)))
    _known[where.base_url, model] = replace(traits, until=time.monotonic() + KEPT_SECONDS)


def remember_size(where: Provider, model: str, prompt_tokens: int) -> None:
    """Store the size in tokens of a prompt that was accepted after a larger one was too long."""
    remember(where, model, replace(traits_of(where, model), prompt_tokens=prompt_tokens))


def forget() -> None:
    """Forget the limitations of all models."""
    _known.clear()


def body(wanted: dict[str, Any], traits: Traits) -> dict[str, Any]:
    """Return the body of a request as a model accepts it.

    `wanted` has model, messages, temperature and max_tokens. Consecutive messages of one role are joined.
    """
    tokens = wanted["max_tokens"] * traits.more_tokens
    limit = "max_completion_tokens" if traits.renames_limit else "max_tokens"
    made = {
        "model": wanted["model"],
        "messages": turns(wanted["messages"], traits),
        "temperature": wanted["temperature"],
        limit: min(tokens, traits.most_tokens or tokens),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return {name: value for name, value in made.items() if name not in traits.dropped}


def turns(messages: list[dict[str, str]], traits: Traits) -> list[dict[str, str]]:
    """Return messages in alternating roles, with instructions first or where a model accepts them."""
    system = "\n\n".join(one["content"] for one in messages if one["role"] == "system")
    said: list[dict[str, str]] = []
    for one in messages:
        if one["role"] == "system" or not one["content"].strip():
            continue
        if said and said[-1]["role"] == one["role"]:
            said[-1] = {"role": one["role"], "content": f"{said[-1]['content']}\n\n{one['content']}"}
        else:
            said.append(dict(one))
    if traits.strict_roles and said and said[0]["role"] == "assistant":
        opening = said.pop(0)["content"]
        system = f"{system}\n\nYou began the conversation with this message:\n{opening}".strip()
    if system and traits.no_system and said and said[0]["role"] == "user":
        said[0] = {"role": "user", "content": f"{system}\n\n{said[0]['content']}"}
    elif system:
        said.insert(0, {"role": "user" if traits.no_system else "system", "content": system})
    return said


def adapted(traits: Traits, wanted: dict[str, Any], error: Exception) -> Traits | None:
    """Return the limitations with which to retry after a refusal, or None if there is nothing to change.

    After a refusal that names no known parameter, parameters are omitted one after the other.
    """
    if status_of(error) not in (400, 422, 500, 501) or not isinstance(error, openai.APIStatusError | ProviderError):
        return None
    text, refusal = words_of(error), refusal_of(error)
    if refusal in (Refusal.ROLES, Refusal.SYSTEM):
        return next((one for one in _turned(traits, refusal) if one != traits), None)
    if refusal is not None:
        return None
    named = error.param if isinstance(error, openai.APIError) else None
    name = refusal_causes.parameter(str(named or ""), text)
    if not name and status_of(error) == 400 and not isinstance(body_of(error), str):
        return _guessed(traits)
    sent = body(wanted, traits)
    if name.startswith("max_"):
        name = name if name in sent else "max_completion_tokens" if traits.renames_limit else "max_tokens"
    return _without(traits, name, refusal_causes.most_tokens(text)) if name in sent else None


def _turned(traits: Traits, refusal: Refusal) -> Iterator[Traits]:
    if refusal == Refusal.ROLES:
        yield replace(traits, strict_roles=True)
    yield replace(traits, no_system=True)
    yield replace(traits, strict_roles=True, no_system=True)


def _without(traits: Traits, name: str, most: int | None) -> Traits:
    """Return the limitations without a parameter; a limit is lowered or renamed before it is omitted."""
    if name.startswith("max_") and most and most >= FEWEST_TOKENS and traits.most_tokens is None:
        return replace(traits, most_tokens=most)
    if name == "max_tokens":
        return replace(traits, renames_limit=True)
    return replace(traits, dropped=traits.dropped | {name})


def _guessed(traits: Traits) -> Traits | None:
    for number, name in enumerate(_GUESSES[traits.guessed :], traits.guessed + 1):
        if name == "roles":
            made = replace(traits, strict_roles=True)
        elif name == "system":
            made = replace(traits, no_system=True)
        else:
            made = _without(traits, name, None)
        if made != traits:
            return replace(made, guessed=number)
    return None
