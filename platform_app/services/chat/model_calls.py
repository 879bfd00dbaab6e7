"""Model calls: the models that an agent names, and what was asked of each of them for a reply."""

from dataclasses import dataclass, field
from typing import Any

from platform_app.db import Transaction
from platform_app.llm import pricing, prompts
from platform_app.llm.client import FailureReason, ModelResult, Provider
from platform_app.models.agent import AgentSettings
from platform_app.models.model_provider import NO_PROVIDER
from platform_app.services.embedding.rerankers import TenantReranker
from platform_app.services.providers import providers

RERANKING = "reranking"  # purpose of a request that orders passages
TRANSCRIPT, DESCRIPTION = "transcript", "description"  # purposes of requests about recordings and pictures
MAX_TOKEN_COUNT = 10**9  # larger counts of a provider are capped


@dataclass(frozen=True)
class ModelChoice:
    """A model that an agent names; `provider` is None if it was taken away, `model` "" for the provider's default."""

    provider: Provider | None
    model: str


@dataclass
class ModelCall:
    """A request to a model that has ended, with its retries.

    `purpose` is "reply", "extraction", "search query", "judge", "rewriting", "transcript", "description"
    or "reranking", whose cost is in `dollars`.
    """

    purpose: str
    provider: Provider
    model: str  # the requested one
    result: ModelResult
    failure: FailureReason | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)  # for an estimate, if none were sent
    dollars: float | None = None

    @property
    def model_name(self) -> str:
        """The model as the provider names it, else as it was requested."""
        return (self.result.model or self.model)[:200]

    @property
    def prompt_tokens(self) -> int:
        """The provider's count, else an estimate; 0 for a request that failed before any text."""
        messages = [] if self._is_void else self.result.messages or self.messages
        prompt = "\n".join(str(message.get("content") or "") for message in messages)
        return _count(self.result.prompt_tokens, prompt)

    @property
    def cached_tokens(self) -> int:
        """How many of the prompt's tokens came from the provider's cache, as the provider says; else 0."""
        return _count(self.result.cached_tokens, "")

    @property
    def completion_tokens(self) -> int:
        """The provider's count, else an estimate."""
        return _count(self.result.completion_tokens, self.result.text)

    @property
    def cost(self) -> float | None:
        """The cost in US dollars, None if the price is not known."""
        if self.purpose == RERANKING:
            return self.dollars
        price = self.provider.price(self.model_name) or self.provider.price(self.model)
        if self.purpose == TRANSCRIPT and self.result.prompt_tokens is None and not self._is_void:
            return pricing.recording_cost(self.model, self.result.seconds, price=price)
        tokens = self.prompt_tokens, self.completion_tokens
        if not any(tokens):
            return 0.0
        return pricing.cost(
            self.model_name,
            *tokens,
            is_offline=self.provider.is_offline,
            cached_tokens=self.result.cached_tokens or 0,
            price=price,
        )

    @property
    def _is_void(self) -> bool:
        return self.failure is not None and not self.result.text

    def as_json(self) -> dict[str, Any]:
        """Return the call as a trace stores it."""
        return {
            "purpose": self.purpose,
            "provider": self.provider.name,
            "wire": self.provider.wire.value,
            "model": self.model_name,
            "requests": self.result.requests,
            "sent": self.result.sent,
            "prompt_tokens": self.prompt_tokens,
            "cached_tokens": self.cached_tokens,
            "completion_tokens": self.completion_tokens,
            "reasoning_tokens": _count(self.result.reasoning_tokens, ""),
            "cost": self.cost,
            "failure": self.failure.value if self.failure else "",
        }


def of_reranker(reranker: TenantReranker) -> ModelCall:
    """Return the call of a reranking model for a reply."""
    result = ModelResult(prompt_tokens=reranker.tokens, completion_tokens=0, requests=reranker.requests)
    result.total_ms = reranker.milliseconds
    return ModelCall(RERANKING, reranker.provider, reranker.model, result, dollars=reranker.dollars)


def total_cost(calls: list[ModelCall]) -> float | None:
    """Return the cost of calls in US dollars, None if that of one of them is not known."""
    costs = [call.cost for call in calls]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def known_cost(calls: list[ModelCall]) -> float:
    """Return the cost in US dollars of those calls whose cost is known."""
    return sum(call.cost or 0.0 for call in calls)


def model_choices(session: Transaction, tenant_id: str, settings: AgentSettings) -> list[ModelChoice]:
    """Return the model that an agent names and its fallback, if it has one.

    Raises Conflict if the key of a provider cannot be decrypted.
    """
    wanted = [(settings.provider, settings.model)]
    if settings.fallback_provider != NO_PROVIDER:
        wanted.append((settings.fallback_provider, settings.fallback_model))
    return [ModelChoice(providers.find_provider(session, tenant_id, name), model) for name, model in wanted]


def _count(counted: int | None, text: str) -> int:
    """Return the provider's count of tokens, or an estimate if it gave none."""
    estimate = prompts.estimate_tokens(text) if text else 0
    return estimate if counted is None else min(max(counted, 0), MAX_TOKEN_COUNT)
