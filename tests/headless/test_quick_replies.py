"""Quick replies in the console: testers press them, members send them, editors say at the field what does not fit."""

import asyncio

from platform_app.models.conversation import Message
from platform_app.models.person import Identity
from platform_app.services.chat import agent_messages, reply_streams
from platform_app.services.scripts import scripts
from platform_app.state.chat.test_chat import TestChatState
from platform_app.state.inbox.conversation import InboxState
from platform_app.state.rules.rule import RuleState
from platform_app.state.scripts.script import ScriptState
from tests.headless.harness import Tab, sign_in
from tests.headless.test_webhooks import opened
from tests.rules.test_rules import a_rule
from tests.talking import begin, call, published, real_talk
from tests.visiting import rows

SIZES = ["Small", "Large"]


async def test_a_tester_presses_one_once(who: Identity) -> None:
    talk = begin(who)
    asked = call(who, agent_messages.send_message, talk, "Which size?", quick_replies=SIZES)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"/test-chat?c={talk}", TestChatState, "loaded")
        (line,) = tab.get(TestChatState, "messages")
        assert (line.quick_replies, line.is_open) == (SIZES, True)
        await tab.send(TestChatState.choose(asked.id, "Large"))
        assert [row.text for row in rows(who, Message)][:2] == ["Which size?", "Large"]
        assert [line.is_open for line in tab.get(TestChatState, "messages")[:2]] == [False, False]
        await tab.send(TestChatState.choose(asked.id, "Small"))
        assert "Small" not in [row.text for row in rows(who, Message)] and tab.errors == []
    for row in rows(who, Message):
        await reply_streams.stop(row.id)


async def test_a_member_sends_them_and_sees_what_does_not_fit(who: Identity) -> None:
    talk = real_talk(who)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"/inbox?c={talk}", InboxState, "loaded")
        await tab.send(InboxState.send({"text": "Which size?", "quick_replies": "x" * 41}))
        assert "up to 40 characters" in tab.get(InboxState, "quick_replies_problem") and rows(who, Message) == []
        await tab.send(InboxState.send({"text": "Which size?", "quick_replies": "Small\nLarge\n"}))
        assert tab.get(InboxState, "quick_replies_problem") == ""
        assert tab.get(InboxState, "messages")[-1].quick_replies == SIZES and tab.errors == []


async def test_editors_check_them_at_the_field(who: Identity) -> None:
    rule = a_rule(who, "message_received", {"kind": "send_message", "text": "Which size?"})
    agent = published(who)
    script = await asyncio.to_thread(call, who, scripts.create, title="Sizes", agent_id=agent)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"/rules/{rule}", RuleState, "action_lines")
        for value, problem in (
            ("x" * 41, "up to 40 characters"),
            ("{{ contact.nme }}", "contact.nme"),
            ("\n".join(map(str, range(11))), "up to 10 quick replies"),
            ("Hello {{ contact.name }}, and much more words\nNo", ""),
        ):
            await tab.send(RuleState.set_action_field(0, "quick_replies", value))
            await tab.send(RuleState.leave_action_field(0, "quick_replies"))
            (line,) = tab.get(RuleState, "action_lines")
            said = {field.name: field.problem for field in line.fields}["quick_replies"]
            assert problem in said and bool(problem) == bool(said), (value, said)
        await opened(tab, f"/agents/{agent}/scripts/{script.id}", ScriptState, "script_key")
        await tab.send(ScriptState.save("quick_replies", "x" * 41))
        assert "up to 40 characters" in tab.get(ScriptState, "problems")["quick_replies"]
        await tab.send(ScriptState.save("quick_replies", " Small \n\nLarge"))
        assert tab.get(ScriptState, "problems") == {} and tab.errors == []
    assert call(who, scripts.get, script.id).quick_replies == "Small\nLarge"
