"""Transport: connections to model providers, kept open between replies; responses have a maximum size."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import httpx2
import openai
from openai import AsyncOpenAI

from platform_app.config import settings
from platform_app.llm.decompression import decompress
from platform_app.llm.provider_errors import ResponseTooLarge

MAX_RESPONSE_BYTES = 6_000_000  # 8000 tokens in chunks of 400 bytes, and as many of reasoning


@dataclass(frozen=True)
class Provider:
    """An OpenAI-compatible service: its base URL and API key."""

    name: str
    base_url: str
    api_key: str = field(repr=False)
    is_offline: bool = False


class _LimitedBody(httpx2.AsyncByteStream):
    """A decompressed response body that raises ResponseTooLarge after MAX_RESPONSE_BYTES."""

    def __init__(self, body: httpx2.AsyncByteStream, encoding: str) -> None:
        self._body, self._encoding = body, encoding

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for part in decompress(aiter(self._body), self._encoding):
            received += len(part)
            if received > MAX_RESPONSE_BYTES:
                raise ResponseTooLarge(received)
            yield part

    async def aclose(self) -> None:
        await self._body.aclose()


async def _limit_body(response: httpx2.Response) -> None:
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    encoding = response.headers.pop(
        "content-encoding", ""
    )  # not requested; decompressed here, where the size is limited
    response.stream = _LimitedBody(response.stream, encoding)


def _split_credentials(address: str) -> tuple[httpx2.URL, httpx2.BasicAuth | None]:
    """Return an address without its user name and password, and these as basic authentication, or None."""
    url = httpx2.URL(address)
    if not url.userinfo:
        return url, None
    return url.copy_with(username="", password=""), httpx2.BasicAuth(url.username, url.password)


_ClientHolder = AsyncGenerator[AsyncOpenAI, None]
_clients: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Provider, tuple[_ClientHolder, AsyncOpenAI]]]"
_clients = WeakKeyDictionary()


async def provider_client(provider: Provider) -> AsyncOpenAI:
    """Return the client of a provider for the running event loop; it is closed when the loop shuts down."""
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    if provider not in clients:
        holder = _hold_client(provider)
        clients[provider] = (holder, await anext(holder))
    return clients[provider][1]


async def _hold_client(provider: Provider) -> _ClientHolder:
    """Yield a client, and close it when the event loop closes its asynchronous generators at shutdown."""
    timeout = openai.Timeout(settings().reply_total_seconds, connect=5)
    address, auth = _split_credentials(provider.base_url)
    http_client = openai.DefaultAioHttpClient(event_hooks={"response": [_limit_body]}, timeout=timeout, auth=auth)
    client = AsyncOpenAI(
        base_url=address,
        api_key=provider.api_key,
        timeout=timeout,
        max_retries=0,
        http_client=http_client,
        default_headers={"Accept-Encoding": "identity"},
    )
    loop = asyncio.get_running_loop()
    try:
        yield client
    finally:
        _clients.pop(loop, None)
        await client.close()
