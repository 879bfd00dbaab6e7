"""Keys: API keys and requests with them, as tests need them."""

from collections.abc import Iterable
from typing import Any

import httpx

from platform_app.api.rest import access
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount
from platform_app.models.person import Identity, Role
from platform_app.services.api_keys import api_keys
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.channels import channel_accounts
from tests.api_client import client
from tests.talking import call, published

BASE = "/api/v1"


def a_key(who: Identity, *, scopes: Iterable[str] = tuple(Scope), role: Role = Role.OPERATOR, days: int = 30) -> str:
    """Create a key with all scopes, or those that are named; return it."""
    access._limiter.storage.reset()
    _, key = call(who, api_keys.create, name="Website", role=role, scopes=scopes, days=days)
    return str(key)


def an_account(who: Identity, agent_id: str = "") -> ChannelAccount:
    """Connect an account of the API channel, with a new agent where none is named."""
    agent_id = agent_id or published(who, channels=["api"])
    made: ChannelAccount = call(who, channel_accounts.create, Channel.API, name="Own shop", agent_id=agent_id)
    return made


async def ask(key: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    """Ask the API; `path` is below BASE, `body` becomes JSON unless it is bytes; _ in names of headers becomes -."""
    return await ask_whole(key, method, BASE + path, body, **headers)


async def ask_whole(key: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    """Ask the API at a whole path, else as `ask`."""
    sent = {"authorization": f"Bearer {key}"} if key else {}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, bytes):
        sent = {"content-type": "application/json"} | sent
    given: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
    async with client() as system:
        return await system.request(method, path, headers=sent, **given)
