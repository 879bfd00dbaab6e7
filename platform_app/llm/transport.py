"""Transport: connections to model providers, kept open between replies; responses have a maximum size."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ssl import SSLContext
from typing import Any
from weakref import WeakKeyDictionary

import aiohttp
import httpx2
import openai
from openai import AsyncOpenAI
from openai._vendor.httpx_aiohttp.transport import AiohttpTransport

from platform_app.config import settings
from platform_app.llm.decompression import decompress
from platform_app.llm.pricing import ModelPrice
from platform_app.llm.provider_errors import ResponseTooLarge
from platform_app.models.model_provider import Wire

MAX_CLIENTS = 100  # kept open for one event loop
CLOSE_AFTER_SECONDS = 600  # after a client left the kept ones: its replies have ended by then
MAX_RESPONSE_BYTES = 6_000_000  # 8000 tokens in chunks of 400 bytes, and as many of reasoning


@dataclass(frozen=True)
class Provider:
    """An OpenAI-compatible service: its base URL and API key.

    `open_socket` opens the connections to an address that a tenant chose, and refuses addresses that may not be
    reached; None for the installation's provider, which may be anywhere. `prices` are by model, "" for all others.
    `transcription_model` turns recordings into text; "": one of its list.
    """

    name: str
    base_url: str
    api_key: str = field(repr=False)
    is_offline: bool = False
    wire: Wire = Wire.CHAT_COMPLETIONS
    open_socket: Callable[[Any], socket.socket] | None = field(default=None, repr=False)
    prices: Mapping[str, ModelPrice] = field(default_factory=dict, repr=False, compare=False)
    transcription_model: str = field(default="", compare=False)

    def price(self, model: str) -> ModelPrice | None:
        """Return the price of a model that the provider or its tenant names, or None."""
        return self.prices.get(model) or self.prices.get("")


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
        client = await anext(holder)
        while len(clients) >= MAX_CLIENTS:
            _close_later(clients.pop(next(iter(clients)))[0])
        clients[provider] = (holder, client)
    return clients[provider][1]


def _close_later(holder: _ClientHolder) -> None:
    """Close a client that is no longer kept, once the replies that use it have ended."""

    def close() -> None:
        task = loop.create_task(holder.aclose())
        _closing.add(task)
        task.add_done_callback(_closing.discard)

    loop = asyncio.get_running_loop()
    loop.call_later(CLOSE_AFTER_SECONDS, close)


_closing: "set[asyncio.Task[None]]" = set()  # the loop itself holds its tasks only weakly


@lru_cache
def _trusted_authorities(*, trust_env: bool) -> SSLContext:
    """Return the context of TLS; reading all authorities takes longer than most connections."""
    return httpx2.create_ssl_context(trust_env=trust_env)


def _checked_transport(open_socket: Callable[[Any], socket.socket]) -> AiohttpTransport:
    """Return a transport that opens its connections with `open_socket`, and ignores proxies of the environment."""

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(ssl=authorities, socket_factory=open_socket, keepalive_timeout=30)
        return aiohttp.ClientSession(connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar())

    authorities = _trusted_authorities(trust_env=False)
    return AiohttpTransport(verify=authorities, client=session)


async def _hold_client(provider: Provider) -> _ClientHolder:
    """Yield a client, and close it when the event loop closes its asynchronous generators at shutdown."""
    timeout = openai.Timeout(settings().reply_total_seconds, connect=5)
    address, auth = _split_credentials(provider.base_url)
    given: dict[str, Any] = {"event_hooks": {"response": [_limit_body]}, "timeout": timeout, "auth": auth}
    if provider.open_socket is None:
        given |= {"verify": _trusted_authorities(trust_env=True)}
    else:
        given |= {"transport": _checked_transport(provider.open_socket), "follow_redirects": False, "trust_env": False}
    http_client = openai.DefaultAioHttpClient(**given)
    client = AsyncOpenAI(
        base_url=address,
        api_key=provider.api_key,
        timeout=timeout,
        max_retries=0,
        http_client=http_client,
        default_headers={"Accept-Encoding": "identity"},
    )
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    try:
        yield client
    finally:
        if provider in clients and clients[provider][1] is client:
            del clients[provider]
        await client.close()
