"""Company data page: an owner asks for the deletion and cancels it; owners and admins see when it comes."""

from typing import Any

from platform_app.models.person import Identity, Role
from platform_app.state.console.base import CurrentUser
from platform_app.state.tenants.company_data import CompanyDataState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.inviting import PASSWORD
from tests.second_factor import use_password

PAGE = "/manage/acme/settings/data"


def seen(tab: Tab, name: str) -> Any:
    return tab.get(CompanyDataState, name)


async def test_ask_and_keep(who: Identity) -> None:
    use_password(who)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        await tab.send(CompanyDataState.set_open(True))
        await tab.send(CompanyDataState.request_deletion({"company": "Globex", "password": PASSWORD}))
        assert seen(tab, "problem_field") == "company" and seen(tab, "is_open")
        await tab.send(CompanyDataState.request_deletion({"company": "acme", "password": "wrong"}))
        assert seen(tab, "problem_field") == "password" and seen(tab, "deletion") == ""
        await tab.send(CompanyDataState.request_deletion({"company": "acme", "password": PASSWORD}))
        due = seen(tab, "deletion")
        assert due and not seen(tab, "is_open") and not seen(tab, "problem")
        assert tab.get(CurrentUser, "deletion") == due
        async with Tab(sign_in(make_member(who, Role.OPERATOR))) as operator:
            await operator.goto(PAGE)
            await operator.send(CompanyDataState.cancel_deletion())
            assert operator.get(CurrentUser, "deletion") == "" and seen(operator, "deletion") == due
        await tab.send(CompanyDataState.cancel_deletion())
        assert tab.get(CurrentUser, "deletion") == "" and seen(tab, "deletion") == "" and tab.errors == []
