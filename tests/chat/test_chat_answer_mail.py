"""Chat answer mail: who has left a chat gets its answers by e-mail, once, and only what was not seen."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine

from platform_app.api.web_chat.access import Visitor
from platform_app.api.web_chat.event_stream import VisitorStream
from platform_app.channels.web_chat import WebChatSettings
from platform_app.db import owned, session_scope
from platform_app.models.channel import ChannelAccount
from platform_app.models.conversation import Message, MessageState
from platform_app.models.job import Job
from platform_app.models.person import Identity
from platform_app.services.channels import channel_accounts, chat_answer_mail, inbound
from platform_app.services.channels.inbound import ContactDetails
from platform_app.services.chat import member_messages, opt_outs
from platform_app.services.mail import mail_servers
from tests.mail_catcher import Catcher
from tests.mailing import set_server
from tests.talking import call, run_jobs
from tests.visiting import TOKEN, a_chat, rows, the_talk, write

ANNA = ContactDetails("Anna", "anna@example.com", "ru")


@pytest.fixture(autouse=True)
def travel() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime.fromisoformat("2026-11-23T15:00:00+00:00"), tick=False) as traveller:
        yield traveller


def begun(who: Identity, catcher: Catcher, details: ContactDetails = ANNA, **more: Any) -> ChannelAccount:
    set_server(who, catcher.port)
    chat = a_chat(who, **more)
    write(who, chat, details=details)
    with session_scope(who.tenant_id) as session:  # the agent says nothing
        for reply in session.exec(owned(Message, who.tenant_id).where(Message.author == "agent")).all():
            reply.state = MessageState.DISCARDED
    return chat


def see(who: Identity, chat: ChannelAccount) -> None:
    with session_scope(who.tenant_id) as session:
        inbound.note_seen(session, chat, inbound.hash_token(TOKEN))


def letters(who: Identity, catcher: Catcher) -> list[Any]:
    chat_answer_mail.enqueue_due()
    run_jobs(who)
    return catcher.letters


def test_who_has_left_gets_the_answer_once(who: Identity, catcher: Catcher, travel: time_machine.Traveller) -> None:
    chat = begun(who, catcher)
    travel.shift(timedelta(minutes=1))
    call(who, member_messages.send, the_talk(who).id, "We are open until six.")
    call(who, member_messages.add_note, the_talk(who).id, "SECRET")
    travel.shift(timedelta(minutes=2))
    assert letters(who, catcher) == []
    travel.shift(timedelta(minutes=1))
    (letter,) = letters(who, catcher)
    text = letter.get_content()
    assert letter["to"] == "anna@example.com" and "We are open until six." in text and "SECRET" not in text
    assert "https://shop.example" in text and "Чтобы ответить" in text, "in the visitor's language"
    travel.shift(timedelta(minutes=20))
    assert len(letters(who, catcher)) == 1
    call(who, member_messages.send, the_talk(who).id, "And on Sunday.")
    travel.shift(timedelta(minutes=4))
    _, second = letters(who, catcher)
    assert "And on Sunday." in second.get_content() and "until six" not in second.get_content()
    see(who, chat)


def test_what_was_seen_is_not_sent(who: Identity, catcher: Catcher, travel: time_machine.Traveller) -> None:
    chat = begun(who, catcher)
    travel.shift(timedelta(minutes=1))
    call(who, member_messages.send, the_talk(who).id, "Seen")
    travel.shift(timedelta(seconds=5))
    see(who, chat)
    travel.shift(timedelta(hours=1))
    assert letters(who, catcher) == []
    call(who, member_messages.send, the_talk(who).id, "Not seen")
    travel.shift(timedelta(minutes=4))
    chat_answer_mail.enqueue_due()
    see(who, chat)  # before the job runs
    run_jobs(who)
    assert catcher.letters == []


@pytest.mark.parametrize("reason", ["no address", "opted out", "switched off", "no server", "too old"])
def test_nobody_is_written_to_who_shall_not_be(
    who: Identity, catcher: Catcher, travel: time_machine.Traveller, reason: str
) -> None:
    details = ContactDetails("Anna") if reason == "no address" else ANNA
    chat = begun(who, catcher, details, emails_answers=reason != "switched off")
    travel.shift(timedelta(minutes=1))
    call(who, member_messages.send, the_talk(who).id, "Hello")
    if reason == "opted out":
        call(who, opt_outs.opt_out, the_talk(who).contact_id)
    if reason == "no server":
        call(who, mail_servers.remove)
    travel.shift(timedelta(days=2) if reason == "too old" else timedelta(minutes=5))
    assert letters(who, catcher) == []
    assert [job.kind for job in rows(who, Job) if job.kind == "send_chat_answers"] == []
    assert chat.enabled


async def test_an_open_stream_says_that_the_visitor_is_there(who: Identity, catcher: Catcher) -> None:
    chat = begun(who, catcher)
    own = channel_accounts.settings_of(chat)
    assert isinstance(own, WebChatSettings)
    stream = VisitorStream(Visitor(chat, own, inbound.hash_token(TOKEN), "127.0.0.1"), "")
    await stream._note_seen(await stream._read())
    with session_scope(who.tenant_id, read_only=True) as session:
        identity = inbound.find_identity(session, chat, inbound.hash_token(TOKEN))
    assert identity is not None and identity.seen_at is not None
