"""Model spans: requests to models as spans, by the semantic conventions of OpenTelemetry for generative AI.

They hold counts, names and times, never a prompt or an answer. The conventions are in development; these are those of
version 1.41.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from platform_app.llm.model_request import ModelRequest, ModelResult
from platform_app.llm.provider_errors import ModelFailure
from platform_app.tracing import spans
from platform_app.tracing.spans import Kind, Span

if TYPE_CHECKING:
    from platform_app.llm.transport import Provider

_PROVIDERS = {  # hosts, and what the conventions call who answers there
    "api.openai.com": "openai",
    "openai.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.inference",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "amazonaws.com": "aws.bedrock",
    "api.cohere.com": "cohere",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
}


def provider_name(provider: "Provider") -> str:
    """Return what the conventions call a provider: another one speaks the protocol of "openai"."""
    if provider.is_offline:
        return "offline"
    host = urlsplit(provider.base_url).hostname or ""
    return next((name for known, name in _PROVIDERS.items() if host == known or host.endswith(f".{known}")), "openai")


def model_attributes(provider: "Provider", operation: str, model: str) -> dict[str, spans.Value | None]:
    """Return what every request to a model has: the operation, the provider, the model and the server."""
    parts = urlsplit(provider.base_url)
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider_name(provider),
        "gen_ai.request.model": model,
        "server.address": parts.hostname,
        "server.port": parts.port or (443 if parts.scheme == "https" else 80),
    }


@contextmanager
def chat_span(request: ModelRequest, provider: "Provider", result: ModelResult) -> Iterator[Span]:
    """Have a span for a reply of a model, with all its attempts; `result` is read at the end.

    It is not the current one, since a generator holds it.
    """
    attributes = model_attributes(provider, "chat", request.model) | {
        "gen_ai.request.temperature": request.temperature,
        "gen_ai.request.max_tokens": request.max_tokens,
        "gen_ai.request.stream": True,
    }
    span = spans.begin(f"chat {request.model}", Kind.CLIENT, attributes)
    try:
        yield span
    except BaseException as error:
        span.fail(failure_kind(error))
        raise
    finally:
        _add_result(span, result)
        span.end()


def failure_kind(error: BaseException) -> BaseException | str:
    """Return what `Span.fail` is told of an error: the reason of a failed model in small letters."""
    return error.reason.name.lower() if isinstance(error, ModelFailure) else error


def _add_result(span: Span, result: ModelResult) -> None:
    first_chunk = result.first_token_ms / 1000 if result.first_token_ms else None
    span.set_all(
        {
            "gen_ai.response.model": result.model,
            "gen_ai.response.finish_reasons": [result.finish_reason] if result.finish_reason else None,
            "gen_ai.response.time_to_first_chunk": first_chunk,
            "gen_ai.usage.input_tokens": result.prompt_tokens,
            "gen_ai.usage.output_tokens": result.completion_tokens,
            "gen_ai.usage.cache_read.input_tokens": result.cached_tokens,
            "gen_ai.usage.reasoning.output_tokens": result.reasoning_tokens,
            "platform.model.attempts": result.attempts,
        }
    )
