"""Pricing: the cost of a request to a model: by the prices of its provider, else by the price list of genai-prices."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genai_prices import Usage, calc_price

_MILLION = 1_000_000
MAX_PRICE = 10_000 / _MILLION  # of a token, in US dollars
# Names of a price in the lists of providers: of one token (OpenRouter, LiteLLM) or of a million (Together)
_PER_TOKEN = {
    "input": ("prompt", "input_cost_per_token"),
    "output": ("completion", "output_cost_per_token"),
    "cached": ("input_cache_read", "cache_read_input_token_cost"),
}
_MINUTE_PRICES = {"whisper-1": 0.006, "gpt-4o-transcribe": 0.006, "gpt-4o-mini-transcribe": 0.003}  # of OpenAI
_EMBEDDING_PRICES = {
    "text-embedding-3-small": 0.02,
    "text-embedding-3-large": 0.13,
    "text-embedding-ada-002": 0.1,
}  # same
_SEARCH_PRICES = {"rerank-v3.5": 0.002, "rerank-english-v3.0": 0.002, "rerank-multilingual-v3.0": 0.002}  # of Cohere
_PER_MILLION = {"input": ("input",), "output": ("output",), "cached": ("cached_input", "input_cached")}


@dataclass(frozen=True)
class ModelPrice:
    """The price of a token of a model in US dollars: read, written, and read from the provider's cache."""

    input: float
    output: float
    cached: float | None = None  # None: as any token that is read

    def of(self, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0) -> float:
        """Return the cost of a request; `cached_tokens` are among those of the prompt."""
        cached = min(max(cached_tokens, 0), prompt_tokens)
        cached_price = self.input if self.cached is None else self.cached
        return (prompt_tokens - cached) * self.input + cached * cached_price + completion_tokens * self.output


def parse_price(row: Mapping[str, Any]) -> ModelPrice | None:
    """Return the price in a model's entry of a provider's list, or None if it names none."""
    for holder in (row.get("pricing"), row.get("model_info"), row):
        if not isinstance(holder, Mapping):
            continue
        for names, divisor in ((_PER_TOKEN, 1), (_PER_MILLION, _MILLION)):
            read, written, cached = (_number(holder, names[kind], divisor) for kind in ("input", "output", "cached"))
            if read is not None and written is not None:
                return ModelPrice(read, written, cached)
    return None


def _number(holder: Mapping[str, Any], names: tuple[str, ...], divisor: int) -> float | None:
    for name in names:
        value = holder.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        try:
            price = float(value) / divisor
        except (ValueError, OverflowError):
            continue
        if 0 <= price <= MAX_PRICE:
            return price
    return None


def cost(
    model: str,
    prompt_tokens: int,
    completion_tokens: int,
    *,
    is_offline: bool,
    cached_tokens: int = 0,
    price: ModelPrice | None = None,
) -> float | None:
    """Return the cost of a request in US dollars: 0.0 for the offline model, None if the price is unknown.

    `cached_tokens` are among those of the prompt; `price` is that of the provider, if it names one.
    """
    if is_offline:
        return 0.0
    if price is not None:
        return price.of(prompt_tokens, completion_tokens, cached_tokens)
    cached = min(max(cached_tokens, 0), prompt_tokens)
    try:
        usage = Usage(input_tokens=prompt_tokens, cache_read_tokens=cached, output_tokens=completion_tokens)
        return float(calc_price(usage, model_ref=model).total_price)
    except (LookupError, ValueError):
        return None


def recording_cost(model: str, seconds: float | None, *, price: ModelPrice | None = None) -> float | None:
    """Return the cost of the transcript of a recording in US dollars, None if the price or the length is unknown.

    It is that of its minutes; a provider whose tokens cost nothing takes nothing for minutes either.
    """
    if price is not None and not price.input and not price.output:
        return 0.0
    minute = next((dollars for name, dollars in _MINUTE_PRICES.items() if model.startswith(name)), None)
    return None if minute is None or seconds is None else minute * seconds / 60


def known_price(model: str) -> ModelPrice | None:
    """Return the price of a model in the price list of genai-prices, or None."""
    million = cost(model, _MILLION, 0, is_offline=False), cost(model, 0, _MILLION, is_offline=False)
    return None if None in million else ModelPrice(*(float(amount or 0) / _MILLION for amount in million))


def embedding_price(model: str, prices: Mapping[str, ModelPrice]) -> float | None:
    """Return the price of a token of an embedding model in US dollars, or None.

    `prices` are those of its provider by model, "" for models without a known price.
    """
    name = model.rsplit("/", 1)[-1]
    if name in _EMBEDDING_PRICES and model not in prices:
        return _EMBEDDING_PRICES[name] / _MILLION
    price = prices.get(model) or known_price(model) or prices.get("")
    return price.input if price is not None else None


def search_price(model: str) -> float | None:
    """Return the price of a search that a reranking model bills, in US dollars, or None if it is not known."""
    return _SEARCH_PRICES.get(model.rsplit("/", 1)[-1])
