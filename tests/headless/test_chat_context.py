"""Chat people: who is played with is offered however many there are, and can be made in the chat."""

import pytest

from platform_app.db import session_scope
from platform_app.models.person import Identity
from platform_app.services.agents import agents
from platform_app.services.chat import conversations
from platform_app.services.crm import contacts, leads
from platform_app.state.chat import test_context
from platform_app.state.chat.chat_view import split_blocks
from platform_app.state.chat.test_chat import TestChatState
from tests.headless.harness import Tab, sign_in
from tests.talking import a_stage, call

HOME = "/manage/acme/test-chat"


async def test_a_lead_and_a_contact_are_made_to_play_with(who: Identity) -> None:
    a_stage(who)
    with session_scope(who.tenant_id) as session:
        agents.create(session, who, {"name": "Vera"})
    async with Tab(sign_in(who)) as tab:
        await tab.goto(HOME, settle=False)  # it watches the chat for as long as somebody looks
        await tab.until(lambda: TestChatState.get_full_name() in tab.seen and tab.get(TestChatState, "loaded"))
        await tab.send(TestChatState.select_contact(test_context.NEW))
        await tab.send(TestChatState.select_lead(test_context.NEW))
        (contact,), _ = call(who, contacts.list_contacts)
        (lead,), _ = call(who, leads.list_leads)
        assert (lead.title, lead.contact_id, contact.name) == ("Test lead", contact.id, "Test contact")
        assert (tab.get(TestChatState, "lead"), tab.get(TestChatState, "contact")) == (lead.id, contact.id)
        assert [choice.id for choice in tab.get(TestChatState, "leads")] == [lead.id]
        assert tab.get(TestChatState, "acting_as") == "Test contact · Test lead · New"
        assert (tab.get(TestChatState, "agent_name"), tab.get(TestChatState, "agent_version")) == ("Vera", 0)
        await tab.send(TestChatState.select_lead(test_context.NONE))
        assert tab.get(TestChatState, "acting_as") == "Test contact"


def test_who_is_played_with_is_always_offered(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_context, "MAX_OPTIONS", 2)
    stage = a_stage(who)
    old = call(who, contacts.create, name="Old")
    lead = call(who, leads.create, title="Old", stage_id=stage, contact_id=old.id)
    for number in range(3):
        call(who, contacts.create, name=f"New {number}")
        call(who, leads.create, title=f"New {number}", stage_id=stage)
    offered = call(who, test_context.test_context_options, lead.id, old.id)
    assert (len(offered.leads), offered.leads[-1].id, offered.contacts[-1].id) == (3, lead.id, old.id)
    assert offered.contact_of == {lead.id: old.id}
    assert len(call(who, test_context.test_context_options, "f" * 32, "none").leads) == 2


def test_options_tell_people_and_stages_of_one_name_apart(who: Identity) -> None:
    a_stage(who)
    call(who, contacts.create, name="Nina", phones=["+4930123456"])
    offered = call(who, test_context.test_context_options)
    assert [(choice.name, choice.note) for choice in offered.contacts] == [("Nina", "+49 30 123456")]
    stages = call(who, test_context.test_context_stages)
    assert [(choice.name, choice.note) for choice in stages] == [("New", "Sales")]


@pytest.mark.parametrize(
    ("text", "done", "tail"),
    [
        ("A", [], "A"),
        ("A\n\nB", ["A\n"], "B"),
        ("A\n\n", [], "A\n"),  # nothing has begun after it
        ("```\na\n\nb", [], "```\na\n\nb"),
    ],
)
def test_a_growing_text_ends_in_its_last_block(text: str, done: list[str], tail: str) -> None:
    assert split_blocks(text) == (done, tail)


def test_conversations_by_id_keep_their_order(who: Identity, other: Identity) -> None:
    with session_scope(who.tenant_id) as session:
        agent = agents.create(session, who, {"name": "Vera"})
        ids = [conversations.create(session, who, agent.id).id for _ in range(3)]
        conversations.delete(session, who, ids[1])
    assert [row.id for row in call(who, conversations.some, [ids[2], ids[1], ids[0], "f" * 32])] == [ids[2], ids[0]]
    assert call(other, conversations.some, ids) == []
