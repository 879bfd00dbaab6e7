"""Inbox: views, filters, pages and counts of the list, and what one conversation shows."""

from datetime import timedelta

import pytest

from platform_app import db, table_statistics
from platform_app.clock import now
from platform_app.errors import NotFound
from platform_app.models.agent import Channel
from platform_app.models.conversation import Author, ConversationState, Message, MessageState
from platform_app.models.person import Identity, Role
from platform_app.services.chat import conversation_rows, conversations, hand_off, member_messages, opt_outs, triage
from platform_app.services.crm import contacts, leads
from platform_app.services.inbox import inbox_list, open_conversation
from platform_app.services.inbox.inbox_list import InboxFilter, InboxPage, View
from tests.conftest import make_member
from tests.talking import a_stage, begin, call, published, real_talk, say


def ids(page: InboxPage) -> list[str]:
    return [line.row.id for line in page.lines]


def listed(who: Identity, view: View = View.OPEN, **wanted: object) -> list[str]:
    """Return the ids of the first page of a view."""
    return ids(call(who, inbox_list.list_conversations, InboxFilter(view, **wanted)))  # type: ignore[arg-type]


def add_message(who: Identity, conversation_id: str, text: str, **values: object) -> str:
    """Write a message of the agent as it stands in the database; return its id."""

    def write(session: object, who: Identity) -> str:
        message = Message(
            tenant_id=who.tenant_id, conversation_id=conversation_id, author=Author.AGENT, author_name="Vera", text=text
        )
        for name, value in values.items():
            setattr(message, name, value)
        session.add(message)  # type: ignore[attr-defined]
        return message.id

    return str(call(who, write))


def test_each_view_holds_what_its_name_says(who: Identity) -> None:
    agent = published(who)
    free, mine, closed, snoozed, asked = (real_talk(who, agent) for _ in range(5))
    for talk in (free, mine, closed, snoozed, asked):
        say(who, talk)
    call(who, hand_off.take_over, mine)
    call(who, hand_off.close, closed)
    call(who, triage.snooze, snoozed, now() + timedelta(hours=1))
    add_message(who, asked, "It costs 40.", state=MessageState.TO_APPROVE)
    begin(who)  # a test chat
    assert listed(who) == [asked, mine, free]
    assert listed(who, View.MINE) == [mine] and listed(who, View.PERSON) == [mine]
    assert listed(who, View.UNASSIGNED) == [asked, free]
    assert (listed(who, View.CLOSED), listed(who, View.SNOOZED)) == ([closed], [snoozed])
    assert listed(who, View.APPROVAL) == [asked]
    counts = call(who, inbox_list.count_views, InboxFilter())
    assert counts == {
        View.UNREAD: 3,
        View.MINE: 1,
        View.UNASSIGNED: 2,
        View.PERSON: 1,
        View.APPROVAL: 1,
        View.OPEN: 3,
        View.SNOOZED: 1,
        View.CLOSED: 1,
    }


def test_each_member_has_unread_conversations_of_their_own(who: Identity) -> None:
    colleague, talk = make_member(who, Role.OPERATOR), real_talk(who)
    say(who, talk)
    call(who, triage.mark_read, talk)
    assert listed(who, View.UNREAD) == [] and listed(colleague, View.UNREAD) == [talk]
    assert listed(who, View.UNREAD, kept_id=talk) == [talk]
    assert call(who, inbox_list.count_views, InboxFilter(kept_id=talk))[View.UNREAD] == 0
    say(who, talk)
    assert listed(who, View.UNREAD) == [talk]


def test_filters_narrow_every_view(who: Identity) -> None:
    first, second = published(who), published(who, name="Boris")
    one, two = real_talk(who, first), real_talk(who, second)
    call(who, triage.set_tags, two, ["Срочно"])
    assert listed(who, agent_id=first) == [one] and listed(who, tag="срочно") == [two]
    assert listed(who, channel=Channel.API) == [two, one] and listed(who, channel=Channel.EMAIL) == []
    assert call(who, inbox_list.count_views, InboxFilter(tag="срочно"))[View.OPEN] == 1


def test_test_chats_are_shown_only_when_they_are_chosen(who: Identity) -> None:
    talk = begin(who)
    assert listed(who) == [] and listed(who, channel=Channel.TEST) == [talk]


def test_pages_follow_each_other_without_gaps(who: Identity) -> None:
    agent, anna = published(who), call(who, contacts.create, name="Anna").id
    talks = [real_talk(who, agent, anna) for _ in range(7)]
    at = now()
    with_same_time = talks[2:5]

    def date(session: object, who: Identity) -> None:
        for number, talk in enumerate(talks):
            row = conversation_rows.get(session, who, talk)  # type: ignore[arg-type]
            row.last_message_at = at if talk in with_same_time else at + timedelta(minutes=number - 3)

    call(who, date)
    found, after = [], None
    for _ in range(4):
        page = call(who, inbox_list.list_conversations, InboxFilter(), after=after, limit=2)
        found, after = [*found, *ids(page)], page.next
    assert found == listed(who) and sorted(found) == sorted(talks) and after is None


def test_counting_stops_at_a_limit(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_list, "MAX_COUNT", 2)
    agent = published(who)
    for _ in range(3):
        real_talk(who, agent)
    assert call(who, inbox_list.count_views, InboxFilter())[View.OPEN] == 2


def test_a_line_says_who_what_and_whether_it_is_read(who: Identity) -> None:
    talk = real_talk(who)
    say(who, talk, "Hello?")
    call(who, triage.assign, talk, who.user_id)
    call(who, triage.set_tags, talk, ["vip"])
    ((line,), _) = (call(who, inbox_list.list_conversations, InboxFilter()).lines, None)
    assert (line.contact, line.agent, line.assignee, line.tags) == ("Anna", "Vera", who.name, ["vip"])
    assert (line.is_unread, line.awaits_approval, line.is_opted_out) == (True, False, False)
    call(who, triage.mark_read, talk)
    call(who, opt_outs.opt_out, line.row.contact_id)
    (line,) = call(who, inbox_list.list_conversations, InboxFilter()).lines
    assert (line.is_unread, line.is_opted_out) == (False, True)
    (line,) = call(make_member(who, Role.OPERATOR), inbox_list.list_conversations, InboxFilter()).lines
    assert line.is_unread


def test_nobody_sees_conversations_of_another_tenant(who: Identity, other: Identity) -> None:
    talk = real_talk(who)
    assert listed(other) == [] and call(other, inbox_list.count_views, InboxFilter())[View.OPEN] == 0
    for read in (open_conversation.read_contact, lambda *given: open_conversation.read(*given, limit=9)):
        with pytest.raises(NotFound):
            call(other, read, talk)


def test_an_open_conversation_has_its_newest_messages_and_its_contact(who: Identity) -> None:
    stage, contact = a_stage(who), call(who, contacts.create, name="Anna")
    deal = call(who, leads.create, title="A bicycle", stage_id=stage, contact_id=contact.id)
    agent = published(who, markdown=False)
    earlier, talk = (real_talk(who, agent, contact.id) for _ in range(2))
    for text in ("One", "Two", "Three"):
        call(who, member_messages.send, talk, text)
    found = call(who, open_conversation.read, talk, limit=2)
    assert [one.text for one in found.messages] == ["Two", "Three"] and found.has_earlier and found.is_plain
    assert found.line.row.state == ConversationState.HANDED_OFF
    panel = call(who, open_conversation.read_contact, talk)
    assert panel.contact is not None and panel.contact.id == contact.id
    assert [one.id for one in panel.card.leads] == [deal.id]
    assert [one.id for one in panel.card.conversations] == [earlier]


def test_a_note_mentions_the_members_it_names(who: Identity) -> None:
    operator, talk = make_member(who, Role.OPERATOR), real_talk(who)
    note = call(who, open_conversation.add_note, talk, f"@{operator.name.upper()} please look, not @somebody")
    assert note.mentions == [operator.user_id]
    assert [one.text for one in call(who, conversations.list_messages, talk)] == [note.text]


def searched(who: Identity, text: str, **wanted: object) -> list[tuple[str, str]]:
    """Return the conversations that a search finds, with what of them is shown."""
    page = call(who, inbox_list.list_conversations, InboxFilter(search=text, **wanted))  # type: ignore[arg-type]
    return [(line.row.id, line.excerpt) for line in page.lines]


def test_a_search_finds_what_was_written_in_every_view(who: Identity) -> None:
    agent, other_agent = published(who), published(who, name="Boris")
    asked, answered, closed, noted = (real_talk(who, agent) for _ in range(4))
    say(who, asked, "Good day.\nЁлка для детей: сколько СТОИТ доставка?")
    call(who, member_messages.send, answered, "Доставка бесплатна")
    say(who, closed, "Is the delivery free?")
    call(who, hand_off.close, closed)
    call(who, open_conversation.add_note, noted, "Ask about the delivery")
    assert searched(who, "доставк") == [
        (answered, "Доставка бесплатна"),
        (asked, "Ёлка для детей: сколько СТОИТ доставка?"),
    ]
    assert [found for found, _ in searched(who, "елка стоит")] == [asked]
    assert [found for found, _ in searched(who, "DELIVERY")] == [closed, noted]
    assert searched(who, "delivery", agent_id=other_agent) == [] and searched(who, "nothing like it") == []


def test_a_search_finds_contacts_by_name(who: Identity) -> None:
    olga = call(who, contacts.create, name="Olga Petrova", phones=["+44 7700 900107"])
    talk = real_talk(who, contact_id=olga.id)
    say(who, talk, "Hello")
    assert searched(who, "petr") == [(talk, "")] == searched(who, "7700 900107")


@pytest.mark.parametrize(
    "text", ['"', "a OR b", "*", 'x" *) OR scope : "', "NEAR(a b)", "-delivery", "'", "a:b", "%", "\\"]
)
def test_signs_of_a_search_language_are_words_or_nothing(who: Identity, text: str) -> None:
    talk = real_talk(who)
    say(who, talk, "Is the delivery free?")
    assert [found for found, _ in searched(who, text)] == ([talk] if text == "-delivery" else [])


def test_a_search_finds_nothing_of_another_tenant_nor_what_was_replaced(who: Identity, other: Identity) -> None:
    talk = real_talk(who)
    said = say(who, talk, "A secret delivery")
    assert searched(other, "secret") == [] and searched(other, who.tenant_id) == [] == searched(who, said.id)
    test_talk = begin(who)
    say(who, test_talk, "Another secret")
    assert [found for found, _ in searched(who, "secret")] == [talk]
    assert [found for found, _ in searched(who, "secret", channel=Channel.TEST)] == [test_talk]
    call(who, conversations.clear, test_talk)
    assert searched(who, "another", channel=Channel.TEST) == []


def test_sampled_tables_are_read_by_id(who: Identity) -> None:
    if db.engine().dialect.name != "sqlite":
        pytest.skip("PostgreSQL samples by itself")
    found = [call(who, contacts.create, name=f"Anna {number}").id for number in range(200)]
    query = f"EXPLAIN QUERY PLAN SELECT name FROM contact WHERE tenant_id = ? AND id IN ({', '.join('?' * 12)})"

    def plan() -> str:
        with db.session_scope(reason="tests", read_only=True) as session:
            lines = session.connection().exec_driver_sql(query, (who.tenant_id, *found[:12])).all()
            return " ".join(str(line[-1]) for line in lines)

    assert "autoindex" not in plan()
    assert table_statistics.update_statistics() is False
    assert "autoindex" in plan()
