"""Retry delays: when a failed request to a provider is retried."""

from email.utils import parsedate_to_datetime

import aiohttp
import httpx2
import openai

from platform_app.clock import now
from platform_app.llm.provider_errors import FailureReason, error_status, is_not_allowed, is_timeout, to_model_failure

MAX_ATTEMPTS = 3
MAX_DELAY = 20.0  # seconds; a longer Retry-After means no retry
_TRANSIENT = (408, 409, 429, 500, 502, 503, 504, 529)


def retry_delay(error: Exception, attempts: int) -> float | None:
    """Return the seconds to wait before the next attempt, or None if a retry is useless."""
    backoff = 0.3 * 2.0**attempts
    if is_timeout(error) or is_not_allowed(error):
        return None
    if status := error_status(error):
        if status not in _TRANSIENT or to_model_failure(error, has_text=False).reason not in (
            FailureReason.BUSY,
            FailureReason.SERVER,
            FailureReason.TIMEOUT,
        ):
            return None
        header = error.response.headers.get("retry-after", "") if isinstance(error, openai.APIStatusError) else ""
        delay = _parse_retry_after(header)
        return backoff if delay is None else delay if delay <= MAX_DELAY else None
    is_cut = isinstance(error, openai.APIConnectionError | httpx2.TransportError | aiohttp.ClientError)
    return backoff if is_cut else None


def _parse_retry_after(header: str) -> float | None:
    """Return a Retry-After header, a number or a date, as seconds from now; None if it is neither."""
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - now()).total_seconds())
    except (ValueError, TypeError):
        return None
