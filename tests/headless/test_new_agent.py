"""New agent: the gallery shows the templates in the person's language, and creates what was chosen."""

from platform_app.agent_templates import CODES, agent_template
from platform_app.db import session_scope, unscoped
from platform_app.models.person import Identity, Member, Role
from platform_app.services.agents import agents
from platform_app.services.scripts import scripts
from platform_app.state.agents.new_agent import NewAgentState
from platform_app.state.console.frame import FrameState
from tests.headless.harness import Tab, sign_in

PAGE = "/manage/acme/agents/new"


async def test_a_template_is_shown_with_all_that_it_creates(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        shown = tab.get(NewAgentState, "templates")
        assert [card.code for card in shown] == list(CODES)
        clinic, shop = shown[:2]
        assert clinic.contents == "3 scripts · Rule" and shop.contents == "3 scripts · Sequence"
        assert clinic.instructions == agent_template("clinic", "en").instructions.strip()
        assert ("Temperature", "0.2") in [(line.label, line.text) for line in clinic.settings]
        assert [line.label for line in clinic.scripts] == ["Greeting", "Qualification", "Objection handling"]
        assert clinic.automation[0].text.startswith("When a message is received, if message text contains any of")
        assert "Starts when the agent replies" in shop.automation[0].text
        await tab.send(FrameState.change_language("ru"))
        await tab.goto(PAGE)
        assert tab.get(NewAgentState, "templates")[0].contents == "3 скрипта · Правило"


async def test_an_agent_is_created_from_a_template_or_blank_and_opened(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        await tab.send(NewAgentState.create("shop"))
        await tab.send(NewAgentState.create(""))
        with session_scope(who.tenant_id, read_only=True) as session:
            made = {row.name: row.id for row in agents.list_agents(session, who)[0]}
            assert made.keys() == {"Shop assistant", "New agent"}
            assert len(scripts.list_scripts(session, who, made["Shop assistant"])) == 3
        assert all(f"/manage/acme/agents/{agent_id}" in tab.scripts() for agent_id in made.values())
        await tab.send(NewAgentState.create("nothing"))
        assert "This value isn’t allowed." in tab.scripts()


async def test_a_viewer_reads_but_does_not_create(who: Identity) -> None:
    with session_scope(reason="tests") as session:
        (member,) = session.exec(unscoped(Member).where(Member.user_id == who.user_id)).all()
        member.role = Role.VIEWER
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        assert len(tab.get(NewAgentState, "templates")) == len(CODES)
        await tab.send(NewAgentState.create("shop"))
        with session_scope(who.tenant_id, read_only=True) as session:
            assert agents.list_agents(session, who)[0] == []
