"""Faults: why a model gave no whole reply, each a sentence for people."""

from collections.abc import Mapping
from enum import StrEnum

import aiohttp
import httpx2
import openai


class Fault(StrEnum):
    """Why a reply of the model failed: the cause, and what to do."""

    BUSY = "The model provider is busy. Try again in a minute."
    KEY = "The model provider does not accept the key. Check the provider's settings."
    MODEL = "The provider does not know this model. Choose another in the agent's settings."
    REFUSED = "The provider refused the request. Check the agent's settings."
    ABSENT = "The model provider cannot be reached. Check its address or try again."
    SERVER = "The model provider has a fault. Try again."
    SLOW = "The model took too long. Try again."
    BROKE = "The reply broke off. Try again."
    STRANGE = "The provider answered with something that is not a model's reply. Check its address."
    FILTERED = "The provider's content filter stopped the reply. Ask in other words."
    ENDLESS = "The model did not stop writing. Lower the number of tokens in the agent's settings."


class ModelFailure(Exception):
    """The model gave no whole reply; what had arrived is with the one who listened.

    `detail` is for the log: the kind of error, never its text, which may repeat the key or the prompt.
    """

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.detail = detail[:300]


class TooLarge(ValueError):
    """An answer that has more bytes than any model's reply."""


# What asking a provider may raise. Chunks are not checked by the client: any shape of JSON reaches our code.
ERRORS = (
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
_BY_STATUS = {401: Fault.KEY, 403: Fault.KEY, 404: Fault.MODEL, 408: Fault.SLOW, 429: Fault.BUSY}
_BY_WORD = {"rate_limit_exceeded": 429, "insufficient_quota": 429, "invalid_api_key": 401, "model_not_found": 404}


def status_of(error: Exception) -> int:
    """Return the HTTP status of a provider's error, also of one sent within a stream; 0 when it names none."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code
    body = error.body if isinstance(error, openai.APIError) else None
    code = body.get("code") or body.get("type") if isinstance(body, Mapping) else None
    if isinstance(code, str):
        return int(code) if code.isdecimal() and len(code) == 3 else _BY_WORD.get(code, 0)
    return code if isinstance(code, int) else 0


def is_slow(error: Exception) -> bool:
    """Tell whether a deadline has passed: to the library every connection that fails is one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, aiohttp.ClientError):
            return isinstance(cause, TimeoutError)
        cause = cause.__cause__
    return isinstance(error, openai.APITimeoutError | TimeoutError)


def failure(error: Exception, *, began: bool) -> ModelFailure:
    """Return a provider's error as one of the faults that people understand; `began`: text had arrived."""
    detail = f"{type(error).__name__} {status_of(error) or ''}".strip()
    if is_slow(error):
        return ModelFailure(Fault.SLOW, detail)
    if isinstance(error, TooLarge):
        return ModelFailure(Fault.ENDLESS, detail)
    if status := status_of(error):
        other = Fault.SERVER if status >= 500 else Fault.REFUSED
        return ModelFailure(_BY_STATUS.get(status, other), detail)
    if began:
        return ModelFailure(Fault.BROKE, detail)
    if isinstance(error, openai.APIConnectionError | httpx2.TransportError | OSError):
        return ModelFailure(Fault.ABSENT, detail)
    if type(error) is openai.APIError:  # an error object within the stream that names no status
        return ModelFailure(Fault.SERVER, detail)
    return ModelFailure(Fault.STRANGE, detail)
