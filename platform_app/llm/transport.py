"""Transport: connections to model providers, kept open between replies, with a limit on response size."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import httpx2
import openai
from openai import AsyncOpenAI

from platform_app.config import settings
from platform_app.llm.decompression import unpacked
from platform_app.llm.provider_errors import TooLarge

MOST_BYTES = 6_000_000  # 8000 tokens, each in a chunk of 400 bytes, and as many again of reasoning


@dataclass(frozen=True)
class Provider:
    """A model provider: address and key."""

    name: str
    base_url: str
    api_key: str = field(repr=False)
    is_offline: bool = False


class _Capped(httpx2.AsyncByteStream):
    """The body of an answer, unpacked, refused when it grows too large."""

    def __init__(self, body: httpx2.AsyncByteStream, packing: str) -> None:
        self._body, self._packing = body, packing

    async def __aiter__(self) -> AsyncIterator[bytes]:
        taken = 0
        async for part in unpacked(aiter(self._body), self._packing):
            taken += len(part)
            if taken > MOST_BYTES:
                raise TooLarge(taken)
            yield part

    async def aclose(self) -> None:
        await self._body.aclose()


async def _cap(response: httpx2.Response) -> None:
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    packing = response.headers.pop("content-encoding", "")  # not asked for; unpacked here, where its size is watched
    response.stream = _Capped(response.stream, packing)


def _parted(address: str) -> tuple[httpx2.URL, httpx2.BasicAuth | None]:
    """Return an address without the name and password that may stand in it, and those for a gateway that asks."""
    url = httpx2.URL(address)
    if not url.userinfo:
        return url, None
    return url.copy_with(username="", password=""), httpx2.BasicAuth(url.username, url.password)


_Keeper = AsyncGenerator[AsyncOpenAI, None]
_clients: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Provider, tuple[_Keeper, AsyncOpenAI]]]"
_clients = WeakKeyDictionary()


async def client_of(where: Provider) -> AsyncOpenAI:
    """Return this event loop's client of a provider; it is closed when the loop shuts down."""
    held = _clients.setdefault(asyncio.get_running_loop(), {})
    if where not in held:
        keeper = _keep(where)
        held[where] = (keeper, await anext(keeper))
    return held[where][1]


async def _keep(where: Provider) -> _Keeper:
    """Hold a client open. A loop closes its unfinished generators before it ends, and so this client."""
    timeout = openai.Timeout(settings().reply_total_seconds, connect=5)
    address, auth = _parted(where.base_url)
    wire = openai.DefaultAioHttpClient(event_hooks={"response": [_cap]}, timeout=timeout, auth=auth)
    client = AsyncOpenAI(
        base_url=address,
        api_key=where.api_key,
        timeout=timeout,
        max_retries=0,
        http_client=wire,
        default_headers={"Accept-Encoding": "identity"},
    )
    loop = asyncio.get_running_loop()
    try:
        yield client
    finally:
        _clients.pop(loop, None)
        await client.close()
