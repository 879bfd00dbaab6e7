"""Shadow mode: what agents answer on an account is kept, never sent, and counted beside what people answered."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest
import time_machine

from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.errors import Conflict, NotFound
from platform_app.models.agent import Channel
from platform_app.models.article import UnansweredQuestion
from platform_app.models.channel import AttachmentKind, ChannelAccount, ChannelIdentity
from platform_app.models.conversation import Author, Conversation, ConversationState, Message, MessageState, Trace
from platform_app.models.crm import Task
from platform_app.models.event import EventKind
from platform_app.models.person import Identity
from platform_app.models.shadow import ShadowMark
from platform_app.models.tool_call import ToolMode
from platform_app.services.agents import agents
from platform_app.services.channels import channel_accounts, updates
from platform_app.services.chat import (
    agent_messages,
    member_messages,
    reply_conduct,
    reply_media,
    sending,
    shadow_mode,
    triage,
)
from platform_app.services.crm import leads
from platform_app.services.shadow import comparison, shadow_accounts, shadow_figures
from platform_app.services.shadow.comparison import Selection
from platform_app.services.shadow.shadow_figures import Part, ShadowFigures, ShadowScope
from tests.budgets.test_budgets import set_budget
from tests.channels.bots import connected, parts, post, work
from tests.channels.bots import telegram as telegram
from tests.conftest import FULL
from tests.fake_provider import FakeProvider, calls, refuses, says, serving
from tests.fakes.telegram import FakeTelegram
from tests.shadow.shadowing import answered, asked, asks, compared, manager_answers, write_answer
from tests.talking import a_stage, call, events, published, run_jobs
from tests.visiting import rows, the_talk

DIALOGUES = 200 if FULL else 50  # of a month
LABELS = (*ShadowMark, None)  # what a member says of a dialogue; None: nothing yet


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A provider that says what a test tells it to."""
    yield from serving(env)


@pytest.fixture
def account(who: Identity, telegram: FakeTelegram, provider: FakeProvider) -> ChannelAccount:
    """A connected bot in shadow mode."""
    return shadowed(who, connected(who, telegram))


def shadowed(who: Identity, made: ChannelAccount) -> ChannelAccount:
    changed: ChannelAccount = call(who, shadow_accounts.set_shadow, made.id, is_shadow=True)
    return changed


def with_settings(who: Identity, telegram: FakeTelegram, **settings: Any) -> ChannelAccount:
    """Connect a bot in shadow mode whose agent has these settings."""
    return shadowed(who, connected(who, telegram, published(who, channels=["test"], **settings)))


def scope(account: ChannelAccount, stage_id: str | None = None, days: int = 30) -> ShadowScope:
    return ShadowScope(account.id, now() - timedelta(days=days), now() + timedelta(seconds=1), stage_id)


def figures_of(who: Identity, account: ChannelAccount) -> ShadowFigures:
    figures: ShadowFigures = call(who, shadow_figures.get_figures, scope(account))
    return figures


def answers(who: Identity) -> list[Message]:
    """Return the messages that an agent wrote, sent or not."""
    return [row for row in rows(who, Message) if row.author == Author.AGENT]


def sent_texts(telegram: FakeTelegram) -> list[str]:
    return [text for chat in list(telegram.sent) for text in telegram.texts(chat)]


def test_a_month_of_labeled_dialogues(who: Identity, telegram: FakeTelegram, account: ChannelAccount) -> None:
    chance, start = Random(200), now()
    labels = {str(customer): chance.choice(LABELS) for customer in range(DIALOGUES)}
    with time_machine.travel(start, tick=False) as clock:
        for number, customer in enumerate(labels):
            clock.move_to(start + timedelta(days=30) * number / DIALOGUES)
            with session_scope(who.tenant_id) as session:
                assert asks(session, account, customer).reply_id == ""
                clock.shift(timedelta(minutes=2))
                manager_answers(session, account, customer, f"{customer} euros.")
        for answer in compared(who):
            write_answer(who, answer)
        listed, total = call(who, comparison.list_answers, scope(account), Selection.ALL, page=1, page_size=1_000)
        assert total == len(listed) == DIALOGUES
        with session_scope(who.tenant_id) as session:
            for one in listed:
                comparison.set_mark(session, who, one.row.id, labels[one.person[0].split()[0]])
        figures = figures_of(who, account)
        unmarked = call(who, comparison.list_answers, scope(account), Selection.UNMARKED, page=1, page_size=1)[1]
    expected = Counter(label for label in labels.values() if label is not None)
    assert (figures.answers, figures.answered, figures.marks) == (DIALOGUES, DIALOGUES, expected)
    assert unmarked == DIALOGUES - figures.marked == list(labels.values()).count(None)
    assert parts(who) == [] and sent_texts(telegram) == []
    assert EventKind.REPLY_SENT not in events(who)


def test_a_customer_is_answered_by_people_alone(
    who: Identity, telegram: FakeTelegram, provider: FakeProvider, account: ChannelAccount
) -> None:
    provider.will(says("It costs **40** euros."))
    customer = telegram.customer()
    customer.write("How much is a tune-up?")
    assert asyncio.run(post(account, telegram.updates[-1])) == 200
    run_jobs(who)
    (answer,) = answers(who)
    assert (answer.state, answer.text) == (MessageState.SUGGESTED, "It costs **40** euros.")
    assert the_talk(who).last_line == "How much is a tune-up?" and parts(who) == []
    call(who, member_messages.send, the_talk(who).id, "45 euros, and we have time today.")
    work(who)
    assert telegram.texts(customer.chat_id) == ["45 euros, and we have time today."]
    customer.write("And tomorrow?")  # a person is in charge now
    asyncio.run(post(account, telegram.updates[-1]))
    work(who)
    ((second, first), total) = call(who, comparison.list_answers, scope(account), Selection.ALL, page=1, page_size=9)
    assert total == 2 and second.person == [] and second.answer.state == MessageState.SUGGESTED
    assert first.person == ["45 euros, and we have time today."] and first.person_name == who.name
    assert len(parts(who)) == 1 and EventKind.REPLY_SENT not in events(who)
    assert "It costs" not in provider.last.body["messages"][-1]["content"]


def test_what_automation_writes_is_not_sent_either(
    who: Identity, telegram: FakeTelegram, account: ChannelAccount
) -> None:
    asked(account)
    for send in (agent_messages.send_message, agent_messages.request_message):
        message = call(who, send, the_talk(who).id, "Thanks for writing.", is_exempt=True)
        assert (message.state, message.gate["reason"]) == (MessageState.DISCARDED, "shadow")
    assert parts(who) == []


def test_a_reply_on_its_way_is_dropped_and_a_kept_answer_is_never_sent(
    who: Identity, telegram: FakeTelegram, provider: FakeProvider
) -> None:
    account = connected(who, telegram)
    with session_scope(who.tenant_id) as session:
        asks(session, account, "5001")
    shadowed(who, account)
    run_jobs(who)
    (reply,) = answers(who)
    assert (reply.state, reply.gate["reason"]) == (MessageState.DISCARDED, "shadow")
    asked(account)
    call(who, shadow_accounts.set_shadow, account.id, is_shadow=False)
    run_jobs(who)
    assert answers(who)[-1].state == MessageState.SUGGESTED and parts(who) == []


def test_what_has_not_gone_out_yet_is_not_sent_either(
    who: Identity, telegram: FakeTelegram, provider: FakeProvider
) -> None:
    account = connected(who, telegram)
    customer = telegram.customer()
    customer.write("/start")
    with session_scope(who.tenant_id) as session:
        asks(session, account, "5001")
    call(who, agent_messages.send_message, the_talk(who).id, "40 euros.")
    call(who, member_messages.send, the_talk(who).id, "I will look at it.")
    shadowed(who, account)
    work(who)
    assert telegram.texts(customer.chat_id) == ["I will look at it."]
    assert [part.error for part in parts(who)] == [shadow_mode.TOO_LATE, ""]


def test_an_answer_is_written_from_what_was_said_before_it(
    who: Identity, provider: FakeProvider, account: ChannelAccount
) -> None:
    asked(account)
    answered(account, "45 euros.")
    asked(account, text="Thanks")
    run_jobs(who)
    first, second = ([one["content"] for one in asked.body["messages"]] for asked in provider.asked)
    assert not any("45 euros." in text for text in first) and any("45 euros." in text for text in second)


def test_texts_of_a_person_until_the_contact_writes_again(who: Identity, account: ChannelAccount) -> None:
    write_answer(who, asked(account))
    for text in ("Hello, Anna.", "45 euros."):
        answered(account, text)
    write_answer(who, asked(account, text="Thanks"))
    answered(account, "You are welcome.")
    listed, _ = call(who, comparison.list_answers, scope(account), Selection.ALL, page=1, page_size=9)
    assert [one.person for one in listed] == [["You are welcome."], ["Hello, Anna.", "45 euros."]]


def talk_of(who: Identity, customer: str) -> Conversation:
    (identity,) = [row for row in rows(who, ChannelIdentity) if row.outside_id == customer]
    return next(row for row in rows(who, Conversation) if row.id == identity.conversation_id)


def test_the_agent_answers_in_the_stages_and_with_the_tags_that_are_switched_on(
    who: Identity, telegram: FakeTelegram, provider: FakeProvider, account: ChannelAccount
) -> None:
    stage, other_stage = a_stage(who), a_stage(who)
    for customer, at in (("1", stage), ("2", other_stage), ("3", ""), ("4", other_stage)):
        asked(account, customer)
        if at:
            contact_id = talk_of(who, customer).contact_id
            call(who, leads.create, title="Bike", stage_id=at, contact_id=contact_id)
    call(who, triage.set_tags, talk_of(who, "4").id, ["Prices"])
    call(who, shadow_accounts.set_live_stage, account.id, stage, is_live=True)
    call(who, shadow_accounts.set_live_tag, account.id, "prices", is_live=True)
    run_jobs(who)
    with session_scope(who.tenant_id) as session:
        for customer in "1234":
            telegram.customer(int(customer)).write("/start")
            asks(session, account, customer, "Are you there?")
    work(who)
    assert {chat for chat in range(1, 5) if telegram.texts(chat)} == {1, 4}
    call(who, shadow_accounts.set_live_stage, account.id, "", is_live=True)
    call(who, shadow_accounts.set_live_stage, account.id, stage, is_live=False)
    with session_scope(who.tenant_id, read_only=True) as session:
        checked = {
            customer: sending.send_context(session, talk_of(who, customer), sending.outbound(Message())).is_shadow
            for customer in "123"
        }
    assert checked == {"1": True, "2": True, "3": False}
    assert [row.stage_id for row in compared(who)] == ["", "", "", "", other_stage, ""]
    again = shadowed(who, call(who, shadow_accounts.set_shadow, account.id, is_shadow=False))
    assert (again.live_stages, again.live_tags) == ([], [])


def test_switches_are_checked(who: Identity, other: Identity, account: ChannelAccount) -> None:
    stage = a_stage(other)
    for service, value in ((shadow_accounts.set_live_stage, stage), (shadow_accounts.set_live_tag, "nowhere")):
        with pytest.raises(NotFound):
            call(who, service, account.id, value, is_live=True)
        with pytest.raises(NotFound):
            call(other, service, account.id, value, is_live=True)
    call(who, shadow_accounts.set_shadow, account.id, is_shadow=False)
    with pytest.raises(Conflict):
        call(who, shadow_accounts.set_live_stage, account.id, "", is_live=True)


def test_missing_knowledge_cost_and_failures_are_counted(
    who: Identity, telegram: FakeTelegram, provider: FakeProvider
) -> None:
    account = with_settings(who, telegram, knowledge="all", no_answer_task=True)
    provider.will(refuses(401), says("We do not know."))
    asked(account, "1")
    run_jobs(who)
    asked(account, "2", "Do you sell tea?")
    run_jobs(who)
    asked(account, "3")
    figures = figures_of(who, account)
    assert (figures.answers, figures.failed, figures.writing, figures.unanswered) == (1, 1, 1, 1)
    assert [row.question for row in rows(who, UnansweredQuestion)] == ["Do you sell tea?"] and rows(who, Task) == []
    assert figures.cost == sum(row.cost or 0 for row in rows(who, Trace))
    assert call(who, comparison.list_answers, scope(account), Selection.UNANSWERED, page=1, page_size=9)[1] == 1
    failed = compared(who)[0]
    with pytest.raises(Conflict):
        call(who, comparison.set_mark, failed.id, ShadowMark.AGREED)


def test_a_spent_budget_writes_no_answer_and_says_nothing(
    who: Identity, provider: FakeProvider, account: ChannelAccount
) -> None:
    set_budget(who, hard_limit="1", unit="messages")
    for text in ("One", "Two"):
        asked(account, text=text)
        run_jobs(who)
    assert [row.state for row in answers(who)] == [MessageState.SUGGESTED, MessageState.FAILED]
    assert the_talk(who).state == ConversationState.OPEN and parts(who) == []


def test_no_tool_is_called(who: Identity, telegram: FakeTelegram, provider: FakeProvider) -> None:
    account = with_settings(who, telegram, tools={"close_conversation": ToolMode.ALLOWED})
    provider.will(calls(("close_conversation", {})), says("It costs 40 euros."))  # though none is offered
    asked(account)
    run_jobs(who)
    assert "tools" not in provider.asked[0].body and the_talk(who).state == ConversationState.OPEN
    assert answers(who)[0].state == MessageState.SUGGESTED


def test_a_sentence_that_hands_over_is_the_answer_and_nobody_takes_over(
    who: Identity, telegram: FakeTelegram, provider: FakeProvider
) -> None:
    line = {"kind": "never", "check": "words", "value": "refund", "outcome": "hand_over"}
    account = with_settings(who, telegram, conduct=[line], model="fake-1")
    provider.models = ["fake-1"]  # which hears nothing
    provider.will(says("You get a refund."))
    customer = telegram.customer()
    document = {"file_id": "d", "file_unique_id": "d", "file_name": "list.pdf", "mime_type": "application/pdf"}
    for update in (customer.write(), customer.voice(), telegram.put(message=customer.message(document=document))):
        assert asyncio.run(post(account, update)) == 200
        run_jobs(who)
    kept = [reply_conduct.SENTENCES["en"], reply_media.SENTENCES[AttachmentKind.RECORDING], updates.CANNOT_OPEN]
    assert [row.text for row in answers(who)] == kept
    assert {row.state for row in answers(who)} == {MessageState.SUGGESTED}
    assert the_talk(who).state == ConversationState.OPEN and parts(who) == []


def test_marks_by_stage_and_tag(who: Identity, other: Identity, account: ChannelAccount) -> None:
    stage = a_stage(who)
    for customer in ("1", "2"):
        asked(account, customer)
    call(who, leads.create, title="Bike", stage_id=stage, contact_id=talk_of(who, "2").contact_id)
    asked(account, "2", "And tomorrow?")
    call(who, triage.set_tags, talk_of(who, "2").id, ["Prices"])
    rows_of = compared(who)
    for row, mark in zip(rows_of, (ShadowMark.AGREED, ShadowMark.WORSE, ShadowMark.UNSAFE), strict=True):
        write_answer(who, row)
        call(who, comparison.set_mark, row.id, mark)
    by_stage = call(who, shadow_figures.get_breakdown, scope(account), Part.STAGE)
    assert {part.key: (part.answers, +part.marks) for part in by_stage} == {
        "": (2, Counter([ShadowMark.AGREED, ShadowMark.WORSE])),
        stage: (1, Counter([ShadowMark.UNSAFE])),
    }
    (by_tag,) = call(who, shadow_figures.get_breakdown, scope(account), Part.TAG)
    assert (by_tag.name, by_tag.answers) == ("Prices", 2)
    assert call(who, shadow_figures.get_figures, scope(account, stage)).marks == Counter([ShadowMark.UNSAFE])
    with pytest.raises(NotFound):
        call(other, comparison.set_mark, rows_of[0].id, ShadowMark.BETTER)
    assert call(other, shadow_figures.get_figures, scope(account)).answers == 0
    unmarked = call(who, comparison.set_mark, rows_of[0].id, None)
    assert (unmarked.mark, unmarked.marked_by, unmarked.marked_at) == (None, "", None)


def test_settings_and_switches_of_an_account_are_apart(who: Identity, account: ChannelAccount) -> None:
    changed = call(who, channel_accounts.save, account.id, {"name": "Shop"})
    assert changed.is_shadow and changed.kind == Channel.TELEGRAM
    agent = call(who, agents.get, account.agent_id)
    assert [row.name for row in call(who, shadow_accounts.list_accounts)] == ["Shop"] and agent.active
