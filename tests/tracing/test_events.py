"""Events: what a browser sends is a span in which its reply is written; one that follows changes ends it there."""

from platform_app.models.conversation import Message
from platform_app.models.person import Identity
from platform_app.state.chat.test_chat import TestChatState
from tests.fake_provider import FakeProvider, says
from tests.fakes.collector import Collector
from tests.headless.harness import Tab, sign_in
from tests.talking import add_agent, trace
from tests.visiting import rows


async def test_a_message_in_the_test_chat_is_one_trace(
    collector: Collector, provider: FakeProvider, who: Identity
) -> None:
    provider.will(says("Hello there."))
    agent_id = add_agent(who)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/test-chat?agent={agent_id}", settle=False)
        await tab.until(lambda: TestChatState.get_full_name() in tab.seen and tab.get(TestChatState, "loaded"))
        await tab.send(TestChatState.send({"text": "How much is the purple tandem?"}), wait=10)
        await tab.until(lambda: any(said.text == "Hello there." for said in tab.get(TestChatState, "messages")))
        collector.named("event TestChatState.watch")  # the page is still open
    event, chat = collector.named("event TestChatState.send"), collector.named("chat fake-1")
    collector.named("invoke_agent")
    assert collector.path_of(chat) == ["invoke_agent", event.name] and not event.is_failed
    assert event.attributes["platform.tenant.id"] == who.tenant_id
    (reply,) = (said for said in rows(who, Message) if said.text == "Hello there.")
    assert trace(who, reply).data["trace_id"] == chat.trace_id
    assert b"tandem" not in b"".join(collector.raw)
