"""Rules at the console: each kind of event, brought about by the console's own handlers, runs its rule once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.engine.rules import timers
from platform_app.models.crm import Contact, Lead, Task
from platform_app.models.event import EventKind
from platform_app.models.person import Identity
from platform_app.services.chat import conversations
from platform_app.services.crm import contacts, leads
from platform_app.services.tasks import task_reminders
from platform_app.state.chat.test_chat import TestChatState
from platform_app.state.crm.contact import ContactState
from platform_app.state.crm.contacts import ContactsState
from platform_app.state.crm.lead import LeadState
from platform_app.state.crm.leads import LeadsState
from platform_app.state.feed.dashboard import DashboardState
from platform_app.state.rules.rule import RuleState
from platform_app.state.rules.rules import RulesState
from platform_app.state.rules.runs import RunsState
from platform_app.state.tasks.task_dialog import TaskDialogState
from platform_app.state.tasks.tasks import TasksState
from tests import notifying
from tests.fake_provider import FakeProvider, serving
from tests.headless.harness import Tab, sign_in
from tests.rules.test_rules import runs
from tests.talking import a_stage, add_agent, call, run_jobs

OF_THE_INBOX = (
    *(EventKind.TAKEN_OVER, EventKind.MEMBER_REPLIED, EventKind.NOTE_ADDED, EventKind.CONVERSATION_REOPENED),
    *(EventKind.CONVERSATION_ASSIGNED, EventKind.CONVERSATION_SNOOZED, EventKind.SNOOZE_ENDED),
    *(EventKind.APPROVAL_REQUESTED, EventKind.APPROVAL_OVERDUE, EventKind.REPLY_APPROVED, EventKind.REPLY_REJECTED),
    *(EventKind.MESSAGE_HELD, EventKind.OPTED_OUT),
)
OF_THE_TEAM = (
    *(EventKind.MEMBER_INVITED, EventKind.INVITATION_REVOKED, EventKind.MEMBER_JOINED),
    *(EventKind.MEMBER_CHANGED, EventKind.MEMBER_REMOVED),
)
ELSEWHERE = (  # by the clock and from outside: e2e has them
    *(EventKind.SEQUENCE_FINISHED, EventKind.WEBHOOK_RECEIVED, EventKind.CONVERSATION_RATED),
    *OF_THE_INBOX,
    *OF_THE_TEAM,
    EventKind.HANDED_BACK,
)
KINDS = [kind for kind in EventKind if kind not in ELSEWHERE]


@pytest.fixture(autouse=True)
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A provider that answers whatever it is asked."""
    yield from serving(env)


class Desk:
    """A person at the console of a tenant with an agent, a contact, a lead and a conversation."""

    def __init__(self, who: Identity, tab: Tab) -> None:
        self.who, self.tab = who, tab
        self.stages = [a_stage(who), a_stage(who)]
        self.contact = call(who, contacts.create, name="Anna").id
        self.lead = call(who, leads.create, title="Bike", stage_id=self.stages[0], contact_id=self.contact).id
        self.agent = add_agent(who)
        self.rule = ""

    def seen(self, state: Any, name: str) -> Any:
        """Return a variable as the browser holds it, or nothing before it came."""
        try:
            return self.tab.get(state, name)
        except KeyError:
            return None

    async def open(self, path: str, state: Any, name: str) -> None:
        """Open a page and wait until it shows something."""
        await self.tab.goto(f"/manage/acme/{path}", settle=False)
        await self.tab.until(lambda: self.seen(state, name))

    async def send(self, event: Any) -> None:
        """Do something on the page."""
        await self.tab.send(event, settle=False)

    def newest(self, model: Any) -> Any:
        """Return the row that was written last."""
        with session_scope(self.who.tenant_id, read_only=True) as session:
            return session.exec(owned(model, self.who.tenant_id).order_by(model.id.desc())).first()

    async def write_rule(self, kind: EventKind) -> None:
        """Build a rule that waits for a kind of event and tells the person; publish it and switch it on."""
        await self.open("rules", RulesState, "loaded")
        await self.send(RulesState.create(""))
        await self.tab.until(lambda: "/rules/" in self.tab.scripts())
        self.rule = self.tab.scripts().rsplit("/rules/", 1)[-1][:32]
        await self.open(f"rules/{self.rule}", RuleState, "form_key")
        steps: list[tuple[Any, Callable[[], Any]]] = [
            (RuleState.save("name", "Told"), lambda: self.seen(RuleState, "name") == "Told"),
            (RuleState.save("trigger", kind.value), lambda: self.seen(RuleState, "trigger") == kind.value),
            (RuleState.add_action("notify"), lambda: self.seen(RuleState, "action_lines")),
            (
                RuleState.set_action_field(0, "user_id", self.who.user_id),
                lambda: len(self.seen(RuleState, "problems")) == 1,
            ),
            (RuleState.set_action_field(0, "text", "Seen"), lambda: not self.seen(RuleState, "problems")),
            (RuleState.publish, lambda: self.seen(RuleState, "published")),
            (RuleState.switch(True), lambda: self.seen(RuleState, "enabled")),
        ]
        for event, is_so in steps:
            await self.send(event)
            await self.tab.until(is_so)

    async def talk(self, text: str = "Hello?") -> None:
        """Say something in the test chat, and wait for the reply where one comes."""
        if not self.seen(TestChatState, "current"):
            await self.open(f"test-chat?agent={self.agent}", TestChatState, "loaded")
            await self.send(TestChatState.set_is_live(True))
            await self.tab.until(lambda: self.seen(TestChatState, "is_live"))
        count = len(self.seen(TestChatState, "messages") or [])
        await self.send(TestChatState.send({"text": text}))
        await self.tab.until(lambda: len(self.seen(TestChatState, "messages") or []) > count)
        await self.tab.until(lambda: not self.seen(TestChatState, "live_id"))


async def chat(desk: Desk) -> None:
    await desk.talk()


async def close(desk: Desk) -> None:
    await desk.talk()
    await desk.send(TestChatState.close)
    await desk.tab.until(lambda: desk.seen(TestChatState, "state") == "closed")


async def hand_off(desk: Desk) -> None:
    await desk.talk()
    await desk.send(TestChatState.hand_off)
    await desk.tab.until(lambda: desk.seen(TestChatState, "state") == "handed_off")


async def create_lead(desk: Desk) -> None:
    await desk.open("leads", LeadsState, "loaded")
    await desk.send(LeadsState.create)
    await desk.tab.until(lambda: desk.newest(Lead).id != desk.lead)


async def change_lead(desk: Desk) -> None:
    await desk.open(f"leads/{desk.lead}", LeadState, "card_key")
    await desk.send(LeadState.save("budget", "5000"))
    await desk.tab.until(lambda: call(desk.who, leads.get, desk.lead).budget == 5000)


async def move_lead(desk: Desk) -> None:
    await desk.open("leads", LeadsState, "loaded")
    await desk.send(LeadsState.move(desk.lead, desk.stages[1]))
    await desk.tab.until(lambda: call(desk.who, leads.get, desk.lead).stage_id == desk.stages[1])


async def create_contact(desk: Desk) -> None:
    await desk.open("contacts", ContactsState, "loaded")
    await desk.send(ContactsState.create)
    await desk.tab.until(lambda: desk.newest(Contact).id != desk.contact)


async def change_contact(desk: Desk) -> None:
    await desk.open(f"contacts/{desk.contact}", ContactState, "card_key")
    await desk.send(ContactState.save("name", "Boris"))
    await desk.tab.until(lambda: call(desk.who, contacts.get, desk.contact).name == "Boris")


async def tag(desk: Desk) -> None:
    await desk.open("contacts", ContactsState, "loaded")
    await desk.send(ContactsState.select_row(desk.contact, True))
    await desk.send(ContactsState.tag_selected({"tag": "vip"}))
    await desk.tab.until(lambda: call(desk.who, contacts.get, desk.contact).tags == ["vip"])


async def write_task(desk: Desk) -> None:
    await desk.open(f"leads/{desk.lead}", LeadState, "card_key")
    await desk.send(LeadState.add_task({"task": "Call", "due": "", "responsible": ""}))
    await desk.tab.until(lambda: desk.newest(Task) is not None)


async def do_task(desk: Desk) -> None:
    await write_task(desk)
    await desk.send(LeadState.mark_task(desk.newest(Task).id, True))
    await desk.tab.until(lambda: desk.newest(Task).done_at)


async def task_due(desk: Desk) -> None:
    await desk.open("tasks", TasksState, "loaded")
    await desk.send(TaskDialogState.create)
    await desk.tab.until(lambda: desk.seen(TaskDialogState, "is_open"))
    await desk.send(TaskDialogState.save({"task": "Call", "due": "2099-01-01T10:00", "responsible": desk.who.user_id}))
    await desk.tab.until(lambda: desk.newest(Task) is not None)
    with time_machine.travel(desk.newest(Task).due_at, tick=False):
        task_reminders.remind_due()
        run_jobs(desk.who)


async def by_hand(desk: Desk) -> None:
    await desk.send(RuleState.run_by_hand(desk.lead))
    await desk.tab.until(lambda: "Rule started." in desk.tab.scripts())


async def silence(desk: Desk) -> None:
    await hand_off(desk)
    call(desk.who, conversations.receive, desk.seen(TestChatState, "current"), "Is anybody there?")
    with time_machine.travel(now() + timedelta(minutes=31), tick=False):
        timers.emit_no_replies()
        timers.emit_no_replies()
        run_jobs(desk.who)


async def days_pass(desk: Desk) -> None:
    with time_machine.travel(now() + timedelta(days=8), tick=False):
        timers.emit_due_schedules()
        timers.emit_due_schedules()
        run_jobs(desk.who)


CHANGES: dict[EventKind, Callable[[Desk], Awaitable[None]]] = {
    EventKind.MESSAGE_RECEIVED: chat,
    EventKind.REPLY_SENT: chat,
    EventKind.CONVERSATION_STARTED: chat,
    EventKind.CONVERSATION_CLOSED: close,
    EventKind.HANDED_OFF: hand_off,
    EventKind.LEAD_CREATED: create_lead,
    EventKind.LEAD_UPDATED: change_lead,
    EventKind.STAGE_CHANGED: move_lead,
    EventKind.CONTACT_CREATED: create_contact,
    EventKind.CONTACT_UPDATED: change_contact,
    EventKind.TASK_CREATED: write_task,
    EventKind.TASK_COMPLETED: do_task,
    EventKind.TASK_DUE: task_due,
    EventKind.TAG_ADDED: tag,
    EventKind.NO_REPLY: silence,
    EventKind.SCHEDULE: days_pass,
    EventKind.MANUAL: by_hand,
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_change_at_the_console_runs_its_rule_once_and_is_seen(who: Identity, kind: EventKind) -> None:
    async with Tab(sign_in(who)) as tab:
        desk = Desk(who, tab)
        await desk.write_rule(kind)
        await CHANGES[kind](desk)
        await asyncio.to_thread(run_jobs, who)
        await asyncio.to_thread(run_jobs, who)
        (run,) = runs(who)
        await desk.open(f"rules/runs?rule={desk.rule}&state=fired&kind={kind.value}", RunsState, "rows")
        assert [row.id for row in desk.seen(RunsState, "rows")] == [run.id]
        await desk.open("", DashboardState, "feed")
        groups = [group for day in desk.seen(DashboardState, "feed") for group in day.groups]
        told = [row.sentence for group in groups for row in (group.newest, *group.more)]
        assert "Rule “Told” ran" in told and "Told: Seen" in notifying.told(who)
        assert tab.errors == []
