"""Password reset pages: one answer for every address, and a new password by the link."""

import asyncio
import re

import pytest

from platform_app.db import session_scope
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import accounts, password_resets
from platform_app.state.accounts import password_reset
from platform_app.state.accounts.members import MembersState
from platform_app.state.accounts.password_reset import ForgotPasswordState, ResetPasswordState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.inviting import PASSWORD, use_platform_mail


@pytest.mark.parametrize("email", ["owner@acme.test", "nobody@acme.test", "no address"])
async def test_every_address_gets_the_same_answer_at_the_same_time(
    who: Identity, env: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    use_platform_mail(env)
    monkeypatch.setattr(password_reset, "ANSWER_SECONDS", 0.4)
    loop = asyncio.get_running_loop()
    async with Tab() as tab:
        await tab.goto("/forgot-password")
        began = loop.time()
        await tab.send(ForgotPasswordState.request({"email": email}))
        assert loop.time() - began >= 0.4
        assert (tab.get(ForgotPasswordState, "is_requested"), tab.get(ForgotPasswordState, "problem")) == (True, "")
        assert tab.errors == []


async def test_a_new_password_is_set_with_the_link(who: Identity) -> None:
    with session_scope(reason="tests") as session:
        token = password_resets.issue_token(session, who.user_id)
    async with Tab() as tab:
        await tab.goto("/reset-password")
        await tab.send(ResetPasswordState.open_link(token))
        assert (tab.get(ResetPasswordState, "view"), tab.get(ResetPasswordState, "email")) == ("form", who.email)
        await tab.send(ResetPasswordState.set_password({"password": "password1"}))
        assert tab.get(ResetPasswordState, "problem_field") == "password"
        form = {"password": PASSWORD, "email": "x@y.test", "user_id": "z"}
        await tab.send(ResetPasswordState.set_password(form))
        assert tab.get(ResetPasswordState, "view") == "done" and token not in str(tab.seen)
        await tab.send(ResetPasswordState.open_link(token))
        assert tab.get(ResetPasswordState, "refusal") == password_resets.INVALID_LINK
    assert accounts.authenticate(who.email, PASSWORD, "198.51.100.7").id == who.user_id


async def test_another_signed_in_person_is_refused(who: Identity, other: Identity) -> None:
    with session_scope(reason="tests") as session:
        token = password_resets.issue_token(session, who.user_id)
    async with Tab(sign_in(other)) as tab:
        await tab.goto("/reset-password")
        await tab.send(ResetPasswordState.open_link(token))
        assert tab.get(ResetPasswordState, "view") == "other_person"
        assert tab.get(ResetPasswordState, "signed_in_as") == other.email
        await tab.send(ResetPasswordState.set_password({"password": PASSWORD}))
        assert tab.get(ResetPasswordState, "problem") == (
            f"This link is for {who.email}. You are signed in as {other.email}."
        )
    async with Tab(sign_in(who)) as tab:  # the person themselves may be signed in
        for query in ("role=owner", "email=x@y.test", "user=x"):
            await tab.goto(f"/reset-password?{query}")
            await tab.send(ResetPasswordState.open_link(token))
            assert tab.get(ResetPasswordState, "refusal") == (
                "This link is incomplete. Open it exactly as you received it."
            )
        await tab.goto("/reset-password")
        await tab.send(ResetPasswordState.open_link(token))
        assert tab.get(ResetPasswordState, "view") == "form"


async def test_an_admin_is_shown_a_link_once(who: Identity) -> None:
    colleague = make_member(who, Role.OPERATOR)
    async with Tab(sign_in(who)) as tab:
        await tab.goto("/manage/acme/settings")
        await tab.send(MembersState.reset_password(colleague.user_id, False))
        found = re.search(r"http://127\.0\.0\.1:8000/reset-password#([\w-]{43})", tab.scripts())
        assert found and found[1] not in str(tab.seen)
    assert password_resets.find_user(found[1]).id == colleague.user_id
