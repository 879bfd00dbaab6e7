"""Frame: the person's menu leads to their other tenants, and to nobody else's."""

from platform_app.db import session_scope
from platform_app.models.person import Identity, Member, Role
from platform_app.state.console.base import CurrentUser
from platform_app.state.console.frame import FrameState
from tests.headless.harness import Tab, sign_in


async def test_a_person_of_two_tenants_goes_from_one_to_the_other(who: Identity, other: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto("/manage/acme/settings")
        assert tab.get(FrameState, "tenants") == []
        with session_scope(reason="tests") as session:
            session.add(Member(tenant_id=other.tenant_id, user_id=who.user_id, role=Role.VIEWER))
        await tab.goto("/manage/acme/settings")
        (place,) = tab.get(FrameState, "tenants")
        assert (place.name, place.address) == ("Globex", "/manage/globex")
        await tab.goto(place.address + "/settings")
        assert (tab.get(CurrentUser, "slug"), tab.get(CurrentUser, "role")) == ("globex", "viewer")
        assert [one.name for one in tab.get(FrameState, "tenants")] == ["Acme"]
