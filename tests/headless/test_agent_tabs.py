"""Agent tabs: the channels of an agent are listed, and the head leads to what is not published."""

from platform_app.components.agents.agent_tabs import EDITOR_TABS
from platform_app.db import session_scope
from platform_app.models.agent import Channel
from platform_app.models.person import Identity
from platform_app.services.agents import agents
from platform_app.services.channels import channel_accounts
from platform_app.state.agents.agent import TABS, AgentState
from tests.headless.harness import Tab, sign_in


def test_the_bar_has_every_tab_of_the_page() -> None:
    assert tuple(EDITOR_TABS) == TABS


async def test_an_agent_lists_its_own_channels(who: Identity) -> None:
    with session_scope(who.tenant_id) as session:
        mine, other = (agents.create(session, who, {"name": name}) for name in ("Shop", "Service"))
        for name, agent in (("Site", mine), ("Blog", other)):
            channel_accounts.create(session, who, Channel.WEB_CHAT, name=name, agent_id=agent.id)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/agents/{mine.id}?tab=channels")
        assert tab.get(AgentState, "tab") == "channels"
        assert [(line.name, line.kind, line.enabled) for line in tab.get(AgentState, "channels")] == [
            ("Site", "Web chat", True)
        ]


async def test_the_head_leads_to_the_difference(who: Identity) -> None:
    with session_scope(who.tenant_id) as session:
        agent = agents.create(session, who, {"name": "Shop"})
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/agents/{agent.id}")
        await tab.send(AgentState.show_changes())
        assert tab.get(AgentState, "tab") == "basics"  # nothing is published yet
        await tab.send(AgentState.publish())
        await tab.send(AgentState.save("instructions", "Be brief."))
        await tab.send(AgentState.show_changes())
        assert tab.get(AgentState, "tab") == "history"
        assert tab.get(AgentState, "compared") == tab.get(AgentState, "versions")[0].id
        assert [change.field for change in tab.get(AgentState, "changes")] == ["Instructions"]
