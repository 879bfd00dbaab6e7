"""Take-over: members write, agents and automation are silent until the conversation is handed back."""

from datetime import timedelta
from typing import Any

import pytest

from platform_app.clock import now
from platform_app.db import owned, session_scope, unscoped
from platform_app.errors import Conflict, Invalid, NotFound
from platform_app.llm import prompts
from platform_app.models.conversation import Author, ConversationState, Message, MessageState
from platform_app.models.crm import Contact
from platform_app.models.person import Identity, Role, Tenant
from platform_app.models.sequence import ExitReason
from platform_app.services.chat import agent_messages, conversations, hand_off, member_messages, reply_context
from tests.conftest import make_member
from tests.sequencing import a_sequence, after, at, do, enrolled, way
from tests.talking import activities, call, conversation, events, real_talk, row, say, set_policy, shown


def write(who: Identity, talk: str, text: str = "I am Olga.", **named: Any) -> Message:
    """Let a member write to the contact."""
    message: Message = call(who, member_messages.send, talk, text, **named)
    return message


def test_a_member_who_writes_is_in_charge(who: Identity) -> None:
    talk = real_talk(who)
    reply = say(who, talk)
    sent = write(who, talk)
    assert (sent.state, sent.author, sent.author_id) == (MessageState.COMPLETE, Author.MEMBER, who.user_id)
    found = conversation(who, talk)
    assert (found.state, found.in_charge_id, found.in_charge) == ("handed_off", who.user_id, who.name)
    assert (found.assignee_id, found.last_line) == (who.user_id, "I am Olga.")
    assert row(who, reply).state == MessageState.HELD
    assert events(who)[-2:] == ["member_replied", "taken_over"]
    assert activities(who)[-2:] == ["Member “{name}” wrote in “{title}”", "“{title}” taken over"]
    kept = call(who, agent_messages.send_message, talk, "Buy now")
    assert (kept.state, kept.gate["by"]) == (MessageState.HELD, who.name)
    assert call(who, conversations.receive, talk, "And?")[1] is None


def test_another_member_takes_over_from_the_first(who: Identity) -> None:
    talk, second = real_talk(who), make_member(who, Role.OPERATOR)
    call(who, hand_off.take_over, talk)
    since = conversation(who, talk).in_charge_since
    call(who, hand_off.take_over, talk)
    call(second, hand_off.take_over, talk)
    found = conversation(who, talk)
    assert (found.in_charge_id, found.assignee_id, found.in_charge_since) == (second.user_id, who.user_id, since)
    assert events(who).count("taken_over") == 2


@pytest.mark.parametrize("text", ["", "  ", "x" * 20_001])
def test_text_of_a_member_that_is_not_taken(who: Identity, text: str) -> None:
    talk = real_talk(who)
    for service in (member_messages.send, member_messages.add_note):
        with pytest.raises(Invalid):
            call(who, service, talk, text)
    assert shown(who, talk) == [] and conversation(who, talk).state == "open"


def test_a_member_writes_to_nobody_who_does_not_want_it_unless_they_confirm(who: Identity) -> None:
    talk = real_talk(who)
    with session_scope(who.tenant_id) as session:
        session.exec(owned(Contact, who.tenant_id)).one().opted_out_at = now()
    with pytest.raises(Conflict, match="opted out of messages"):
        write(who, talk)
    assert shown(who, talk) == [] and conversation(who, talk).state == "open"
    assert write(who, talk, despite_opt_out=True).state == MessageState.COMPLETE


def test_a_note_is_sent_to_nobody_and_takes_nothing_over(who: Identity, other: Identity) -> None:
    talk, second = real_talk(who), make_member(who, Role.OPERATOR)
    note = call(who, member_messages.add_note, talk, "Ask @Boris", mentions=[second.user_id, second.user_id])
    assert (note.state, note.mentions) == (MessageState.NOTE, [second.user_id])
    assert conversation(who, talk).state == "open" and events(who)[-1] == "note_added"
    with pytest.raises(NotFound):
        call(who, member_messages.add_note, talk, "No", mentions=[other.user_id])
    reply = say(who, talk)
    work = reply_context.load_context(who.tenant_id, reply.id)
    assert work is not None and work.facts.history == []


def test_handed_back_the_agent_answers_and_knows_what_was_said(who: Identity) -> None:
    talk = real_talk(who)
    call(who, conversations.receive, talk, "I want a person")
    write(who, talk, "It costs 40 euros.")
    call(who, conversations.receive, talk, "And delivery?")
    call(who, hand_off.hand_back, talk, "They were promised a discount.")
    found = conversation(who, talk)
    assert (found.state, found.in_charge_since, found.in_charge) == ("open", None, "")
    assert events(who)[-1] == "handed_back"
    with session_scope(who.tenant_id) as session:
        query = owned(Message, who.tenant_id).where(Message.state == MessageState.DELAYED)
        reply = session.exec(query).one()
        reply.state = MessageState.STREAMING
    work = reply_context.load_context(who.tenant_id, reply.id)
    assert work is not None and work.facts.question == "And delivery?"
    assert ("assistant", f"{prompts.MEMBER_MARKER} It costs 40 euros.") in work.facts.history
    assert ("what a colleague told you when handing the conversation back", "They were promised a discount.") in (
        work.facts.known
    )
    system = prompts.build_messages(work.facts)[0]["content"]
    assert "promised a discount" in system and "were written by a person of your company" in system


def test_handed_back_nobody_is_answered_twice(who: Identity) -> None:
    talk = real_talk(who)
    call(who, conversations.receive, talk, "Hello")
    write(who, talk)
    call(who, hand_off.hand_back, talk)
    assert shown(who, talk)[-1] == "I am Olga."


def test_closed_and_opened_again_the_same_person_is_in_charge(who: Identity) -> None:
    talk = real_talk(who)
    call(who, hand_off.take_over, talk)
    call(who, hand_off.close, talk)
    with pytest.raises(Conflict, match="closed"):
        write(who, talk)
    assert call(who, conversations.receive, talk, "One more thing")[1] is None  # on a channel nothing is lost
    found = conversation(who, talk)
    assert (found.state, found.in_charge_id) == (ConversationState.HANDED_OFF, who.user_id)
    with pytest.raises(Conflict):
        call(who, hand_off.reopen, talk)
    call(who, hand_off.hand_back, talk)
    call(who, hand_off.close, talk)
    call(who, hand_off.reopen, talk)
    assert conversation(who, talk).state == "open"
    assert events(who).count("conversation_reopened") == 2


def test_a_conversation_is_handed_back_by_itself_after_the_time_of_the_tenant(who: Identity) -> None:
    talk, kept = real_talk(who), real_talk(who)
    call(who, hand_off.take_over, kept)  # before there was such a time
    set_policy(who, hand_back_hours=2)
    start = now()
    with at(start):
        write(who, talk)
    with at(start + timedelta(hours=1)):
        write(who, talk, "Still here.")
    with at(start + timedelta(hours=2, minutes=59)):
        hand_off.hand_back_due()
        assert conversation(who, talk).state == "handed_off"
    with at(start + timedelta(hours=3)):
        hand_off.hand_back_due()
        hand_off.hand_back_due()
    assert conversation(who, talk).state == "open" and conversation(who, kept).state == "handed_off"
    assert activities(who)[-1] == "“{title}” returned to the agent: the time you set is over"
    assert events(who).count("handed_back") == 1


@pytest.mark.parametrize("stops", [True, False])
def test_sequences_end_when_a_member_writes_where_the_tenant_wants_it(who: Identity, stops: bool) -> None:
    with session_scope(reason="tests") as session:
        session.exec(unscoped(Tenant).where(Tenant.id == who.tenant_id)).one().stop_on_member_reply = stops
    talk = real_talk(who)
    sequence = a_sequence(who, do("one", timing=after(1)))
    enrolled(who, sequence, conversation(who, talk).contact_id or "")
    write(who, talk)
    assert way(who).leaving == (ExitReason.MEMBER if stops else None)


def test_another_tenant_takes_nothing_over(who: Identity, other: Identity) -> None:
    talk = real_talk(who)
    for service, given in (
        (hand_off.take_over, ()),
        (hand_off.reopen, ()),
        (member_messages.send, ("Hi",)),
        (member_messages.add_note, ("Hi",)),
    ):
        with pytest.raises(NotFound):
            call(other, service, talk, *given)
