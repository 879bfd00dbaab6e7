"""Checklist: the dashboard of a new company shows the first steps, and an admin hides them."""

from platform_app.db import session_scope
from platform_app.models.agent import Agent
from platform_app.models.person import Identity, Role
from platform_app.services.demo import demo
from platform_app.state.accounts.members import MembersState
from platform_app.state.feed.dashboard import DashboardState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in

PAGE = "/manage/acme"


async def test_the_steps_are_shown_with_progress_until_they_are_hidden(who: Identity) -> None:
    with session_scope(who.tenant_id) as session:
        session.add(Agent(tenant_id=who.tenant_id, name="Shop"))
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        assert tab.get(DashboardState, "progress") == "1 of 5"
        assert [row.kind for row in tab.get(DashboardState, "steps") if row.is_done] == ["agent"]
        await tab.send(DashboardState.hide_checklist())
        assert tab.get(DashboardState, "steps") == []
        await tab.goto(PAGE)
        assert tab.get(DashboardState, "steps") == []


async def test_only_an_admin_hides_them_and_loads_demo_data(who: Identity) -> None:
    async with Tab(sign_in(make_member(who, Role.OPERATOR))) as tab:
        await tab.goto(PAGE)
        assert len(tab.get(DashboardState, "steps")) == 3
        await tab.send(DashboardState.hide_checklist())
        await tab.send(DashboardState.load_demo())
        await tab.goto(PAGE)
        assert len(tab.get(DashboardState, "steps")) == 3
    with session_scope(who.tenant_id, read_only=True) as session:
        assert not demo.is_loaded(session, who)


async def test_demo_data_is_loaded_once_and_the_button_works_again(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        await tab.send(DashboardState.load_demo())
        assert tab.get(DashboardState, "has_demo") and not tab.get(DashboardState, "is_loading_demo")
        await tab.send(DashboardState.load_demo())
        assert "Demo data is already loaded." in tab.scripts()
        assert not tab.get(DashboardState, "is_loading_demo")


async def test_the_last_step_opens_the_invitation_for_admins(who: Identity) -> None:
    for member, is_open in ((who, True), (make_member(who, Role.OPERATOR), False)):
        async with Tab(sign_in(member)) as tab:
            await tab.goto("/manage/acme/settings/members?invite=1")
            assert tab.get(MembersState, "inviting") is is_open
