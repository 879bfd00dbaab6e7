"""Agent tools: operators choose them, admins make HTTP tools, and a call that asks is decided in the inbox."""

import asyncio
from collections.abc import Iterator

import pytest

from platform_app.models.person import Identity, Role
from platform_app.services.agents import agents
from platform_app.services.tools import http_tools
from platform_app.state.agents.agent import AgentState
from platform_app.state.chat.trace_view import trace_facts
from platform_app.state.inbox.conversation import InboxState
from platform_app.state.tools.http_tool import HttpToolState
from platform_app.state.tools.http_tools import HttpToolsState
from tests.conftest import make_member
from tests.fake_provider import FakeProvider, calls, says, serving
from tests.headless.harness import Tab, sign_in
from tests.headless.test_inbox import opened as open_conversation
from tests.talking import add_agent, answered, call, row, run_jobs, trace
from tests.tools.test_action_tools import PAID, stage_of, talk_about_a_lead
from tests.tools.test_http_tools import FORM

PAGE = "/manage/acme/settings/tools"


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env)


async def test_tools_of_an_agent_are_chosen(who: Identity) -> None:
    agent_id = add_agent(who)
    call(who, http_tools.save, "", FORM)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/agents/{agent_id}?tab=tools")
        lines = {line.name: line for line in tab.get(AgentState, "tools")}
        assert {"change_stage", "create_task", "http_order_status"} <= set(lines)
        assert {"send_email", "call_webhook", "send_message"}.isdisjoint(lines)
        assert {line.mode for line in lines.values()} == {"never"}
        await tab.send(AgentState.set_tool("change_stage", "ask"))
        await tab.send(AgentState.save("tools", {"change_stage": "ask"}))  # what the browser sends then
        assert call(who, agents.get, agent_id).draft["tools"] == {"change_stage": "ask"}
        await tab.send(AgentState.save("tools", {"change_stage": "perhaps"}))
        assert call(who, agents.get, agent_id).draft["tools"] == {"change_stage": "ask"}
        assert tab.errors == []


async def test_an_http_tool_is_made_changed_and_removed(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"{PAGE}/new")
        await tab.send(HttpToolState.save(FORM | {"name": "No"}))
        assert tab.get(HttpToolState, "problem_field") == "name" and tab.get(HttpToolState, "problem")
        await tab.send(HttpToolState.save(FORM))
        with_id = call(who, lambda session, member: http_tools.list_tools(session, member.tenant_id))[0].id
        assert f"{PAGE}/{with_id}" in tab.scripts()
        await tab.goto(f"{PAGE}/{with_id}")
        assert "ends in 1234" in tab.get(HttpToolState, "credential_hint")
        await tab.send(HttpToolState.save(FORM | {"secret": "", "description": "Where an order is"}))
        await tab.goto(PAGE)
        assert [line.description for line in tab.get(HttpToolsState, "rows")] == ["Where an order is"]
        await tab.goto(f"{PAGE}/{with_id}")
        await tab.send(HttpToolState.remove())
        await tab.goto(PAGE)
        assert tab.get(HttpToolsState, "rows") == [] and tab.errors == []
        assert FORM["secret"] not in f"{tab.seen} {tab.scripts()}"


async def test_others_make_no_http_tool(who: Identity) -> None:
    async with Tab(sign_in(make_member(who, Role.OPERATOR))) as tab:
        await tab.goto(PAGE)
        for event in (HttpToolState.save(FORM), HttpToolState.load(), HttpToolState.remove()):
            await tab.send(event)
    assert call(who, lambda session, member: http_tools.list_tools(session, member.tenant_id)) == []


@pytest.mark.parametrize("approves", [True, False])
async def test_a_call_that_asks_is_decided_in_the_inbox(provider: FakeProvider, who: Identity, approves: bool) -> None:
    opened, lead_id = talk_about_a_lead(who, tools={"change_stage": "ask"})
    provider.will(calls(PAID), says("Well then."))
    reply = await answered(who, opened)
    async with Tab(sign_in(who)) as tab:
        await open_conversation(tab, opened)
        shown = next(line for line in tab.get(InboxState, "messages") if line.id == reply.id)
        assert shown.state == "to_approve" and "Move lead to Paid" in shown.reason and "Sales · Paid" in shown.text
        if approves:
            await tab.send(InboxState.approve({"reply_id": reply.id, "text": shown.text}))
        else:
            await tab.send(InboxState.reject({"reply_id": reply.id, "reason": "Not yet."}))
        assert tab.errors == []
    await asyncio.to_thread(run_jobs, who)
    assert row(who, reply).text == "Well then." and stage_of(who, lead_id) == ("Paid" if approves else "New")
    facts = {fact.name: fact.value for fact in trace_facts(trace(who, reply), "en")}
    assert facts["Tool change_stage"].startswith("Completed: Move lead to Paid" if approves else "Refused: A person")
