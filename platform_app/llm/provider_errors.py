"""Provider errors: why a model gave no complete reply, as sentences for people."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import aiohttp
import httpx2
import openai

from platform_app.llm.refusal_causes import Refusal, read


class Fault(StrEnum):
    """The cause of a failed reply, as a sentence that says what to do."""

    BUSY = "The model provider is busy. Try again in a minute."
    KEY = "The model provider does not accept the key. Check the provider's settings."
    QUOTA = "The account at the model provider has no money or quota left. Top it up there, then try again."
    REGION = "The model provider does not serve this country or region. Choose another provider."
    MODEL = "The provider does not know this model. Choose another in the agent's settings."
    NOT_CHAT = "This model does not chat. Choose another in the agent's settings."
    NO_MODEL = "The provider names no model that chats. Choose a model in the agent's settings."
    ADDRESS = "No model provider answers at this address. Check it: most addresses end in /v1."
    REFUSED = "The provider refused the request. Check the agent's settings."
    TOO_LONG = "The conversation is too long for this model. Begin a new one, or choose a model with a larger context."
    ABSENT = "The model provider cannot be reached. Check its address or try again."
    SERVER = "The model provider has a fault. Try again."
    SLOW = "The model took too long. Try again."
    BROKE = "The reply broke off. Try again."
    STRANGE = "The provider answered with something that is not a model's reply. Check its address."
    FILTERED = "The provider's content filter stopped the reply. Ask in other words."
    ENDLESS = "The model did not stop writing. Lower the number of tokens in the agent's settings."
    USED_UP = "The model used up its tokens on thinking and wrote nothing. Raise their number in the agent's settings."


class ModelFailure(Exception):
    """The model gave no complete reply; the caller has the text so far.

    `detail` is for the log: the kind of error, never its text, which may repeat the key or the prompt.
    """

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.detail = detail[:300]


class TooLarge(ValueError):
    """A response with more bytes than the limit."""


class ProviderError(Exception):
    """An error inside a response of status 200; its body is JSON or text."""

    def __init__(self, body: Any) -> None:
        super().__init__("an error within the answer")
        self.body = body


# What asking a provider may raise. Chunks are not checked by the client: any shape of JSON reaches our code.
ERRORS = (
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
_BY_STATUS = {401: Fault.KEY, 402: Fault.QUOTA, 403: Fault.KEY, 405: Fault.ADDRESS, 408: Fault.SLOW} | {
    410: Fault.MODEL,
    413: Fault.TOO_LONG,
    429: Fault.BUSY,
    529: Fault.BUSY,
}
_BY_REFUSAL = {
    Refusal.TOO_LONG: Fault.TOO_LONG,
    Refusal.QUOTA: Fault.QUOTA,
    Refusal.KEY: Fault.KEY,
    Refusal.REGION: Fault.REGION,
    Refusal.FILTERED: Fault.FILTERED,
    Refusal.NOT_CHAT: Fault.NOT_CHAT,
    Refusal.MODEL: Fault.MODEL,
    Refusal.ADDRESS: Fault.ADDRESS,
    Refusal.BUSY: Fault.BUSY,
}
_BY_WORD = {
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


def body_of(error: Exception) -> Any:
    """Return the body of a provider's error, JSON or text; None for another error."""
    return error.body if isinstance(error, ProviderError | openai.APIError) else None


def words_of(error: Exception) -> str:
    """Return all texts of a provider's error as one."""
    body = body_of(error)
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, default=str) if body else ""


def status_of(error: Exception) -> int:
    """Return the HTTP status of a provider's error, also of one inside a stream; 0 if it has none."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code
    body = body_of(error)
    for code in (body.get("code"), body.get("status"), body.get("type")) if isinstance(body, Mapping) else ():
        if isinstance(code, str) and (code.isdecimal() and len(code) == 3 or code in _BY_WORD):
            return _BY_WORD.get(code) or int(code)
        if isinstance(code, int) and 400 <= code < 600:
            return code
    return 0


def refusal_of(error: Exception) -> Refusal | None:
    """Return the cause that a provider's error text names, or None."""
    return read(status_of(error), words_of(error)) if body_of(error) else None


def is_slow(error: Exception) -> bool:
    """Return whether a deadline has passed; the library reports every failed connection as one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, aiohttp.ClientError):
            return isinstance(cause, TimeoutError)
        cause = cause.__cause__
    return isinstance(error, openai.APITimeoutError | TimeoutError | httpx2.TimeoutException)


def failure(error: Exception, *, began: bool) -> ModelFailure:
    """Return the ModelFailure for a provider's error. `began`: text had arrived."""
    detail = f"{type(error).__name__} {status_of(error) or ''}".strip()
    if is_slow(error):
        return ModelFailure(Fault.SLOW, detail)
    if isinstance(error, TooLarge):
        return ModelFailure(Fault.ENDLESS, detail)
    if fault := _said(error):
        return ModelFailure(fault, detail)
    if began:
        return ModelFailure(Fault.BROKE, detail)
    if isinstance(error, openai.APIConnectionError | httpx2.TransportError | OSError):
        return ModelFailure(Fault.ABSENT, detail)
    if isinstance(error, ProviderError) or type(error) is openai.APIError:
        return ModelFailure(Fault.SERVER, detail)
    return ModelFailure(Fault.STRANGE, detail)


def _said(error: Exception) -> Fault | None:
    """Return the fault that a provider's answer tells of: by its words, then by its status."""
    status, refusal = status_of(error), refusal_of(error)
    if status in (401, 402):
        return _BY_STATUS[status]
    is_page = refusal == Refusal.ADDRESS
    if status >= 500 and (is_page or refusal in (Refusal.MODEL, Refusal.KEY, None)):
        return _BY_STATUS.get(status, Fault.SERVER)
    if status in (408, 429) and (is_page or refusal is None):
        return _BY_STATUS[status]
    if refusal in _BY_REFUSAL:
        return _BY_REFUSAL[refusal]
    if 300 <= status < 400:
        return Fault.ADDRESS
    if status == 404:
        return Fault.MODEL if isinstance(body_of(error), Mapping) and not _is_bare(error) else Fault.ADDRESS
    return _BY_STATUS.get(status, Fault.REFUSED) if status else None


def _is_bare(error: Exception) -> bool:
    """Tell whether an error is not in the form of the API: another server answers at this address."""
    body = body_of(error)
    return isinstance(body, Mapping) and not {"message", "code", "type"} & set(body)
