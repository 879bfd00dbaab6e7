"""Provider errors: why a model gave no complete reply, each reason with a sentence for people."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import aiohttp
import httpx2
import openai

from platform_app.llm.refusal_causes import RefusalCause, classify_refusal


class FailureReason(StrEnum):
    """Why a reply failed; the value is the message id of a sentence with the cause and what to do."""

    NO_PICTURES = "This model can’t look at pictures."
    NO_TRANSCRIPTION = "The model provider offers no transcription of recordings."
    BUSY = "The model provider is busy. Try again in a minute."
    KEY = "The model provider rejected the API key. Check the API key in the provider’s settings."
    QUOTA = "Your model provider account has no credit or quota left. Top it up and try again."
    REGION = "The model provider isn’t available in this country or region. Choose another provider."
    MODEL = "The provider doesn’t know this model. Choose another in the agent’s settings."
    NOT_CHAT = "This model doesn’t support chat. Choose another in the agent’s settings."
    NO_MODEL = "The provider lists no chat models. Choose a model in the agent’s settings."
    ADDRESS = "No model provider is responding at this address. Check it: most end in /v1."
    REFUSED = "The provider refused the request. Check the agent’s settings."
    TOO_LONG = "The conversation is too long for this model. Start a new one or choose a model with a larger context."
    UNREACHABLE = "The model provider can’t be reached. Check its address or try again."
    SERVER = "The model provider returned an error. Try again."
    NOT_ALLOWED = "This URL is blocked."
    REMOVED = "The model provider of this agent was removed. Choose another in the agent’s settings."
    TIMEOUT = "The model took too long. Try again."
    INTERRUPTED = "The reply was cut off. Try again."
    INVALID_RESPONSE = "The provider answered with something that isn’t a model’s reply. Check its address."
    FILTERED = "The provider’s content filter stopped the reply. Ask in other words."
    TOO_MANY_CALLS = "The model kept calling tools. Give the agent clearer instructions, or choose another model."
    TOO_MUCH_TEXT = "The reply hit the size limit. Lower “Max tokens per reply” in the agent’s settings."
    TOKENS_USED_UP = (
        "The model used all its tokens on reasoning and wrote nothing. Raise “Max tokens per reply” "
        "in the agent’s settings."
    )


class ModelFailure(Exception):
    """The model gave no complete reply; the text received so far is in the ModelResult.

    `detail` is for the log: the type of error, never its text, which may repeat the key or the prompt.
    """

    def __init__(self, reason: FailureReason, detail: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.detail = detail[:300]


class ResponseTooLarge(ValueError):
    """A response exceeds the maximum size."""


class ProviderError(Exception):
    """An error in a response with status 200; its body is JSON or text."""

    def __init__(self, body: Any) -> None:
        super().__init__("an error within the answer")
        self.body = body


# What a request to a provider may raise. The client does not validate chunks: any JSON reaches our code.
PROVIDER_ERRORS = (
    ProviderError,
    openai.OpenAIError,
    aiohttp.ClientError,
    httpx2.HTTPError,
    httpx2.InvalidURL,
    httpx2.StreamError,
    ValueError,
    OSError,
    AttributeError,
    TypeError,
    LookupError,
    RecursionError,
)
_REASON_BY_STATUS = {
    401: FailureReason.KEY,
    402: FailureReason.QUOTA,
    403: FailureReason.KEY,
    405: FailureReason.ADDRESS,
    408: FailureReason.TIMEOUT,
} | {
    410: FailureReason.MODEL,
    413: FailureReason.TOO_LONG,
    429: FailureReason.BUSY,
    529: FailureReason.BUSY,
}
_REASON_BY_CAUSE = {
    RefusalCause.TOO_LONG: FailureReason.TOO_LONG,
    RefusalCause.QUOTA: FailureReason.QUOTA,
    RefusalCause.KEY: FailureReason.KEY,
    RefusalCause.REGION: FailureReason.REGION,
    RefusalCause.FILTERED: FailureReason.FILTERED,
    RefusalCause.NOT_CHAT: FailureReason.NOT_CHAT,
    RefusalCause.MODEL: FailureReason.MODEL,
    RefusalCause.ADDRESS: FailureReason.ADDRESS,
    RefusalCause.BUSY: FailureReason.BUSY,
    RefusalCause.NO_IMAGES: FailureReason.NO_PICTURES,
}
_STATUS_BY_CODE = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "throttling_error": 429,
    "insufficient_quota": 429,
    "overloaded_error": 529,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "model_not_found": 404,
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "exceed_context_size_error": 400,
    "server_error": 500,
    "internal_error": 500,
    "api_error": 500,
}


def error_body(error: Exception) -> Any:
    """Return the body of a provider's error, JSON or text; None if the error is not from the provider."""
    return error.body if isinstance(error, ProviderError | openai.APIError) else None


def error_text(error: Exception) -> str:
    """Return the body of a provider's error as text; empty if there is none."""
    body = error_body(error)
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, default=str) if body else ""


def error_status(error: Exception) -> int:
    """Return the HTTP status of a provider's error, also of an error event in a stream; 0 if it has none."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code
    body = error_body(error)
    for code in (body.get("code"), body.get("status"), body.get("type")) if isinstance(body, Mapping) else ():
        if isinstance(code, str) and (code.isdecimal() and len(code) == 3 or code in _STATUS_BY_CODE):
            return _STATUS_BY_CODE.get(code) or int(code)
        if isinstance(code, int) and 400 <= code < 600:
            return code
    return 0


def refusal_cause(error: Exception) -> RefusalCause | None:
    """Return the cause that the text of a provider's error names, or None."""
    return classify_refusal(error_status(error), error_text(error)) if error_body(error) else None


def is_timeout(error: Exception) -> bool:
    """Return whether an error is a timeout; the library reports every failed connection as one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, aiohttp.ClientError):
            return isinstance(cause, TimeoutError)
        cause = cause.__cause__
    return isinstance(error, openai.APITimeoutError | TimeoutError | httpx2.TimeoutException)


def is_not_allowed(error: Exception) -> bool:
    """Return whether a connection was refused because its address may not be reached from here."""
    cause: BaseException | None = error
    while cause is not None:
        if FailureReason.NOT_ALLOWED in str(cause):
            return True
        cause = cause.__cause__
    return False


def to_model_failure(error: Exception, *, has_text: bool) -> ModelFailure:
    """Convert an error of a request into a ModelFailure; `has_text`: part of the reply was received."""
    detail = f"{type(error).__name__} {error_status(error) or ''}".strip()
    if is_not_allowed(error):
        return ModelFailure(FailureReason.NOT_ALLOWED, detail)
    if is_timeout(error):
        return ModelFailure(FailureReason.TIMEOUT, detail)
    if isinstance(error, ResponseTooLarge):
        return ModelFailure(FailureReason.TOO_MUCH_TEXT, detail)
    if reason := _reason_from_answer(error):
        return ModelFailure(reason, detail)
    if has_text:
        return ModelFailure(FailureReason.INTERRUPTED, detail)
    if isinstance(error, openai.APIConnectionError | httpx2.TransportError | OSError):
        return ModelFailure(FailureReason.UNREACHABLE, detail)
    if isinstance(error, ProviderError) or type(error) is openai.APIError:
        return ModelFailure(FailureReason.SERVER, detail)
    return ModelFailure(FailureReason.INVALID_RESPONSE, detail)


def _reason_from_answer(error: Exception) -> FailureReason | None:
    """Return the reason that the provider's response names, by its text, then by its status; None if it names none."""
    status, refusal = error_status(error), refusal_cause(error)
    if status in (401, 402):
        return _REASON_BY_STATUS[status]
    is_page = refusal == RefusalCause.ADDRESS
    if status >= 500 and (is_page or refusal in (RefusalCause.MODEL, RefusalCause.KEY, None)):
        return _REASON_BY_STATUS.get(status, FailureReason.SERVER)
    if status in (408, 429) and (is_page or refusal is None):
        return _REASON_BY_STATUS[status]
    if refusal in _REASON_BY_CAUSE:
        return _REASON_BY_CAUSE[refusal]
    if 300 <= status < 400:
        return FailureReason.ADDRESS
    if status == 404:
        return (
            FailureReason.MODEL
            if isinstance(error_body(error), Mapping) and not _is_foreign_error(error)
            else FailureReason.ADDRESS
        )
    return _REASON_BY_STATUS.get(status, FailureReason.REFUSED) if status else None


def _is_foreign_error(error: Exception) -> bool:
    """Return whether the body is not an error of this API, so that another kind of server has answered."""
    body = error_body(error)
    return isinstance(body, Mapping) and not {"message", "code", "type"} & set(body)
