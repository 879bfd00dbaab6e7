"""Bots: a Telegram account at the fake, and what the worker and the webhook do for it, as tests need them."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount, OutboundPart, OutboundState
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity
from platform_app.services.channels import channel_access, channel_accounts, receivers
from platform_app.services.channels.receivers import Lease
from tests.api_client import client
from tests.conftest import forget_process_state
from tests.fakes.telegram import FakeTelegram
from tests.talking import call, published
from tests.visiting import rows
from worker.runner import Runner
from worker.tasks import HANDLERS

PUBLIC_URL = "https://platform.example"


@pytest.fixture
def telegram(env: pytest.MonkeyPatch) -> Iterator[FakeTelegram]:
    """A fake Telegram that the platform calls."""
    fake = FakeTelegram()
    env.setenv("PLATFORM_TELEGRAM_API_URL", fake.address)
    env.setenv("PLATFORM_LEASE_SECONDS", "1.5")
    env.setenv("PLATFORM_BACKOFF_SECONDS", "0.01")
    forget_process_state()
    yield fake
    fake.close()


def connected(who: Identity, fake: FakeTelegram, agent_id: str = "") -> ChannelAccount:
    """Connect the fake's bot, with a new agent where none is named."""
    access = channel_access.verify(Channel.TELEGRAM, fake.token)
    agent_id = agent_id or published(who, channels=["test"])
    made: ChannelAccount = call(
        who, channel_accounts.create, Channel.TELEGRAM, name="Bot", agent_id=agent_id, access=access
    )
    return made


async def post(account: ChannelAccount, update: Any, *, key: str | None = None, **options: Any) -> int:
    """Post an update to the webhook as Telegram does; return the status."""
    if key is None:
        with session_scope(account.tenant_id, read_only=True) as session:
            key = channel_access.get_webhook_key(session, account)
    headers = {b"x-telegram-bot-api-secret-token": key.encode()}
    async with client() as server:
        sent = {"content": update} if isinstance(update, bytes) else {"json": update}
        answer = await server.post(f"/hooks/channels/{options.get('token', account.token)}", headers=headers, **sent)
    return answer.status_code


async def post_all(account: ChannelAccount, *updates: Any) -> list[int]:
    """Post updates at once."""
    return list(await asyncio.gather(*(post(account, one) for one in updates)))


def poll(who: Identity, rounds: int = 2) -> None:
    """Let messages come in as a worker does: look at what is due, and go on for some rounds."""
    for lease in receivers.claim_due("w1", 5):
        for _ in range(rounds):
            if not receivers.work_once(lease):
                break
        else:
            receivers.release(lease)


def lease_of(account: ChannelAccount, worker: str = "w1") -> Lease:
    """Return a lease as a worker holds it."""
    return Lease(account.tenant_id, account.id, worker)


def work(who: Identity) -> None:
    """Run jobs that are due as a worker does, until none is left but those that wait for an earlier one."""
    before = list[str]()
    while (waiting := _due(who)) and waiting != before:
        before = waiting
        runner = Runner(HANDLERS, lease_seconds=15)
        runner.start()
        for job_id in waiting:
            runner.run(job_id)
        runner.stop()


def read_waiting(who: Identity) -> int:
    """Run the jobs that read what was posted in a burst; return how many there were."""
    jobs = _due(who, kind="read_updates")
    runner = Runner(HANDLERS, lease_seconds=15)
    runner.start()
    try:
        for job_id in jobs:
            runner.run(job_id)
    finally:
        runner.stop()
    return len(jobs)


def _due(who: Identity, kind: str = "") -> list[str]:
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Job, who.tenant_id).where(Job.state == JobState.QUEUED, Job.run_at <= now())
        query = query.where(Job.kind == kind) if kind else query
        return [job.id for job in session.exec(query.order_by(Job.id)).all()]


def parts(who: Identity) -> list[OutboundPart]:
    """Return the ledger in the order of its parts."""
    return rows(who, OutboundPart)


def states(who: Identity) -> list[OutboundState]:
    """Return the states of the ledger's parts."""
    return [part.state for part in parts(who)]
