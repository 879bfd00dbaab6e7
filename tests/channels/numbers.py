"""Numbers: a WhatsApp number at the fake, and posts to its webhook, as tests need them."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.channels.whatsapp import WHATSAPP
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount
from platform_app.models.person import Identity
from platform_app.services.channels import channel_access, channel_accounts, outbound_pace
from platform_app.services.channels.channel_access import VerifiedAccess
from tests.api_client import client
from tests.conftest import forget_process_state
from tests.fakes.whatsapp import FakeWhatsApp
from tests.talking import call, published


@pytest.fixture
def whatsapp(env: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWhatsApp]:
    """A fake WhatsApp that the platform calls."""
    fake = FakeWhatsApp()
    env.setenv("PLATFORM_WHATSAPP_API_URL", fake.address)
    env.setenv("PLATFORM_BACKOFF_SECONDS", "0.01")
    forget_process_state()
    outbound_pace._local.storage.reset()
    yield fake
    fake.close()


def verified(form: dict[str, str]) -> VerifiedAccess:
    """Return the access that the credentials of a form give."""
    assert WHATSAPP.push is not None
    return channel_access.verify(Channel.WHATSAPP, WHATSAPP.push.join_access(form))


def connected(who: Identity, fake: FakeWhatsApp, agent_id: str = "") -> ChannelAccount:
    """Connect the fake's number, with a new agent where none is named."""
    access = verified(fake.credentials)
    agent_id = agent_id or published(who, channels=["test"])
    made: ChannelAccount = call(
        who, channel_accounts.create, Channel.WHATSAPP, name="Shop number", agent_id=agent_id, access=access
    )
    return made


async def post(account: ChannelAccount, fake: FakeWhatsApp, body: Any, **headers: str) -> int:
    """Post to the webhook as Meta does; return the status."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"x-hub-signature-256": fake.signature(content)} | {name.replace("_", "-"): v for name, v in headers.items()}
    async with client() as server:
        answer = await server.post(f"/hooks/channels/{account.token}", headers=sent, content=content)
    return answer.status_code


def post_now(account: ChannelAccount, fake: FakeWhatsApp, *bodies: Any) -> list[int]:
    """Post to the webhook, all at once; return the statuses."""

    async def post_all() -> list[int]:
        return list(await asyncio.gather(*(post(account, fake, body) for body in bodies)))

    return asyncio.run(post_all())
