"""Media events: rules look at a recording or picture once its text is there or was given up; the search finds it."""

from datetime import timedelta

import pytest
import time_machine

from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.models.channel import Attachment, ChannelAccount
from platform_app.models.crm import Note
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity
from platform_app.services.chat import hand_off, media_events, message_search
from tests.channels.bots import telegram as telegram
from tests.channels.bots import work
from tests.chat.test_reply_media import PNG, receive
from tests.chat.test_reply_media import bot as bot
from tests.chat.test_reply_media import provider as provider
from tests.fake_provider import FakeProvider, hears, says
from tests.fakes.telegram import FakeTelegram
from tests.rules.test_rules import a_rule, runs
from tests.sequencing import note
from tests.talking import call, published
from tests.visiting import rows, the_talk


def listens_for(who: Identity, *words: str) -> str:
    """Write a rule that listens to messages with these words; return its id."""
    leaf = {"kind": "condition", "fact": "message.text", "operator": "contains_any", "value": list(words)}
    condition = {"kind": "group", "match": "all", "of": [leaf]}
    return a_rule(who, "message_received", note("Said: {{ message.text }}"), condition=condition)


def outcomes(who: Identity) -> list[bool]:
    """Return whether the rule fired, for each run."""
    return [run.fired for run in runs(who)]


def noted(who: Identity) -> list[str]:
    """Return the notes that the rule has written."""
    return [row.text for row in rows(who, Note)]


def found(who: Identity, words: str) -> list[str]:
    """Return what a search shows."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return [hit.text for hit in message_search.find(session, who.tenant_id, words)]


def waiting(who: Identity) -> list[Job]:
    """Return the jobs of events that are not done."""
    return [job for job in rows(who, Job) if job.kind == "handle_event" and job.state == JobState.QUEUED]


def test_a_rule_listens_to_what_was_said_in_a_voice_message_once(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount, provider: FakeProvider
) -> None:
    listens_for(who, "tune-up")
    provider.transcripts = [hears("How much is a tune-up?")]
    receive(who, bot, telegram.customer().voice())
    assert outcomes(who) == [True] and noted(who) == ["Said: How much is a tune-up?"]
    assert found(who, "tune up") == ["How much is a tune-up?"]
    work(who)
    assert len(runs(who)) == 1


def test_a_rule_and_the_search_see_what_a_picture_shows(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount, provider: FakeProvider
) -> None:
    listens_for(who, "bent")
    provider.will(says("A bent\nwheel."), says("We repair wheels."))
    receive(who, bot, telegram.customer().photo("Can you repair it?", content=PNG))
    assert outcomes(who) == [True] and noted(who) == ["Said: A bent wheel.\nCan you repair it?"]
    assert found(who, "bent wheel") == ["A bent wheel."] and found(who, "repair it") == ["Can you repair it?"]


def test_a_recording_that_cannot_be_read_is_given_up_and_looked_at_once(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount, provider: FakeProvider
) -> None:
    listens_for(who, "Voice message")
    provider.models = ["fake-1"]
    receive(who, bot, telegram.customer().voice())
    assert rows(who, Attachment)[0].text_problem and outcomes(who) == [True]
    assert found(who, "voice message") == ["[Voice message]"]


def test_without_a_reply_nobody_reads_and_nothing_waits(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount, provider: FakeProvider
) -> None:
    person = telegram.customer()
    receive(who, bot, person.write("Hello"))
    listens_for(who, "tune-up")
    call(who, hand_off.take_over, the_talk(who).id)
    receive(who, bot, person.voice())
    assert outcomes(who) == [False] and waiting(who) == []


@pytest.mark.parametrize(("delay", "waits"), [(60, True), (3_600, False)])
def test_an_event_waits_for_a_reply_that_comes_soon(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount, provider: FakeProvider, delay: int, waits: bool
) -> None:
    listens_for(who, "tune-up")
    agent_id = published(who, channels=["test"], model="fake-1", reply_delay_seconds=delay)
    with session_scope(who.tenant_id) as session:
        session.merge(bot).agent_id = agent_id
    receive(who, bot, telegram.customer().voice())
    assert (len(waiting(who)), outcomes(who)) == ((1, []) if waits else (0, [False]))
    with time_machine.travel(now() + timedelta(seconds=delay + 1), tick=True):
        work(who)
    assert outcomes(who) == [waits]  # what the rule has seen stays
    assert found(who, "tune-up") == ["How much is a tune-up?"]


def test_an_event_waits_no_longer_once_a_person_takes_over_or_time_is_up(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount, provider: FakeProvider
) -> None:
    listens_for(who, "tune-up")
    agent_id = published(who, channels=["test"], model="fake-1", reply_delay_seconds=300)
    with session_scope(who.tenant_id) as session:
        session.merge(bot).agent_id = agent_id
    receive(who, bot, telegram.customer().voice())
    (job,) = waiting(who)
    assert job.error == media_events.WAITS and outcomes(who) == []
    call(who, hand_off.take_over, the_talk(who).id)
    with time_machine.travel(now() + timedelta(seconds=media_events.RETRY_SECONDS + 1), tick=True):
        work(who)
    assert outcomes(who) == [False] and waiting(who) == []
