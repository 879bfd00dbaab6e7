"""Agent stages: where an agent works, what it is told there, and what it may see, obeyed by the next reply."""

from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.db import session_scope
from platform_app.models.conversation import MessageState
from platform_app.models.crm import FieldKind, Holder
from platform_app.models.person import Identity
from platform_app.services.chat import conversations
from platform_app.services.crm import contacts, custom_field_definitions, leads, pipelines
from platform_app.services.scripts import scripts
from tests.fake_provider import FakeProvider, says, serving
from tests.talking import answered, begin


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    for made in serving(env):
        made.will(says("Hello."))
        yield made


def playing(who: Identity, **settings: Any) -> tuple[str, dict[str, str]]:
    """Begin a conversation about a lead in the first of two stages; return it with the ids of the stages."""
    with session_scope(who.tenant_id) as session:
        pipelines.create(session, who, "Sales", [("New", "open"), ("Paid", "won")])  # type: ignore[list-item]
        ids = {stage.name: stage.id for _, found in pipelines.list_pipelines(session, who) for stage in found}
    named = {
        "stages": [ids[name] for name in settings.pop("in_stages", [])],
        "stage_instructions": {ids[name]: text for name, text in settings.pop("told", {}).items()},
    }
    opened = begin(who, name="Vera", instructions="Be brief.", **named, **settings)
    with session_scope(who.tenant_id) as session:
        key = custom_field_definitions.create(session, who, Holder.CONTACT, name="City", kind=FieldKind.TEXT).key
        contact = contacts.create(session, who, name="Anna", phones="+79001112233", **{f"field.{key}": "Perm"})
        lead = leads.create(session, who, title="Bike", stage_id=ids["New"], contact_id=contact.id, budget=4711)
        conversations.set_test_context(session, who, opened, lead_id=lead.id, contact_id=contact.id)
    return opened, ids


async def test_a_stage_has_instructions_of_its_own(provider: FakeProvider, who: Identity) -> None:
    opened, ids = playing(who, told={"New": "Ask for the size.", "Paid": "Thank them."})
    await answered(who, opened)
    assert provider.last.prompt.startswith("Be brief.\n\nAsk for the size.\n\n<known>")
    with session_scope(who.tenant_id) as session:
        lead = conversations.get(session, who, opened).lead_id or ""
        leads.move_to_stage(session, who, lead, ids["Paid"])
    await answered(who, opened)
    assert "Thank them." in provider.last.prompt and "Ask for the size." not in provider.last.prompt


async def test_it_works_where_it_is_told_to(provider: FakeProvider, who: Identity) -> None:
    opened, _ = playing(who, works_in="chosen", in_stages=["Paid"])
    reply = await answered(who, opened)
    assert (reply.state, provider.asked) == (MessageState.FAILED, [])
    assert reply.error == "This agent isn’t active in this lead’s stage."
    with session_scope(who.tenant_id) as session:
        conversations.set_test_context(session, who, opened, lead_id=None, contact_id=None)
    assert (await answered(who, opened)).state == MessageState.COMPLETE


async def test_what_it_may_not_see_is_in_no_part_of_the_prompt(provider: FakeProvider, who: Identity) -> None:
    opened, _ = playing(who, sees="chosen", seen_fields=["contact.name", "contact.field.city"])
    with session_scope(who.tenant_id) as session:
        text = "{{ contact.name }} of {{ contact.field.city }}: {{ contact.phone }}{{ lead.budget }}."
        scripts.create(session, who, title="Size", text=text, condition=UNSEEN)
    await answered(who, opened)
    known = provider.last.prompt.split("<known>")[1].split("</known>")[0].strip().splitlines()
    assert known == ["contact: Anna", "City: Perm"]
    assert "Anna of Perm: ." in provider.last.prompt, "conditions know what texts may not show"
    assert "79001112233" not in provider.last.prompt and "4711" not in provider.last.prompt


UNSEEN = {
    "kind": "group",
    "match": "all",
    "of": [{"kind": "condition", "fact": "lead.budget", "operator": "greater", "value": "100"}],
}
