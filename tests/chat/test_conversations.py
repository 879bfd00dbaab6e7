"""Conversations: what people say and do in the test chat, within their tenant."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.errors import Conflict, Invalid, NotFound
from platform_app.models.agent import Agent
from platform_app.models.conversation import Author, Conversation, ConversationState, Message, MessageState
from platform_app.models.crm import Contact
from platform_app.models.job import Job
from platform_app.models.person import Identity
from platform_app.services.chat import approvals, conversations
from tests.talking import activities, add_agent, begin, call, conversation, events, row, say, shown


def end(who: Identity, reply: Message, text: str = "Forty.", state: MessageState = MessageState.COMPLETE) -> None:
    """Let a reply have been written."""
    with session_scope(who.tenant_id) as session:
        found = session.exec(owned(Message, who.tenant_id).where(Message.id == reply.id)).one()
        found.text, found.state, found.finished_at = text, state, now()


def test_a_message_and_the_reply_to_come(who: Identity) -> None:
    opened = begin(who)
    said, reply = call(who, conversations.receive, opened, "  How much?\nAnd when? ")
    assert (said.author, said.text, said.author_name) == (Author.CONTACT, "How much?\nAnd when?", who.name)
    assert (reply.author, reply.state, reply.answers_id) == (Author.AGENT, MessageState.STREAMING, said.id)
    assert (reply.author_name, reply.beat_at is not None) == ("Vera", True)
    assert shown(who, opened) == ["How much?\nAnd when?", ""]
    found = conversation(who, opened)
    assert (found.title, found.last_line) == ("How much?", "How much?")
    assert events(who) == ["conversation_started", "message_received"]
    say(who, opened, "Again")
    assert events(who).count("conversation_started") == 1
    assert activities(who).count("Conversation with “{agent}” started") == 1
    assert conversation(who, opened).title == "How much?"


@pytest.mark.parametrize("text", ["", "  \n ", "\x00", "x" * 20_001])
def test_text_that_is_not_taken(who: Identity, text: str) -> None:
    opened = begin(who)
    with pytest.raises(Invalid):
        say(who, opened, text)
    assert shown(who, opened) == []
    assert events(who) == []


def test_text_at_the_border_and_odd_letters(who: Identity) -> None:
    opened = begin(who)
    say(who, opened, "x" * 20_000)
    say(who, opened, "a\x00b\ud800c 😀")
    assert shown(who, opened)[1] == "ab\ufffdc 😀"


def test_a_burst_has_one_reply(who: Identity) -> None:
    opened = begin(who)
    replies = [say(who, opened, f"Part {number}") for number in range(4)]
    assert [row(who, reply).replaced for reply in replies] == [True, True, True, False]
    assert [row(who, reply).state.value for reply in replies] == ["stopped"] * 3 + ["streaming"]
    assert shown(who, opened) == ["Part 0", "Part 1", "Part 2", "Part 3", ""]


def test_a_closed_conversation_takes_nothing(who: Identity) -> None:
    opened = begin(who)
    with session_scope(who.tenant_id) as session:
        session.exec(owned(Conversation, who.tenant_id)).one().state = ConversationState.CLOSED
    with pytest.raises(Conflict, match="closed"):
        say(who, opened)


def test_an_agent_that_is_gone(who: Identity) -> None:
    opened = begin(who)
    with session_scope(who.tenant_id) as session:
        session.exec(owned(Agent, who.tenant_id)).one().deleted_at = now()
    with pytest.raises(NotFound, match="Agent"):
        say(who, opened)
    assert shown(who, opened) == []


def test_a_delay_is_a_row_with_its_job(who: Identity) -> None:
    opened = begin(who, reply_delay_seconds=90)
    say(who, opened, "One")
    reply = say(who, opened, "Two")
    assert reply.state == MessageState.DELAYED
    with session_scope(who.tenant_id, read_only=True) as session:
        jobs = {job.payload["message_id"]: job for job in session.exec(owned(Job, who.tenant_id))}
    assert len(jobs) == 2
    due = jobs[reply.id].run_at
    assert due == reply.due_at
    assert timedelta(seconds=85) < due - now() <= timedelta(seconds=90)
    call(who, conversations.skip_delay, reply.id)
    assert (row(who, reply).state, row(who, reply).due_at) == (MessageState.STREAMING, None)
    with pytest.raises(Conflict):
        call(who, conversations.skip_delay, reply.id)


def test_retry_replaces_the_reply(who: Identity) -> None:
    opened = begin(who)
    old = say(who, opened)
    with pytest.raises(Conflict):
        call(who, conversations.retry, old.id)
    end(who, old)
    new = call(who, conversations.retry, old.id)
    assert (new.answers_id, new.state) == (old.answers_id, MessageState.STREAMING)
    assert shown(who, opened) == ["How much is a tune-up?", ""]
    with pytest.raises(Conflict):
        call(who, conversations.retry, old.id)
    with pytest.raises(Conflict):
        call(who, conversations.retry, old.answers_id)


def test_edit_and_resend_replaces_what_followed(who: Identity) -> None:
    opened = begin(who)
    first = say(who, opened, "One")
    end(who, first, "Re one")
    second = say(who, opened, "Two")
    said, reply = call(who, conversations.edit_and_resend, first.answers_id, "One, better")
    assert shown(who, opened) == ["One, better", ""]
    assert (row(who, second).state, row(who, second).replaced) == (MessageState.STOPPED, True)
    assert said.id != first.answers_id and reply.answers_id == said.id
    for message_id in (first.answers_id, reply.id):
        with pytest.raises(Conflict):
            call(who, conversations.edit_and_resend, message_id, "Again")
    with pytest.raises(Invalid):
        call(who, conversations.edit_and_resend, said.id, " ")
    assert shown(who, opened) == ["One, better", ""]  # nothing was replaced by an edit that was refused


def test_stop_keeps_what_was_flushed(who: Identity) -> None:
    reply = say(who, begin(who))
    end(who, reply, "Half", MessageState.STREAMING)
    call(who, conversations.stop, reply.id)
    assert (row(who, reply).state, row(who, reply).text) == (MessageState.STOPPED, "Half")
    end(who, reply, "Whole")
    assert call(who, conversations.stop, reply.id).state == MessageState.COMPLETE


def test_approve_and_discard(who: Identity) -> None:
    opened = begin(who)
    kept, dropped = say(who, opened), None
    end(who, kept, "Forty.", MessageState.TO_APPROVE)
    call(who, approvals.approve, kept.id, "  ")
    assert (row(who, kept).state, row(who, kept).text) == (MessageState.COMPLETE, "Forty.")
    assert events(who)[-2:] == ["reply_sent", "reply_approved"]
    dropped = say(who, opened)
    with pytest.raises(Conflict):
        call(who, approvals.reject, dropped.id)
    end(who, dropped, "Fifty.", MessageState.TO_APPROVE)
    call(who, approvals.reject, dropped.id)
    assert row(who, dropped).state == MessageState.DISCARDED
    with pytest.raises(Conflict):
        call(who, approvals.approve, dropped.id, "")
    assert events(who).count("reply_sent") == 1


def test_the_list(who: Identity) -> None:
    agent_id = add_agent(who)
    opened = [call(who, conversations.create, agent_id).id for _ in range(3)]
    for conversation_id, text in zip(opened, ("Alpha", "Бета", "Gamma"), strict=True):
        say(who, conversation_id, text)
    say(who, opened[0], "Newest line")
    assert [c.id for c in call(who, conversations.list_test_conversations)] == [opened[0], opened[2], opened[1]]
    assert [c.id for c in call(who, conversations.list_test_conversations, search="бЕТ")] == [opened[1]]
    assert [c.id for c in call(who, conversations.list_test_conversations, search="newest")] == [opened[0]]
    assert len(call(who, conversations.list_test_conversations, limit=2)) == 2


def test_rename_clear_delete_and_undo(who: Identity) -> None:
    opened = begin(who)
    reply = say(who, opened)
    call(who, conversations.rename, opened, " Tune-ups ")
    assert conversation(who, opened).title == "Tune-ups"
    with pytest.raises(Invalid):
        call(who, conversations.rename, opened, "  ")
    call(who, conversations.clear, opened)
    assert shown(who, opened) == []
    assert (row(who, reply).state, conversation(who, opened).last_line) == (MessageState.STOPPED, "")
    running = say(who, opened, "Anew")
    call(who, conversations.delete, opened)
    assert row(who, running).state == MessageState.STOPPED
    assert call(who, conversations.list_test_conversations) == []
    for refused in (conversations.get, conversations.list_messages, conversations.clear, conversations.delete):
        with pytest.raises(NotFound):
            call(who, refused, opened)
    with pytest.raises(NotFound):
        say(who, opened)
    call(who, conversations.restore, opened)
    assert shown(who, opened) == ["Anew", ""]
    with pytest.raises(NotFound):
        call(who, conversations.restore, opened)


def test_another_agent_or_its_published_state(who: Identity) -> None:
    opened, second = begin(who), add_agent(who, name="Anton")
    call(who, conversations.set_agent, opened, second, use_draft=False)
    assert (conversation(who, opened).agent_id, conversation(who, opened).use_draft) == (second, False)
    assert say(who, opened).author_name == "Anton"


def test_whom_it_is_played_with(who: Identity, other: Identity) -> None:
    opened = begin(who)
    with session_scope(other.tenant_id) as session:
        theirs = Contact(tenant_id=other.tenant_id, name="Theirs")
        session.add(theirs)
    with pytest.raises(NotFound):
        call(who, conversations.set_test_context, opened, lead_id=None, contact_id=theirs.id)
    with pytest.raises(NotFound):
        call(who, conversations.set_test_context, opened, lead_id="nope", contact_id=None)
    assert conversation(who, opened).contact_id is None


def test_another_tenant_finds_nothing(who: Identity, other: Identity) -> None:
    opened = begin(who)
    reply = say(who, opened)
    end(who, reply, "Forty.", MessageState.TO_APPROVE)
    attempts: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = [
        (conversations.get, (opened,), {}),
        (conversations.list_messages, (opened,), {}),
        (conversations.get_message, (reply.id,), {}),
        (conversations.receive, (opened, "Hi"), {}),
        (conversations.retry, (reply.id,), {}),
        (conversations.skip_delay, (reply.id,), {}),
        (conversations.edit_and_resend, (reply.answers_id, "Hi"), {}),
        (conversations.stop, (reply.id,), {}),
        (approvals.reject, (reply.id,), {}),
        (approvals.approve, (reply.id, "Hi"), {}),
        (conversations.rename, (opened, "Hi"), {}),
        (conversations.clear, (opened,), {}),
        (conversations.delete, (opened,), {}),
        (conversations.restore, (opened,), {}),
        (conversations.set_test_context, (opened,), {"lead_id": None, "contact_id": None}),
        (conversations.set_agent, (opened, "x"), {"use_draft": True}),
        (conversations.create, (conversation(who, opened).agent_id,), {}),
    ]
    for service, given, named in attempts:
        with pytest.raises(NotFound):
            call(other, service, *given, **named)
    assert call(other, conversations.list_test_conversations) == []
    assert call(other, conversations.get_trace, reply.id) is None
    assert shown(who, opened) == ["How much is a tune-up?", "Forty."]
