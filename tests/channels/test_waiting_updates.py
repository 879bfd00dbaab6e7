"""Waiting updates: a burst of posts is answered at once and read by a job, in order, each once."""

import asyncio
from typing import Any

import pytest

from platform_app.api import channel_webhooks
from platform_app.db import owned, session_scope
from platform_app.jobs import make_due
from platform_app.models.channel import ChannelAccount, WaitingUpdate
from platform_app.models.conversation import Author
from platform_app.models.event import Activity
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity
from platform_app.services.channels import channel_accounts, updates
from platform_app.services.jobs import job_list
from tests.channels.bots import connected, post, post_all, read_waiting
from tests.channels.bots import telegram as telegram
from tests.fakes.telegram import FakeTelegram
from tests.talking import call
from tests.visiting import rows, texts


@pytest.fixture
def bot(who: Identity, telegram: FakeTelegram) -> ChannelAccount:
    """A connected bot."""
    return connected(who, telegram)


def said(who: Identity) -> list[str]:
    """Return what customers have said, in the order in which it is stored."""
    return texts(who, lambda row: row.author == Author.CONTACT)


def burst(bot: ChannelAccount, telegram: FakeTelegram, people: int = 10, each: int = 3) -> list[str]:
    """Let customers write several messages at once; return their texts."""
    updates = [
        telegram.customer(1 + person).write(f"{person}-{number}") for number in range(each) for person in range(people)
    ]
    assert set(asyncio.run(post_all(bot, *updates))) == {200}
    return [f"{person}-{number}" for person in range(people) for number in range(each)]


def test_a_burst_is_stored_and_read_by_jobs_in_order(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount
) -> None:
    written = burst(bot, telegram)
    waiting = len(rows(who, WaitingUpdate))
    assert len(said(who)) == channel_webhooks.MAX_READING and waiting == len(written) - channel_webhooks.MAX_READING
    assert asyncio.run(post(bot, telegram.customer(1).write("0-3"))) == 200
    assert len(rows(who, WaitingUpdate)) == waiting + 1, "it waits behind what its contact wrote before"
    assert read_waiting(who) >= 2
    assert sorted(said(who)) == sorted([*written, "0-3"]) and rows(who, WaitingUpdate) == []
    assert [text for text in said(who) if text.startswith("0-")] == ["0-0", "0-1", "0-2", "0-3"]
    assert asyncio.run(post(bot, telegram.customer(1).write("0-4"))) == 200
    assert said(who)[-1] == "0-4", "nothing waits any more"


def test_what_was_read_before_a_kill_is_not_read_twice(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, accept = burst(bot, telegram), updates.accept

    def killed(account: ChannelAccount, data: Any) -> None:
        accept(account, data)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(updates, "accept", killed)
        read_waiting(who)
    assert len(said(who)) == channel_webhooks.MAX_READING + 1
    with session_scope(who.tenant_id) as session:
        for job in session.exec(owned(Job, who.tenant_id).where(Job.state == JobState.RUNNING)).all():
            job.state, job.lease_token = JobState.QUEUED, None
    assert read_waiting(who) and sorted(said(who)) == sorted(written)


def test_a_post_at_which_the_platform_fails_holds_up_no_other_and_is_kept(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, accept = burst(bot, telegram), updates.accept
    lost = next(text for text in written if text not in said(who))

    def failing(account: ChannelAccount, data: Any) -> None:
        if data["message"]["text"] == lost:
            raise RuntimeError("a fault of ours")
        accept(account, data)

    with monkeypatch.context() as patched:
        patched.setattr(updates, "accept", failing)
        while read_waiting(who):
            with session_scope(who.tenant_id) as session:
                make_due(session, who.tenant_id, f"updates:{bot.id}")
    assert sorted([*said(who), lost]) == sorted(written) and len(rows(who, WaitingUpdate)) == 1
    assert asyncio.run(post(bot, telegram.customer(1).write("later"))) == 200
    assert "later" in said(who), "a fault does not make what follows wait"
    (job,) = (job for job in rows(who, Job) if job.kind == "read_updates" and job.state != JobState.DONE)
    assert job.state == JobState.DEAD
    assert any(row.sentence == "Messages of {name} couldn’t be read: {reason}" for row in rows(who, Activity))
    call(who, job_list.retry, job.id)
    assert read_waiting(who) == 1 and lost in said(who) and rows(who, WaitingUpdate) == []


def test_a_post_that_another_process_stores_meanwhile_is_not_deleted_unread(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    burst(bot, telegram)
    accept, first = updates.accept, min(row.id for row in rows(who, WaitingUpdate))
    between = f"{first[:16]}{'f' * 16}"  # an id made in the same millisecond

    def storing(account: ChannelAccount, data: Any) -> None:
        accept(account, data)
        if all(row.id != between for row in rows(who, WaitingUpdate)):
            with session_scope(who.tenant_id) as session:
                session.add(WaitingUpdate(id=between, tenant_id=who.tenant_id, account_id=bot.id, data="{}"))

    with monkeypatch.context() as patched:
        patched.setattr(updates, "accept", storing)
        read_waiting(who)
    assert [row.id for row in rows(who, WaitingUpdate)] == [between]


def test_nothing_is_read_for_an_account_that_was_switched_off(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount
) -> None:
    burst(bot, telegram)
    before = said(who)
    call(who, channel_accounts.set_enabled, bot.id, enabled=False)
    assert read_waiting(who) and said(who) == before and rows(who, WaitingUpdate) == []
