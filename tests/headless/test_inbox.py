"""Inbox page: the list and the open conversation through the console's own events."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from platform_app.clock import now
from platform_app.models.conversation import Conversation, Message, MessageState
from platform_app.models.person import Identity, Role
from platform_app.services.chat import (
    conversation_rows,
    conversations,
    hand_off,
    held_messages,
    opt_outs,
    reply_streams,
    triage,
)
from platform_app.services.inbox import open_conversation
from platform_app.services.scripts import scripts
from platform_app.state.console import live_updates
from platform_app.state.inbox import inbox_list as inbox_list_page
from platform_app.state.inbox import snoozes
from platform_app.state.inbox.contact_panel import ContactPanelState
from platform_app.state.inbox.conversation import NOBODY, InboxState
from platform_app.state.inbox.drafting import DraftingState
from platform_app.state.inbox.inbox_list import InboxListState
from tests.chat.test_inbox import add_message
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.headless.test_live_updates import CountingHub
from tests.talking import call, conversation, published, real_talk, say

PAGE = "/manage/acme/inbox"


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> CountingHub:
    """A hub that the test drives."""
    made = CountingHub()
    monkeypatch.setattr(live_updates, "hub", made)
    return made


def seen(tab: Tab, state: Any, name: str, missing: Any = None) -> Any:
    """Return a variable as the browser holds it, or a value in its place before it came."""
    try:
        return tab.get(state, name)
    except KeyError:
        return missing


async def opened(tab: Tab, conversation_id: str, query: str = "") -> None:
    """Open a conversation of the inbox, which goes on following."""
    await tab.goto(f"{PAGE}?c={conversation_id}{query}", settle=False)
    await tab.until(lambda: seen(tab, InboxState, "loaded") and seen(tab, InboxState, "current") == conversation_id)
    await tab.until(lambda: seen(tab, InboxListState, "loaded"))


def messages(who: Identity, conversation_id: str) -> list[Message]:
    found: list[Message] = call(who, conversations.list_messages, conversation_id)
    return found


def row(who: Identity, conversation_id: str) -> Conversation:
    found: Conversation = call(who, conversation_rows.get, conversation_id)
    return found


def shown(tab: Tab) -> list[tuple[str, str, str]]:
    """Return side, label and text of the messages on the page."""
    return [(one.side, one.label, one.text) for one in seen(tab, InboxState, "messages", [])]


async def test_the_list_follows_the_address_and_what_happens(who: Identity, hub: CountingHub) -> None:
    agent = published(who)
    first, second = real_talk(who, agent), real_talk(who, agent)
    say(who, first, "Is it open on Sunday?")
    call(who, triage.assign, second, who.user_id)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"{PAGE}?view=mine", settle=False)
        await tab.until(lambda: seen(tab, InboxListState, "loaded"))
        assert [one.id for one in tab.get(InboxListState, "rows")] == [second]
        assert [(one.name, one.count) for one in tab.get(InboxListState, "views")][:4] == [
            ("open", "2"),
            ("unread", "1"),
            ("mine", "1"),
            ("unassigned", "1"),
        ]
        call(who, triage.assign, first, who.user_id)
        hub.tell("conversation")
        await tab.until(lambda: len(tab.get(InboxListState, "rows")) == 2)
        top = tab.get(InboxListState, "rows")[0]
        assert (top.contact, top.last_line, top.is_unread) == ("Anna", "Is it open on Sunday?", True)
        assert top.href == f"{PAGE}?view=mine&c={first}"


async def test_an_open_conversation_reads_only_its_own_changes_and_lists_take_turns(
    who: Identity, hub: CountingHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk, another, reads, turns = real_talk(who), real_talk(who), list[str](), list[float]()
    real, bucket = open_conversation.read, inbox_list_page._refreshes

    def read(session: Any, who: Identity, conversation_id: str, *, limit: int) -> Any:
        reads.append(conversation_id)
        return real(session, who, conversation_id, limit=limit)

    monkeypatch.setattr(open_conversation, "read", read)
    monkeypatch.setattr(bucket, "reserve", lambda: turns.append(0.0) or 0.0)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        await tab.until(lambda: len(hub.pages) >= 5)
        before = len(reads)
        for subject in (another, another, another, talk):
            hub.tell("conversation", subject)
        await tab.until(lambda: len(reads) > before and turns)
        assert reads[before:] == [talk]


async def test_an_unknown_view_or_conversation_shows_the_list(who: Identity) -> None:
    real_talk(who)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"{PAGE}?view=nonsense&channel=smoke&after=long%20ago&c={'f' * 32}", settle=False)
        await tab.until(lambda: seen(tab, InboxListState, "loaded"))
        assert (tab.get(InboxListState, "view"), len(tab.get(InboxListState, "rows"))) == ("open", 1)
        assert tab.get(InboxState, "current") == "" and "Conversation not found." in tab.scripts()


async def test_opening_marks_as_read_and_marks_who_wrote(who: Identity) -> None:
    talk = real_talk(who)
    say(who, talk, "Hello?")
    add_message(who, talk, "Good day!", origin="rule", origin_name="Welcome")
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        await tab.send(InboxState.set_visible(True))
        assert call(who, triage.unread_ids, [conversation(who, talk)]) == set()
        assert ("in", "Contact", "Hello?") in shown(tab) and ("out", "Rule “Welcome”", "Good day!") in shown(tab)
        assert seen(tab, InboxState, "messages")[0].day == "Today"
        assert seen(tab, InboxState, "title") == "Anna"


async def test_an_unread_conversation_stays_in_the_list_while_it_is_read(who: Identity) -> None:
    agent = published(who)
    first, second = real_talk(who, agent), real_talk(who, agent)
    real_talk(who, agent)  # nobody has written there
    say(who, first, "Hello?")
    say(who, second, "Hello?")
    async with Tab(sign_in(who)) as tab:
        await opened(tab, second, "&view=unread")
        await tab.send(InboxState.set_visible(True))
        assert [(one.id, one.is_unread) for one in tab.get(InboxListState, "rows")] == [(second, False), (first, True)]
        assert tab.get(InboxListState, "views")[1].count == "1"
        await opened(tab, first, "&view=unread")
        await tab.until(lambda: [one.id for one in tab.get(InboxListState, "rows")] == [first])
        assert tab.get(InboxListState, "views")[1].count == ""
        say(who, second, "And now?")
        await tab.goto(f"{PAGE}?view=unread", settle=False)
        await tab.until(lambda: [one.id for one in tab.get(InboxListState, "rows")] == [second])


async def test_what_comes_to_a_hidden_tab_is_unread_until_it_is_shown(who: Identity, hub: CountingHub) -> None:
    talk = real_talk(who)
    say(who, talk, "Hello?")
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)  # in a tab that has not been shown yet
        assert call(who, triage.unread_ids, [conversation(who, talk)]) == {talk}
        await tab.send(InboxState.set_visible(True))
        assert call(who, triage.unread_ids, [conversation(who, talk)]) == set()
        await tab.send(InboxState.set_visible(False))
        call(who, conversations.receive, talk, "Is anybody there?")
        hub.tell("conversation")
        await tab.until(lambda: ("in", "Contact", "Is anybody there?") in shown(tab))
        await tab.until(lambda: tab.get(InboxListState, "rows")[0].is_unread)
        assert call(who, triage.unread_ids, [conversation(who, talk)]) == {talk}
        await tab.send(InboxState.set_visible(True))
        assert (
            call(who, triage.unread_ids, [conversation(who, talk)]) == set()
            and not tab.get(InboxListState, "rows")[0].is_unread
        )


async def test_a_member_writes_and_is_in_charge(who: Identity, hub: CountingHub) -> None:
    talk = real_talk(who)
    say(who, talk)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        await tab.send(InboxState.send({"text": "I am Olga."}))
        found = row(who, talk)
        assert (found.state, found.in_charge_id, found.assignee_id) == ("handed_off", who.user_id, who.user_id)
        assert shown(tab)[-1] == ("out", "Member", "I am Olga.")
        assert "has been replying since" in tab.get(InboxState, "in_charge") and tab.get(InboxState, "sent_count") == 1
        await tab.send(InboxState.hand_back({"note": "They want a red one."}))
        assert row(who, talk).state == "open" and tab.get(InboxState, "in_charge") == ""
        assert ("internal", "Note for the agent", "They want a red one.") in shown(tab)


async def test_what_waits_for_a_person_is_taken_over(who: Identity) -> None:
    talk = real_talk(who)
    call(who, hand_off.hand_off, talk)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        assert tab.get(InboxState, "can_take_over") and row(who, talk).in_charge_id is None
        await tab.send(InboxState.take_over())
        assert not tab.get(InboxState, "can_take_over") and row(who, talk).in_charge_id == who.user_id
        await tab.send(InboxState.close())
        assert not tab.get(InboxState, "can_take_over")


async def test_what_is_refused_stays_in_the_field(who: Identity) -> None:
    talk = real_talk(who)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        await tab.send(InboxState.send({"text": "x" * 20_001}))
        assert (tab.get(InboxState, "failed_count"), seen(tab, InboxState, "sent_count")) == (1, 0)
        assert messages(who, talk) == []


async def test_a_note_is_not_sent(who: Identity) -> None:
    talk = real_talk(who)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        await tab.send(InboxState.add_note({"text": f"@{who.name} look"}))
        (note,) = messages(who, talk)
        assert (note.state, note.mentions) == (MessageState.NOTE, [who.user_id])
        assert row(who, talk).state == "open" and shown(tab) == [("internal", "Note", note.text)]


async def test_who_has_opted_out_is_written_to_only_after_a_confirmation(who: Identity) -> None:
    talk = real_talk(who)
    call(who, opt_outs.opt_out, row(who, talk).contact_id)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        assert tab.get(InboxState, "is_opted_out")
        await tab.send(InboxState.send({"text": "Hello"}))
        assert messages(who, talk) == [] and tab.get(InboxState, "failed_count") == 1
        await tab.send(InboxState.confirm_opt_out())
        await tab.send(InboxState.send({"text": "Hello"}))
        assert [one.text for one in messages(who, talk)] == ["Hello"]


async def test_held_messages_are_sent_or_discarded(who: Identity) -> None:
    talk = real_talk(who)
    held = [add_message(who, talk, text, state=MessageState.HELD, gate={"reason": "person"}) for text in ("A", "B")]
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        assert seen(tab, InboxState, "messages")[0].reason.startswith("Held")
        await tab.send(InboxState.release(held[0]))
        await tab.send(InboxState.discard(held[1]))
        assert {one.text: one.state.value for one in messages(who, talk)} == {"A": "complete", "B": "discarded"}
        assert call(who, held_messages.list_held, talk) == []


async def test_a_reply_is_changed_and_approved_and_the_difference_is_kept(who: Identity) -> None:
    talk = real_talk(who)
    reply = add_message(who, talk, "It costs 40.", state=MessageState.TO_APPROVE)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk, "&view=approval")
        assert tab.get(InboxListState, "rows")[0].awaits_approval
        await tab.send(InboxState.approve({"reply_id": reply, "text": "It costs 45."}))
        (sent,) = messages(who, talk)
        assert (sent.state, sent.text, sent.own_text) == (MessageState.COMPLETE, "It costs 45.", "It costs 40.")
        (line,) = seen(tab, InboxState, "messages")
        assert line.difference == ["- It costs 40.", "+ It costs 45."]
        assert line.review == f"Changed and approved by {who.name}"


async def test_a_reply_is_rejected_with_a_reason(who: Identity) -> None:
    talk = real_talk(who)
    reply = add_message(who, talk, "It is free.", state=MessageState.TO_APPROVE)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        await tab.send(InboxState.reject({"reply_id": reply, "reason": "It is not free"}))
        (line,) = seen(tab, InboxState, "messages")
        assert (line.state, line.review) == ("discarded", f"Rejected by {who.name}: It is not free")


async def test_a_conversation_is_assigned_closed_and_reopened(who: Identity) -> None:
    operator, talk = make_member(who, Role.OPERATOR), real_talk(who)
    make_member(who, Role.VIEWER)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        assert [one.id for one in tab.get(InboxState, "members")] == [who.user_id, operator.user_id]
        await tab.send(InboxState.assign(operator.user_id))
        assert row(who, talk).assignee_id == operator.user_id
        await tab.send(InboxState.assign(NOBODY))
        assert row(who, talk).assignee_id is None
        await tab.send(InboxState.close())
        assert row(who, talk).state == "closed" == tab.get(InboxState, "state")
        await tab.send(InboxState.close())
        assert row(who, talk).state == "open"


async def test_the_contact_is_opted_out_and_in_again(who: Identity) -> None:
    talk = real_talk(who)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        await tab.until(lambda: seen(tab, ContactPanelState, "name") == "Anna")
        await tab.send(ContactPanelState.set_opt_out(True))
        assert tab.get(ContactPanelState, "opt_out").startswith(f"Set by {who.name} on")
        await tab.send(ContactPanelState.set_opt_out(False))
        assert tab.get(ContactPanelState, "opt_out") == ""


async def test_a_viewer_reads_and_changes_nothing(who: Identity) -> None:
    talk = real_talk(who)
    async with Tab(sign_in(make_member(who, Role.VIEWER))) as tab:
        await opened(tab, talk)
        await tab.send(InboxState.send({"text": "Hello"}))
        await tab.send(InboxState.close())
        assert messages(who, talk) == [] and row(who, talk).state == "open"


async def test_scripts_and_suggestions_are_put_into_the_field(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = published(who)
    talk = real_talk(who, agent)
    script = call(who, scripts.create, title="Hello", text="Good day, {{ contact.name }}!")
    say(who, talk)
    started: list[str] = []
    monkeypatch.setattr(reply_streams, "start", lambda tenant_id, reply_id, conversation_id: started.append(reply_id))
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        await tab.until(lambda: seen(tab, DraftingState, "scripts"))
        assert [(one.title, one.preview) for one in tab.get(DraftingState, "scripts")] == [
            ("Hello", "Presentation: Good day, {{ contact.name }}!")
        ]
        await tab.send(DraftingState.insert_script(script.id))
        assert (tab.get(DraftingState, "insert_text"), tab.get(DraftingState, "insert_count")) == ("Good day, Anna!", 1)
        await tab.send(DraftingState.suggest())
        assert started == [tab.get(DraftingState, "suggestion_id")]
        assert tab.get(DraftingState, "suggestion_state") == "writing"
        fill_suggestion(who, started[0], "It costs 40.")
        await tab.send(DraftingState.use_suggestion())
        assert (tab.get(DraftingState, "insert_text"), tab.get(DraftingState, "insert_count")) == ("It costs 40.", 2)
        assert tab.get(DraftingState, "suggestion_state") == "" and row(who, talk).state == "open"


def fill_suggestion(who: Identity, suggestion_id: str, text: str) -> None:
    """Write a suggestion to its end, as the model would."""

    def write(session: Any, who: Identity) -> None:
        found = conversation_rows.get_message(session, who, suggestion_id)
        found.text, found.state = text, MessageState.SUGGESTED

    call(who, write)


async def test_a_conversation_is_snoozed_and_tagged(who: Identity) -> None:
    talk = real_talk(who)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        await tab.send(InboxState.set_tags({"tags": "vip, Срочно, vip"}))
        assert tab.get(InboxState, "tags") == ["vip", "Срочно"]
        await tab.send(InboxState.snooze("tomorrow"))
        until = row(who, talk).snoozed_until
        assert until is not None and until.astimezone(ZoneInfo(who.time_zone)).hour == 9
        assert tab.get(InboxState, "snoozed") != "" and "Snoozed until" in tab.scripts()
        await tab.send(InboxState.end_snooze())
        assert row(who, talk).snoozed_until is None
        await tab.send(InboxState.snooze("moment"))
        await tab.send(InboxState.snooze_until({"until": "2001-01-01T09:00"}))
        assert "Choose a time in the future." in tab.scripts() and tab.get(InboxState, "asks_moment")
        await tab.send(InboxState.snooze_until({"until": "soon"}))
        await tab.send(InboxState.snooze_until({"until": "2099-01-01T09:00"}))
        assert row(who, talk).snoozed_until is not None and not tab.get(InboxState, "asks_moment")


@pytest.mark.parametrize(
    ("at", "choice", "hours"),
    [
        (datetime(2026, 11, 27, 12), "monday", 69),  # a Friday
        (datetime(2026, 11, 30, 12), "monday", 165),
        (datetime(2026, 11, 27, 12), "tomorrow", 21),
        (datetime(2026, 11, 27, 12), "hour", 1),
        (datetime(2026, 11, 27, 12), "hours", 4),
    ],
)
def test_snoozes_end_in_the_zone_of_the_tenant(at: datetime, choice: str, hours: int) -> None:
    zone = "Asia/Yekaterinburg"
    with time_machine.travel(at.replace(tzinfo=ZoneInfo(zone)), tick=False):
        assert snoozes.snooze_end(choice, zone) - now() == timedelta(hours=hours)
