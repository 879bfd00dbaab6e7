"""Retry delays: how long to wait before a provider is asked again."""

from email.utils import parsedate_to_datetime

import aiohttp
import httpx2
import openai

from platform_app.clock import now
from platform_app.llm.provider_errors import Fault, failure, is_slow, status_of

TRIES = 3
LONGEST_PAUSE = 20.0  # a provider that asks for more is not waited for
_PASSING = (408, 409, 429, 500, 502, 503, 504, 529)


def pause_after(error: Exception, tries: int) -> float | None:
    """Return the seconds to wait before a retry, or None if a retry is useless."""
    usual = 0.3 * 2.0**tries
    if is_slow(error):
        return None
    if status := status_of(error):
        if status not in _PASSING or failure(error, began=False).fault not in (Fault.BUSY, Fault.SERVER, Fault.SLOW):
            return None
        wished = error.response.headers.get("retry-after", "") if isinstance(error, openai.APIStatusError) else ""
        pause = _seconds(wished)
        return usual if pause is None else pause if pause <= LONGEST_PAUSE else None
    is_cut = isinstance(error, openai.APIConnectionError | httpx2.TransportError | aiohttp.ClientError)
    return usual if is_cut else None


def _seconds(wished: str) -> float | None:
    """Return a Retry-After header, a number or a date, as seconds from now, or None."""
    try:
        return max(0.0, float(wished))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(wished) - now()).total_seconds())
    except (ValueError, TypeError):
        return None
