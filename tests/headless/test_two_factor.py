"""Two-factor in the console: set up, signed in with, turned off, required; its secrets are in no variable."""

import re
from urllib.parse import unquote

import pytest
from starlette.routing import Route

from platform_app.api.app import api
from platform_app.db import session_scope
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import password_resets, sessions, two_factor, two_factor_policy
from platform_app.state.accounts.members import MembersState
from platform_app.state.accounts.security import SecurityState
from platform_app.state.accounts.sign_in import HomeState, SignInState
from platform_app.state.accounts.two_factor import TwoFactorState
from tests.api_client import client
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.inviting import PASSWORD
from tests.second_factor import App, set_up, use_password
from tests.talking import call

CODES = re.compile(r"(?:[a-z0-9]{4}-){3}[a-z0-9]{4}")
TICKET = re.compile(r"/auth/claim\?ticket=.*?\(\\*\"([\w-]{43})")


def set_password(who: Identity) -> None:
    with session_scope(reason="tests") as session:
        token = password_resets.issue_token(session, who.user_id)
    password_resets.reset(token, PASSWORD)


def claimed(tab: Tab) -> str:
    """Return the user of the ticket that the browser was told to redeem, or ""."""
    found = TICKET.search(tab.scripts())
    if not found:
        return ""
    with session_scope(reason="tests") as session:
        token = sessions.redeem_ticket(session, found[1], "")
    user = sessions.get_user(token)
    return user.id if user else ""


async def test_it_is_set_up_and_leads_back(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto("/two-factor?next=/manage/acme/inbox")
        assert tab.get(TwoFactorState, "view") == "setup"
        secret = two_factor.begin(who).text
        assert secret in tab.scripts() and "data:image/svg+xml" in tab.scripts()
        use_password(who)
        await tab.send(TwoFactorState.confirm({"code": App(secret).code(), "password": "wrong"}))
        assert (tab.get(TwoFactorState, "problem_field"), tab.get(TwoFactorState, "view")) == ("password", "setup")
        await tab.send(TwoFactorState.confirm({"code": "000 000 ", "password": PASSWORD}))
        assert tab.get(TwoFactorState, "problem") == two_factor.WRONG_CODE
        await tab.send(TwoFactorState.confirm({"code": App(secret).code(), "password": PASSWORD}))
        codes = set(CODES.findall(tab.scripts()))
        assert tab.get(TwoFactorState, "view") == "codes" and len(codes) == 10
        assert not any(word in str(tab.seen) for word in (secret, *codes))
        await tab.send(TwoFactorState.leave())
        assert "/manage/acme/inbox" in tab.scripts()
        tab.said.clear()
        await tab.goto("/two-factor?next=https://evil.test/")
        assert tab.get(TwoFactorState, "view") == "on"
        await tab.send(TwoFactorState.leave())
        assert "evil" not in tab.scripts()


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_sign_in_asks_for_the_code(who: Identity, language: str) -> None:
    set_password(who)
    app, codes = set_up(who)
    form = {"email": who.email, "password": PASSWORD}
    async with Tab(language=language) as tab:
        await tab.goto("/sign-in")
        await tab.send(SignInState.sign_in(form))
        assert tab.get(SignInState, "step") == "code" and "ticket" not in unquote(tab.scripts())
        await tab.send(SignInState.continue_sign_in())
        await tab.send(SignInState.enter_code({"code": "0000000"}))
        assert tab.get(SignInState, "problem_field") == "code" and claimed(tab) == ""
        assert bool(re.search("[а-я]", tab.get(SignInState, "problem"))) is (language == "ru")
        await tab.send(SignInState.enter_code({"code": app.code(), "user_id": "x"}))
        assert claimed(tab) == who.user_id
        await tab.send(SignInState.enter_code({"code": app.code(steps=1)}))
        assert tab.get(SignInState, "problem")  # the challenge is used up
    async with Tab(language=language) as tab:
        await tab.goto("/sign-in")
        await tab.send(SignInState.sign_in(form))
        await tab.send(SignInState.enter_code({"code": codes[0]}))
        assert tab.get(SignInState, "step") == "recovery" and claimed(tab) == ""
        left = {"en": "9 are left.", "ru": "Осталось 9 кодов."}
        assert tab.get(SignInState, "recovery_left") == left[language]
        await tab.send(SignInState.continue_sign_in())
        assert claimed(tab) == who.user_id


async def test_another_tab_does_not_go_on_with_the_challenge(who: Identity) -> None:
    set_password(who)
    app, _ = set_up(who)
    async with Tab() as tab, Tab() as stranger:
        for one in (tab, stranger):
            await one.goto("/sign-in")
        await tab.send(SignInState.sign_in({"email": who.email, "password": PASSWORD}))
        await stranger.send(SignInState.enter_code({"code": app.code()}))
        assert stranger.get(SignInState, "problem") == sessions.EXPIRED and claimed(stranger) == ""
        await tab.send(SignInState.load())
        await tab.send(SignInState.enter_code({"code": app.code()}))
        assert tab.get(SignInState, "problem") == sessions.EXPIRED


async def test_a_person_turns_it_off_and_gets_new_codes(who: Identity) -> None:
    _, codes = set_up(who)
    async with Tab(sign_in(who)) as tab:
        await tab.goto("/manage/acme/settings/security")
        assert tab.get(SecurityState, "is_on") is True
        assert tab.get(SecurityState, "recovery_words") == "10 recovery codes are left."
        await tab.send(SecurityState.ask("renew"))
        await tab.send(SecurityState.confirm({"password": codes[0]}))
        assert tab.get(SecurityState, "problem") == "Current password is incorrect."
        await tab.send(SecurityState.confirm({"password": PASSWORD}))
        assert tab.get(SecurityState, "asked") == "codes"
        new = CODES.findall(tab.scripts())
        assert len(new) == 10 and not set(new) & set(codes) and new[0] not in str(tab.seen)
        await tab.send(SecurityState.close(False))
        await tab.send(SecurityState.confirm({"password": PASSWORD}))  # a raw socket may try: no dialog is open
        assert tab.get(SecurityState, "is_on") is True
        await tab.send(SecurityState.ask("turn_off"))
        await tab.send(SecurityState.confirm({"password": PASSWORD}))
        assert tab.get(SecurityState, "is_on") is False and tab.errors == []


async def test_the_requirement_leads_members_to_the_set_up_and_routes_refuse(who: Identity) -> None:
    member = make_member(who, Role.OPERATOR)
    async with Tab(sign_in(who)) as tab:
        await tab.goto("/manage/acme/settings/security")
        await tab.send(SecurityState.set_required(True))
        assert "Turn two-factor on for yourself first." in tab.scripts()
    set_up(who)
    async with Tab(sign_in(who)) as tab:
        await tab.goto("/manage/acme/settings/security")
        await tab.send(SecurityState.set_required(True))
        assert tab.get(SecurityState, "required") is True
    cookie = sign_in(member)
    async with client(cookie.split("=")[1]) as browser:
        routes = [route for route in api.routes if isinstance(route, Route) and "{tenant}" in route.path]
        assert routes
        for route in routes:
            path = re.sub(r"\{(\w+)(:\w+)?\}", lambda found: "acme" if found[1] == "tenant" else "x" * 32, route.path)
            for method in (route.methods or set()) - {"HEAD"}:
                answer = await browser.request(method, path, headers={"origin": str(browser.base_url)})
                assert (answer.status_code, answer.json()["detail"]) == (403, two_factor_policy.REQUIRED), path
    async with Tab(cookie) as tab:
        await tab.goto("/")
        await tab.send(HomeState.load())
        assert "/manage/acme" in tab.scripts()
        await tab.goto("/manage/acme")
        assert "/two-factor" in tab.scripts()
        await tab.goto("/two-factor?next=/manage/acme")
        assert tab.get(TwoFactorState, "required_by") == "Acme"
        use_password(member)
        code = App(two_factor.begin(member).text).code()
        await tab.send(TwoFactorState.confirm({"code": code, "password": PASSWORD}))
        tab.said.clear()
        await tab.goto("/manage/acme/settings/security")
        assert tab.get(SecurityState, "is_on") is True and "/two-factor" not in tab.scripts()


async def test_an_admin_resets_a_member(who: Identity) -> None:
    member = make_member(who, Role.OPERATOR)
    set_up(member)
    async with Tab(sign_in(who)) as tab:
        await tab.goto("/manage/acme/settings/members", settle=False)
        await tab.until(lambda: len(tab.seen.get(MembersState.get_full_name(), {})) and tab.get(MembersState, "rows"))
        assert [row.two_factor for row in tab.get(MembersState, "rows")] == [False, True]
        await tab.send(MembersState.ask("reset_two_factor", member.user_id))
        await tab.send(MembersState.confirm())
        assert [row.two_factor for row in tab.get(MembersState, "rows")] == [False, False]
        assert "no mail server" in tab.scripts()
    assert call(member, two_factor.get_status).enabled_at is None
