"""WhatsApp: what customers delete, and the past of the phone app: stored once, marked, and answered by nobody."""

import time

import pytest

from platform_app.db import session_scope
from platform_app.fact_snapshots import recent_messages
from platform_app.models.channel import Attachment, ChannelAccount
from platform_app.models.conversation import Author, ConversationState, Message, MessageState
from platform_app.models.crm import Contact
from platform_app.models.event import Event
from platform_app.models.job import Job
from platform_app.models.person import Identity
from platform_app.services.chat import triage
from platform_app.services.crm import contacts
from platform_app.services.inbox import open_conversation
from tests.channels.numbers import connected, post_now
from tests.channels.numbers import whatsapp as whatsapp
from tests.fakes.whatsapp import FakeWhatsApp
from tests.talking import call, events
from tests.visiting import rows, texts, the_talk

DAY = 86_400


@pytest.fixture
def number(who: Identity, whatsapp: FakeWhatsApp) -> ChannelAccount:
    """A connected number."""
    return connected(who, whatsapp)


def test_a_deleted_message_is_marked_and_neither_read_nor_answered(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount
) -> None:
    first, second = whatsapp.write("My PIN is 1234"), whatsapp.write("Hello")
    assert post_now(number, whatsapp, first) == post_now(number, whatsapp, second) == [200]
    revoked = whatsapp.revoke(second)
    assert post_now(number, whatsapp, revoked, revoked) == [200, 200]
    messages = {row.text: row for row in rows(who, Message) if row.text}
    assert messages["Hello"].revoked_at is not None and messages["My PIN is 1234"].revoked_at is None
    assert not [row for row in rows(who, Message) if row.author == Author.AGENT and not row.replaced]
    with session_scope(who.tenant_id, read_only=True) as session:
        prompt = [row.text for row in recent_messages(session, the_talk(who), limit=10).messages]
    assert prompt == ["My PIN is 1234"]
    assert len(call(who, open_conversation.read, the_talk(who).id, limit=10).messages) == 2, "members see it"


def test_what_deletes_an_unknown_message_or_another_ones_is_ignored(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount
) -> None:
    post = whatsapp.write("Hello")
    assert post_now(number, whatsapp, post) == [200]
    foreign = whatsapp.revoke(post)
    foreign["entry"][0]["changes"][0]["value"]["messages"][0]["from"] = "15557770000"
    unknown = whatsapp.revoke(whatsapp.write("Never came"))
    broken = whatsapp.post(messages=[{"from": "1", "id": "x", "timestamp": "1", "type": "revoke"}])
    assert post_now(number, whatsapp, foreign, unknown, broken) == [200] * 3
    assert [row.revoked_at for row in rows(who, Message) if row.author == Author.CONTACT] == [None]


def test_the_past_is_stored_once_and_starts_nothing(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount
) -> None:
    start = int(time.time()) - 30 * DAY
    post = whatsapp.past(("Do you sell helmets?", start), ("<Yes, we do.", start + 60), ("Thanks", start + 90))
    assert post_now(number, whatsapp, whatsapp.name("Olga Petrova"), post) == [200, 200]
    assert post_now(number, whatsapp, post) == [200]
    said = rows(who, Message)
    assert [(row.author, row.text) for row in said] == [
        (Author.CONTACT, "Do you sell helmets?"),
        (Author.MEMBER, "Yes, we do."),
        (Author.CONTACT, "Thanks"),
    ]
    assert {row.state for row in said} == {MessageState.COMPLETE}
    assert [int(row.created_at.timestamp()) - start for row in said] == [0, 60, 90]
    talk = the_talk(who)
    assert (talk.state, talk.last_line, int(talk.last_message_at.timestamp()) - start) == (
        ConversationState.CLOSED,
        "Thanks",
        90,
    )
    assert call(who, triage.unread_ids, [talk]) == set()
    assert set(events(who)) <= {"contact_created"} and not rows(who, Job)
    (contact,) = rows(who, Contact)
    assert contact.name == "Olga Petrova"


def test_the_past_of_a_chat_that_goes_on_comes_before_it(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount
) -> None:
    assert post_now(number, whatsapp, whatsapp.write("Is it ready?")) == [200]
    before = len(rows(who, Event))
    assert post_now(number, whatsapp, whatsapp.past(("Please repair it", int(time.time()) - DAY))) == [200]
    talk = the_talk(who)
    assert texts(who, lambda row: row.author == Author.CONTACT) == ["Please repair it", "Is it ready?"]
    assert (talk.state, talk.last_line, len(rows(who, Event))) == (ConversationState.OPEN, "Is it ready?", before)


def test_media_of_the_past_takes_the_place_of_its_placeholder(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount
) -> None:
    whatsapp.files["900"] = b"\xff\xd8\xff picture"
    post = whatsapp.past(("", int(time.time()) - DAY), type="media_placeholder")
    assert post_now(number, whatsapp, post) == [200]
    assert texts(who) == ["[File]"] and not rows(who, Attachment)
    said = post["entry"][0]["changes"][0]["value"]["history"][0]["threads"][0]["messages"][0]
    media = said | {"type": "image", "image": {"id": "900", "mime_type": "image/jpeg", "caption": "The wheel"}}
    post = whatsapp.post("history", messages=[media])
    assert post_now(number, whatsapp, post) == post_now(number, whatsapp, post) == [200]
    assert texts(who) == ["[Photo]\nThe wheel"] and len(rows(who, Attachment)) == 1 and not rows(who, Job)


@pytest.mark.parametrize(
    "history",
    [
        None,
        [None],
        [{"errors": [{"code": 2593109}]}],
        [{"threads": [{"id": "15550001111", "messages": [None, {}, {"type": "text", "timestamp": "9" * 30}]}]}],
    ],
)
def test_a_past_that_cannot_be_read_changes_nothing(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount, history: object
) -> None:
    assert post_now(number, whatsapp, whatsapp.post("history", history=history)) == [200]
    assert not rows(who, Message)


def test_a_name_that_somebody_gave_is_kept(who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount) -> None:
    start = int(time.time()) - DAY
    assert post_now(number, whatsapp, whatsapp.past(("Hello", start))) == [200]
    (contact,) = rows(who, Contact)
    assert contact.name == "+15550001111"
    assert post_now(number, whatsapp, whatsapp.name("Olga P.")) == [200]
    assert rows(who, Contact)[0].name == "Olga P."
    call(who, contacts.save, contact.id, {"name": "Olga Petrova, school"})
    assert post_now(number, whatsapp, whatsapp.name("Olga K."), whatsapp.name("Olga K.", action="remove")) == [200, 200]
    assert rows(who, Contact)[0].name == "Olga Petrova, school"
