"""Action tools: an agent acts within what it may, once, in its own conversation; what asks waits for a person."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.db import owned, session_scope
from platform_app.errors import Conflict, Invalid, NotFound
from platform_app.llm import action_claims
from platform_app.llm.client import FailureReason
from platform_app.models.conversation import Message, MessageState
from platform_app.models.crm import Lead, Task
from platform_app.models.person import Identity
from platform_app.models.tool_call import ToolCall, ToolCallState
from platform_app.services.chat import approvals, conversations, replies, tool_calls, tool_turns
from platform_app.services.crm import contacts, leads, pipelines
from tests.fake_provider import FakeProvider, asks_by_responses, calls, responds, says, serving, started
from tests.providers.connected import connect
from tests.talking import (
    ELSEWHERE,
    a_stage,
    add_source,
    answered,
    begin,
    call,
    real_talk,
    row,
    run_jobs,
    say,
    trace,
    written,
)


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.0/8")
    yield from serving(env)


def talk_about_a_lead(who: Identity, **settings: Any) -> tuple[str, str]:
    """Begin a conversation with a contact about a lead in the stage New of Sales; return its id and the lead's."""
    made = call(who, pipelines.create, "Sales", [("New", "open"), ("Paid", "won")])
    ((_, stages),) = [one for one in call(who, pipelines.list_pipelines) if one[0].id == made.id]
    contact = call(who, contacts.create, name="Anna")
    lead = call(who, leads.create, title="Bicycle", stage_id=stages[0].id, contact_id=contact.id)
    opened = real_talk(who, contact_id=contact.id, **settings)
    with session_scope(who.tenant_id) as session:
        conversations.get(session, who, opened).lead_id = lead.id
    return opened, str(lead.id)


def stage_of(who: Identity, lead_id: str) -> str:
    with session_scope(who.tenant_id, read_only=True) as session:
        lead: Lead = session.exec(owned(Lead, who.tenant_id).where(Lead.id == lead_id)).one()
        return str(pipelines.get_stage(session, who, lead.stage_id).name)


def made_calls(who: Identity) -> list[ToolCall]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(ToolCall, who.tenant_id).order_by(ToolCall.created_at)).all())


def tasks_of(who: Identity) -> list[str]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return [task.text for task in session.exec(owned(Task, who.tenant_id)).all()]


PAID = ("change_stage", {"stage_id": "Sales · Paid"})


@pytest.mark.parametrize("is_whole", [True, False])
async def test_an_allowed_tool_acts_and_the_trace_shows_it(
    provider: FakeProvider, who: Identity, is_whole: bool
) -> None:
    opened, lead_id = talk_about_a_lead(who, tools={"change_stage": "allowed", "write_note": "ask"})
    provider.will(calls(PAID, text="Let me see. ", is_whole=is_whole), says("It is paid."))
    reply = await answered(who, opened, "I have paid.")
    assert (reply.state, reply.text) == (MessageState.COMPLETE, "It is paid.")
    assert stage_of(who, lead_id) == "Paid"
    first, second = provider.asked
    (described, note) = first.body["tools"]
    assert (described["function"]["name"], note["function"]["name"]) == ("change_stage", "write_note")
    assert described["function"]["parameters"]["properties"]["stage_id"]["enum"] == ["Sales · New", "Sales · Paid"]
    told = second.body["messages"][-2:]
    assert told[0]["tool_calls"][0]["function"]["name"] == "change_stage"
    assert told[1] == {"role": "tool", "tool_call_id": "call_0", "content": "Done: Move lead to Paid"}
    why = trace(who, reply)
    (shown,) = why.data["tools"]
    assert (shown["state"], shown["values"]) == ("done", {"stage": "Paid"})
    assert [one["requests"] for one in why.data["calls"]] == [1, 1] and why.prompt_tokens == 220


async def test_nothing_beyond_what_the_agent_may(provider: FakeProvider, who: Identity) -> None:
    opened, lead_id = talk_about_a_lead(who, tools={"write_note": "allowed", "create_task": "never"})
    provider.will(
        calls(PAID, ("create_task", {"text": "x"}), ("call_webhook", {"url": "https://evil.example"}), ("", {})),
        says("No."),
    )
    await answered(who, opened)
    assert stage_of(who, lead_id) == "New" and tasks_of(who) == []
    assert {done.state for done in made_calls(who)} == {ToolCallState.REFUSED}
    assert [tool["function"]["name"] for tool in provider.asked[0].body["tools"]] == ["write_note"]


async def test_an_agent_without_tools_is_told_of_none(provider: FakeProvider, who: Identity) -> None:
    opened, lead_id = talk_about_a_lead(who)
    provider.will(calls(PAID), says("No."))
    await answered(who, opened)
    assert "tools" not in provider.asked[0].body and stage_of(who, lead_id) == "New"


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"stage_id": ""},
        {"stage_id": "Sales · Gone"},
        {"stage_id": ["Sales · Paid"]},
        {"stage_id": True},
        "not json",
        "[1]",
        "{" * 3_000,
        '{"stage_id": "' + "x" * 30_000 + '"}',
    ],
)
async def test_arguments_that_do_not_fit_change_nothing(provider: FakeProvider, who: Identity, arguments: Any) -> None:
    opened, lead_id = talk_about_a_lead(who, tools={"change_stage": "allowed"})
    provider.will(calls(("change_stage", arguments)), says("No."))
    assert (await answered(who, opened)).text == "No." and stage_of(who, lead_id) == "New"
    (made,) = made_calls(who)
    assert made.state == ToolCallState.FAILED
    json.dumps(provider.last.body)


async def test_ids_and_stages_of_another_tenant(provider: FakeProvider, who: Identity, other: Identity) -> None:
    theirs, (opened, lead_id) = a_stage(other), talk_about_a_lead(who, tools={"change_stage": "allowed"})
    provider.will(calls(("change_stage", {"stage_id": theirs})), says("No."))
    await answered(who, opened)
    assert stage_of(who, lead_id) == "New" and made_calls(who)[0].state == ToolCallState.FAILED


async def test_variables_in_arguments_are_text(provider: FakeProvider, who: Identity) -> None:
    opened, _ = talk_about_a_lead(who, tools={"create_task": "allowed"})
    provider.will(calls(("create_task", {"text": "Call {{ contact.name }}"})), says("Done."))
    await answered(who, opened)
    assert tasks_of(who) == ["Call { { contact.name }}"]


async def test_equal_calls_in_answer_to_one_message_act_once(provider: FakeProvider, who: Identity) -> None:
    opened, _ = talk_about_a_lead(who, tools={"create_task": "allowed"})
    task = ("create_task", {"text": "Call Anna"})
    provider.will(calls(task, task), calls(("create_task", {"text": "Call Anna", "days": ""})), says("Yes."))
    reply = await answered(who, opened)
    assert len(tasks_of(who)) == 2  # the third has another argument
    provider.will(calls(task), says("Again."))
    again = await written(who, call(who, conversations.retry, reply.id))
    assert again.text == "Again." and len(tasks_of(who)) == 2


async def test_rounds_and_calls_are_limited(provider: FakeProvider, who: Identity) -> None:
    opened, _ = talk_about_a_lead(who, tools={"create_task": "allowed"}, tool_limit=3)
    provider.will(*(calls(("create_task", {"text": f"Task {n}"})) for n in range(tool_calls.MAX_ROUNDS)), says("Done."))
    assert (await answered(who, opened)).text == "Done."
    assert len(tasks_of(who)) == 3 and len(provider.asked) == tool_calls.MAX_ROUNDS + 1
    assert "tools" not in provider.last.body
    assert [made.state for made in made_calls(who)].count(ToolCallState.REFUSED) == tool_calls.MAX_ROUNDS - 3


async def test_a_call_that_asks_waits_is_approved_and_the_reply_goes_on(provider: FakeProvider, who: Identity) -> None:
    opened, lead_id = talk_about_a_lead(who, tools={"change_stage": "ask"})
    provider.will(calls(PAID), says("It is paid."))
    reply = await answered(who, opened)
    assert reply.state == MessageState.TO_APPROVE and json.loads(reply.text) == {"stage_id": "Sales · Paid"}
    assert (reply.gate["sentence"], reply.gate["values"]) == ("Move lead to {stage}", {"stage": "Paid"})
    assert stage_of(who, lead_id) == "New" and [found.id for found in call(who, approvals.list_waiting)] == [reply.id]
    call(who, approvals.approve, reply.id, "")
    assert stage_of(who, lead_id) == "Paid" and row(who, reply).state == MessageState.DELAYED
    with pytest.raises(Conflict):
        call(who, approvals.approve, reply.id, "")
    await asyncio.to_thread(run_jobs, who)
    done = row(who, reply)
    assert (done.state, done.text) == (MessageState.COMPLETE, "It is paid.")
    why = trace(who, reply)
    assert why.data["tools"][0]["decided_by"] == who.name and len(why.data["calls"]) == 2 and why.prompt_tokens == 220


async def test_a_call_is_edited_or_refused(provider: FakeProvider, who: Identity) -> None:
    opened, lead_id = talk_about_a_lead(who, tools={"create_task": "ask"})
    provider.will(calls(("create_task", {"text": "Call at night"})), says("We will call."))
    reply = await answered(who, opened)
    for wrong in ("nonsense", "[]", "{}"):
        with pytest.raises(Invalid):
            call(who, approvals.approve, reply.id, wrong)
    call(who, approvals.approve, reply.id, '{"text": "Call at noon"}')
    await asyncio.to_thread(run_jobs, who)
    assert tasks_of(who) == ["Call at noon"] and row(who, reply).text == "We will call."
    provider.will(calls(("create_task", {"text": "Fly"})), says("I cannot."))
    second = await answered(who, opened)
    call(who, approvals.reject, second.id, "We do not fly.")
    await asyncio.to_thread(run_jobs, who)
    assert tasks_of(who) == ["Call at noon"] and row(who, second).text == "I cannot."
    assert provider.last.body["messages"][-1]["content"].endswith("A person refused this.\nWe do not fly.")
    assert stage_of(who, lead_id) == "New"


async def test_who_may_decide(provider: FakeProvider, who: Identity, other: Identity) -> None:
    opened, lead_id = talk_about_a_lead(who, tools={"change_stage": "ask"})
    provider.will(calls(PAID), says("Yes."))
    reply = await answered(who, opened)
    with pytest.raises(NotFound):
        call(other, approvals.approve, reply.id, "")
    assert stage_of(who, lead_id) == "New"


async def test_a_worker_that_dies_after_the_call_makes_it_once(
    provider: FakeProvider, who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, _ = talk_about_a_lead(who, tools={"create_task": "allowed"})
    provider.will(calls(("create_task", {"text": "Call Anna"})), says("Half"), says("We will call."))
    reply = say(who, opened)
    process = tool_turns._process

    def dies(work: Any) -> None:
        process(work)
        raise RuntimeError("the process is gone")

    monkeypatch.setattr(tool_turns, "_process", dies)
    with pytest.raises(RuntimeError, match="gone"):
        async for _ in replies.stream(who.tenant_id, reply.id):
            pass
    monkeypatch.setattr(tool_turns, "_process", process)
    with session_scope(who.tenant_id) as session:
        left: Message = session.exec(owned(Message, who.tenant_id).where(Message.id == reply.id)).one()
        left.state, left.error, left.finished_at = MessageState.STREAMING, "", None
    async for _ in replies.stream(who.tenant_id, reply.id):
        pass
    assert tasks_of(who) == ["Call Anna"] and row(who, reply).text == "Half"


async def test_tools_by_the_responses_api(provider: FakeProvider, who: Identity) -> None:
    for own in started():
        paid = connect(who, own, wire="responses")
        opened, lead_id = talk_about_a_lead(who, tools={"change_stage": "allowed"}, provider=paid.id, model="m")
        own.will(asks_by_responses("change_stage", PAID[1]), responds("It is paid."))
        assert (await answered(who, opened)).text == "It is paid." and stage_of(who, lead_id) == "Paid"
        tool = own.asked[0].body["tools"][0]
        assert (tool["type"], tool["name"]) == ("function", "change_stage")
        assert [item.get("type") for item in own.last.body["input"][-2:]] == ["function_call", "function_call_output"]


async def test_a_test_chat_acts_on_nothing_but_itself(provider: FakeProvider, who: Identity) -> None:
    opened = begin(who, tools={"change_stage": "allowed"})
    provider.will(calls(("change_stage", {"stage_id": "x"})), says("No."))
    assert (await answered(who, opened)).text == "No."


CLAIM = "I have booked it for you."


@pytest.mark.parametrize("text", [CLAIM, "Готово!", "Я уже записала вас на завтра.", "Заказ отменён.", "Done."])
async def test_done_without_a_call_is_told_again(provider: FakeProvider, who: Identity, text: str) -> None:
    opened, _ = talk_about_a_lead(who, tools={"create_task": "allowed"})
    provider.will(says(text), says("A colleague will look at it."))
    reply = await answered(who, opened)
    assert (reply.state, reply.text) == (MessageState.COMPLETE, "A colleague will look at it.")
    assert provider.last.body["messages"][-1]["content"] == action_claims.RETELL


async def test_done_that_is_said_again_waits_for_a_person(provider: FakeProvider, who: Identity) -> None:
    opened, _ = talk_about_a_lead(who, tools={"create_task": "allowed"})
    provider.will(says(CLAIM), says(CLAIM))
    reply = await answered(who, opened)
    assert (reply.state, reply.text, reply.gate) == (MessageState.TO_APPROVE, CLAIM, {"unfounded": True})
    assert trace(who, reply).data["unfounded"] is True and len(provider.asked) == 2
    call(who, approvals.approve, reply.id, "I will ask.")
    assert row(who, reply).text == "I will ask."


async def test_done_after_a_call_is_sent(provider: FakeProvider, who: Identity) -> None:
    opened, _ = talk_about_a_lead(who, tools={"create_task": "allowed"})
    provider.will(calls(("create_task", {"text": "Call"})), says(CLAIM))
    assert (await answered(who, opened)).text == CLAIM


@pytest.mark.parametrize(
    "text",
    ["We open at ten.", "Мы открыты до восьми.", "You can book it here.", "Закажите на сайте."],
)
def test_other_words_claim_nothing(text: str) -> None:
    assert not action_claims.claims_action(text)


async def test_the_search_finds_what_the_agent_may_read(provider: FakeProvider, who: Identity) -> None:
    add_source(who, "Prices.md", "A full tune-up costs 40 euros and takes one day.")
    add_source(who, "Else.md", *ELSEWHERE)
    provider.will(calls(("search_knowledge", {"query": "cost of a tune-up"})), says("40 euros."))
    await answered(who, begin(who, knowledge="all", tools={"search_knowledge": "allowed"}), "Hello")
    assert "A full tune-up costs 40 euros" in provider.last.body["messages"][-1]["content"]
    provider.will(calls(("search_knowledge", {"query": "cost of a tune-up"})), says("No."))
    await answered(who, begin(who, knowledge="none", tools={"search_knowledge": "allowed"}), "Hello")
    assert "tune-up costs" not in str(provider.last.body["messages"]) and "tools" not in provider.last.body


async def test_a_model_that_does_not_stop_calling_is_ended(provider: FakeProvider, who: Identity) -> None:
    opened, _ = talk_about_a_lead(who, tools={"create_task": "allowed"})
    provider.will(calls(("create_task", {"text": "Again"})))
    reply = await answered(who, opened)
    assert (reply.state, reply.error) == (MessageState.FAILED, FailureReason.TOO_MANY_CALLS)
    assert tasks_of(who) == ["Again"] and len(provider.asked) == tool_calls.MAX_ROUNDS + 1
