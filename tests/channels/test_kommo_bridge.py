"""Kommo bridge: customers of the team's own channels are answered through a Salesbot, until a manager answers."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from platform_app import clock
from platform_app.channels import kommo_bridge
from platform_app.channels.kommo_bridge import KOMMO
from platform_app.db import session_scope
from platform_app.demo.fake_kommo.hook_forms import encode
from platform_app.demo.fake_kommo.json_web_tokens import sign
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.errors import Invalid
from platform_app.models.agent import Channel
from platform_app.models.channel import AccountState, ChannelAccount, ChannelIdentity, OutboundState
from platform_app.models.conversation import Author, ConversationState
from platform_app.models.job import Job
from platform_app.models.person import Identity
from platform_app.services.channels import channel_access, channel_accounts, outbound_pace
from platform_app.services.chat import agent_messages, hand_off, member_messages
from tests.api_client import client
from tests.channels.bots import poll, states, work
from tests.fakes.kommo import kommo, unpaced
from tests.talking import activities, call, published
from tests.visiting import rows, texts, the_talk

__all__ = ["kommo", "unpaced"]
SENT, FAILED, WAITING = OutboundState.SENT, OutboundState.FAILED, OutboundState.WAITING


@pytest.fixture
def fake(unpaced: FakeKommo, env: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch) -> FakeKommo:
    """A fake Kommo, asked for events without a pause."""
    env.setenv("PLATFORM_BACKOFF_SECONDS", "0.01")
    monkeypatch.setattr(outbound_pace, "MAX_WAIT_SECONDS", 30)
    monkeypatch.setattr(KOMMO.push, "chat_messages_per_second", 1_000)
    monkeypatch.setattr(kommo_bridge, "POLL_SECONDS", 0.0)
    return unpaced


def form(fake: FakeKommo, **changes: str) -> dict[str, str]:
    given = {"account": fake.host, "bot": str(fake.bot.bot_id), "token": fake.token}
    return given | {"secret": fake.tokens.client_secret} | changes


@pytest.fixture
def bot(who: Identity, fake: FakeKommo) -> ChannelAccount:
    """A connected Salesbot."""
    assert KOMMO.push is not None
    access = channel_access.verify(Channel.KOMMO, KOMMO.push.join_access(form(fake)))
    agent_id = published(who, channels=["test"])
    made: ChannelAccount = call(
        who, channel_accounts.create, Channel.KOMMO, name="Shop", agent_id=agent_id, access=access
    )
    return made


def post(bot: ChannelAccount, asked: Any, *, is_json: bool = True) -> int:
    """Ask the webhook as a bot does; return the status."""

    async def ask() -> int:
        async with client() as server:
            address = f"/hooks/channels/{bot.token}"
            if is_json:
                return (await server.post(address, json=asked)).status_code
            headers = {"content-type": "application/x-www-form-urlencoded"}
            return (await server.post(address, content=encode(asked), headers=headers)).status_code

    return asyncio.run(ask())


def write(fake: FakeKommo, bot: ChannelAccount, text: str = "How much is it?", lead: int = 0) -> dict[str, Any]:
    """Let a customer write; return what the bot asked."""
    lead = lead or fake.team.customer()
    fake.team.write(lead, text)
    asked = fake.bot.request(fake.bot.open_turn(lead, text))
    assert post(bot, asked) == 200
    return asked


def lead_of(fake: FakeKommo) -> int:
    return next(iter(fake.data.entities["leads"]))


def due(who: Identity) -> None:
    """Let the pause of postponed jobs be over."""
    with session_scope(who.tenant_id) as session:
        for job in rows(who, Job):
            job.run_at = clock.now()
            session.merge(job)


@pytest.mark.parametrize("is_json", [True, False])
def test_a_question_comes_in_once_and_the_answer_is_what_the_bot_shows(
    who: Identity, fake: FakeKommo, bot: ChannelAccount, is_json: bool
) -> None:
    lead = fake.team.customer("Olga")
    asked = fake.bot.request(fake.bot.open_turn(lead, "How much is it?"))
    assert [post(bot, asked, is_json=is_json) for _ in range(2)] == [200, 200]
    assert texts(who, lambda row: row.author == Author.CONTACT) == ["How much is it?"]
    assert rows(who, ChannelIdentity)[0].outside_id == f"lead:{lead}" and the_talk(who).channel == Channel.KOMMO
    long = "It costs 590. " * 40
    call(who, agent_messages.send_message, the_talk(who).id, long.strip())
    work(who)
    assert states(who) == [SENT] and fake.team.received[lead] == [long.strip()]
    assert rows(who, ChannelIdentity)[0].reply_address == ""


def test_without_a_bot_that_waits_it_is_started_and_its_question_is_no_message(
    who: Identity, fake: FakeKommo, bot: ChannelAccount
) -> None:
    write(fake, bot)
    lead = lead_of(fake)
    call(who, hand_off.take_over, the_talk(who).id)
    for text in ("One", "Two"):
        call(who, member_messages.send, the_talk(who).id, text)
    work(who)
    assert fake.team.received[lead] == ["One"] and states(who) == [SENT, WAITING]
    started = [continue_id for continue_id, turn in fake.bot.turns.items() if not turn.is_used]
    assert len(started) == 1
    assert post(bot, fake.bot.request(started[0])) == 200
    due(who)
    work(who)
    assert fake.team.received[lead] == ["One", "Two"] and states(who) == [SENT, SENT]
    assert texts(who, lambda row: row.author == Author.CONTACT) == ["How much is it?"]


def test_a_bot_that_waits_no_more_is_started_again(who: Identity, fake: FakeKommo, bot: ChannelAccount) -> None:
    write(fake, bot)
    fake.bot.turns[next(iter(fake.bot.turns))].is_used = True
    call(who, agent_messages.send_message, the_talk(who).id, "590")
    for _ in range(2):
        work(who)
        due(who)
    assert len(fake.bot.turns) == 2 and states(who) == [WAITING]


def test_a_manager_who_answers_meanwhile_silences_the_agent(
    who: Identity, fake: FakeKommo, bot: ChannelAccount
) -> None:
    write(fake, bot)
    lead = lead_of(fake)
    fake.team.manager_writes(lead, "I will look at it")
    call(who, agent_messages.send_message, the_talk(who).id, "590")
    work(who)
    assert fake.team.received[lead] == ["I will look at it"] and states(who) == [FAILED]
    talk = the_talk(who)
    assert (talk.state, talk.in_charge) == (ConversationState.HANDED_OFF, "Kommo")
    assert "“{title}” taken over" in activities(who)


def test_what_managers_write_is_found_in_the_events_list(who: Identity, fake: FakeKommo, bot: ChannelAccount) -> None:
    poll(who, rounds=3)
    write(fake, bot)
    lead = lead_of(fake)
    fake.team.bot_writes(lead, "A bot's own words")
    with time_machine.travel(clock.now() + timedelta(seconds=30), tick=True):
        poll(who, rounds=3)
        assert the_talk(who).state == ConversationState.OPEN
        fake.team.manager_writes(lead, "Hello")
    with time_machine.travel(clock.now() + timedelta(seconds=60), tick=True):
        poll(who, rounds=3)
        assert the_talk(who).state == ConversationState.HANDED_OFF
        call(who, hand_off.hand_back, the_talk(who).id)
    with time_machine.travel(clock.now() + timedelta(seconds=90), tick=True):
        poll(who, rounds=3)
        assert the_talk(who).state == ConversationState.OPEN


def test_forged_replayed_and_foreign_questions_are_refused_and_nothing_is_read(
    who: Identity, fake: FakeKommo, bot: ChannelAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    lead = fake.team.customer()
    good = fake.bot.request(fake.bot.open_turn(lead, "Hello"))
    claims = {"account_id": fake.data.account_id, "entity_id": lead, "entity_type": 2, "exp": fake.clock.now() + 300}
    for token in (
        "",
        good["token"][:-4] + "AAAA",
        sign(claims, "another secret"),
        sign(claims | {"account_id": 5}, fake.tokens.client_secret),
        sign(claims | {"exp": fake.clock.now() - 1_000}, fake.tokens.client_secret),
    ):
        assert post(bot, good | {"token": token}) == 403
    assert post(bot, []) == 403 and post(bot, {"data": {}}) == 403 and post(bot, "x", is_json=True) == 403
    told = "".join(capsys.readouterr())
    assert rows(who, ChannelIdentity) == [] and told.count("a post to a channel account was refused") == 8
    assert post(bot, good) == 200
    assert post(bot, good | {"data": {"message": "Something else"}}) == 200
    assert texts(who, lambda row: row.author == Author.CONTACT) == ["Hello"]


def test_a_place_to_answer_at_elsewhere_is_not_used(who: Identity, fake: FakeKommo, bot: ChannelAccount) -> None:
    lead = fake.team.customer()
    for address in ("https://evil.example/x", "file:///etc/passwd", "/api/v4/leads", "", None, 5):
        asked = fake.bot.request(fake.bot.open_turn(lead, "Hello")) | {"return_url": address}
        post(bot, asked)
    assert rows(who, ChannelIdentity) == []
    evil = fake.bot.request(fake.bot.open_turn(lead, "Hi"))
    post(bot, evil | {"return_url": evil["return_url"].replace(fake.host, "evil.example")})
    call(who, agent_messages.send_message, the_talk(who).id, "590")
    work(who)
    assert {call_.host for call_ in fake.calls} == {fake.host} and states(who) == [SENT]


def test_a_message_without_words_is_for_a_person(who: Identity, fake: FakeKommo, bot: ChannelAccount) -> None:
    write(fake, bot, text="")
    assert texts(who, lambda row: row.author == Author.CONTACT) == ["[File]"]
    assert the_talk(who).state == ConversationState.HANDED_OFF


def test_a_revoked_token_is_said_and_replaced(who: Identity, fake: FakeKommo, bot: ChannelAccount) -> None:
    write(fake, bot)
    fake.tokens.revoke()
    call(who, agent_messages.send_message, the_talk(who).id, "590")
    work(who)
    (account,) = call(who, channel_accounts.list_accounts)
    assert states(who) == [FAILED] and account.state == AccountState.REFUSED
    assert "{" not in account.problem


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"account": "evil.example"}, "account"),
        ({"bot": "x"}, "bot"),
        ({"token": ""}, "token"),
        ({"token": "with space"}, "token"),
        ({"secret": "é"}, "secret"),
    ],
)
def test_what_connects_a_bot_is_checked_at_its_field(fake: FakeKommo, changes: dict[str, str], field: str) -> None:
    assert KOMMO.push is not None
    with pytest.raises(Invalid) as refused:
        KOMMO.push.join_access(form(fake, **changes))
    assert refused.value.field == field


def test_a_token_that_kommo_does_not_know_is_refused(fake: FakeKommo) -> None:
    assert KOMMO.push is not None
    with pytest.raises(Invalid) as refused:
        channel_access.verify(Channel.KOMMO, KOMMO.push.join_access(form(fake, token="unknown")))
    assert refused.value.field == "token"
    secret = KOMMO.push.join_access(form(fake))
    assert json.loads(secret)["token"] == fake.token
    assert fake.token not in repr(kommo_bridge.KommoAccess.parse(secret))
