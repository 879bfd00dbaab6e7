"""Script trial: the editor shows with a phrase whether an objection would be handled, before anybody says it."""

from platform_app.db import session_scope
from platform_app.models.person import Identity
from platform_app.services.agents import agents
from platform_app.services.crm import contacts, leads
from platform_app.services.scripts import scripts
from platform_app.state.scripts.script import ScriptState
from tests.headless.harness import Tab, sign_in
from tests.talking import a_stage, call


async def test_a_phrase_and_a_lead_are_tried(who: Identity) -> None:
    stage = a_stage(who)
    with session_scope(who.tenant_id) as session:
        agent = agents.create(session, who, {"name": "Vera"})
        fields = {"kind": "objection", "examples": "That is too expensive", "text": "Offer {{ lead.title }} in parts."}
        made = scripts.create(session, who, title="Dear", agent_id=agent.id, stage_id=stage, **fields)
    other = call(who, leads.create, title="Boat", stage_id=a_stage(who))
    lead = call(who, leads.create, title="Bike", stage_id=stage)
    call(who, contacts.create, name="Anna")
    call(who, leads.save, other.id, {"title": "Ship"})
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/agents/{agent.id}/scripts/{made.id}")
        assert tab.get(ScriptState, "lead") == lead.id, "one in the script's stage is chosen, not the newest"
        assert tab.get(ScriptState, "preview") == "Offer Bike in parts."
        assert tab.get(ScriptState, "applies") is False
        for said, fits in (("it's quite expensive", True), ("What is your address?", False)):
            await tab.send(ScriptState.preview_message(said))
            assert tab.get(ScriptState, "applies") is fits, said
