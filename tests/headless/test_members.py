"""Members page: what owners and admins see and do, and what others do not."""

import re
from typing import Any
from unittest.mock import ANY

import pytest

from platform_app.models.person import Identity, Role
from platform_app.services.accounts import invitation_acceptance, member_changes
from platform_app.state.accounts.invitation import InvitationState
from platform_app.state.accounts.members import MembersState
from platform_app.state.console import live_updates
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.headless.test_live_updates import CountingHub
from tests.inviting import EMAIL, PASSWORD, invited, open_invitations, use_platform_mail
from tests.talking import call

PAGE = "/manage/acme/settings/members"
FORM = {"email": EMAIL, "role": "operator"}


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> CountingHub:
    """A hub that the test drives."""
    made = CountingHub()
    monkeypatch.setattr(live_updates, "hub", made)
    return made


def rows(tab: Tab, name: str = "rows") -> list[Any]:
    """Return the rows of a table, none before they came."""
    try:
        found: list[Any] = tab.get(MembersState, name)
    except KeyError:
        return []
    return found


async def opened(tab: Tab) -> None:
    """Open the page, which goes on following."""
    await tab.goto(PAGE, settle=False)
    await tab.until(lambda: rows(tab) != [])


def shown_link(tab: Tab) -> str:
    """Return the token of the link that the browser was told to show."""
    found = re.search(r"http://127\.0\.0\.1:8000/invitation#([\w-]{43})", tab.scripts())
    assert found, tab.scripts()
    return found[1]


async def test_members_are_shown_to_all_and_invitations_to_those_who_manage(who: Identity) -> None:
    viewer = make_member(who, Role.VIEWER)
    invited(who)
    async with Tab(sign_in(who)) as tab:
        await opened(tab)
        assert [(row.name, row.role, row.is_me, row.may_change) for row in rows(tab)] == [
            (who.name, "owner", True, True),
            (viewer.name, "viewer", False, True),
        ]
        assert rows(tab)[0].seen == "just now"
        assert [row.email for row in rows(tab, "invited")] == [EMAIL]
    async with Tab(sign_in(viewer)) as tab:
        await opened(tab)
        assert [row.may_change for row in rows(tab)] == [False, False]
        assert EMAIL not in str(tab.seen)


async def test_an_invitation_is_made_shown_once_and_used(who: Identity, hub: CountingHub) -> None:
    async with Tab(sign_in(who)) as tab, Tab() as theirs:
        await opened(tab)
        await tab.send(MembersState.open_form(True))
        await tab.send(MembersState.invite({**FORM, "role": "owner", "tenant_id": "x", "token_hash": "y"}))
        token = shown_link(tab)
        assert tab.get(MembersState, "link_for") == EMAIL and token not in str(tab.seen)
        assert open_invitations(who)[0].role == Role.OWNER
        await theirs.goto("/invitation")
        await theirs.send(InvitationState.open_link(token))
        assert (theirs.get(InvitationState, "view"), theirs.get(InvitationState, "role")) == ("register", "owner")
        assert token not in str(theirs.seen)
        await theirs.send(InvitationState.register({"name": "Cleo", "password": PASSWORD}))
        assert "/auth/claim" in theirs.scripts() and "/manage/acme" in theirs.scripts()
        hub.tell("member")
        await tab.until(lambda: len(rows(tab)) == 2)  # seen without a reload
        assert tab.errors == theirs.errors == []


async def test_a_role_in_the_link_or_the_form_changes_nothing(who: Identity) -> None:
    _, token = invited(who, role=Role.VIEWER)
    async with Tab() as tab:
        for query in ("role=owner", "tenant=globex", "email=x@y.test"):
            await tab.goto(f"/invitation?{query}")
            await tab.send(InvitationState.open_link(token))
            assert tab.get(InvitationState, "view") == "refused"
            assert tab.get(InvitationState, "refusal") == (
                "This link is incomplete. Open it exactly as you received it."
            )
        await tab.goto("/invitation")
        await tab.send(InvitationState.open_link(f"{token}&role=owner"))
        assert tab.get(InvitationState, "refusal") == "This invitation link doesn’t work. Ask for a new one."
        await tab.send(InvitationState.open_link(token))
        form = {"name": "Cleo", "password": PASSWORD, "role": "owner", "email": "x@y.test", "tenant_id": "z"}
        await tab.send(InvitationState.register(form))
    found = [(one.email, one.role) for one in call(who, member_changes.list_views)]
    assert found == [(who.email, Role.OWNER), (EMAIL, Role.VIEWER)]


async def test_another_person_is_refused_in_words(who: Identity, other: Identity) -> None:
    _, token = invited(who)
    before = call(who, member_changes.list_views)
    async with Tab(sign_in(other)) as tab:
        await tab.goto("/invitation")
        await tab.send(InvitationState.open_link(token))
        assert tab.get(InvitationState, "view") == "other_person"
        assert tab.get(InvitationState, "signed_in_as") == other.email
        await tab.send(InvitationState.join())
        assert tab.get(InvitationState, "problem") == (
            f"This invitation is for {EMAIL}. You are signed in as {other.email}."
        )
        await tab.send(InvitationState.register({"name": "Cleo", "password": PASSWORD}))
        assert tab.get(InvitationState, "problem") == "Sign out first: this invitation is for someone else."
        assert "/auth/claim" not in tab.scripts()
    assert call(who, member_changes.list_views) == before


async def test_the_right_person_joins(who: Identity, other: Identity) -> None:
    _, token = invited(who, other.email)
    async with Tab() as tab:
        await tab.goto("/invitation")
        await tab.send(InvitationState.open_link(token))
        assert tab.get(InvitationState, "view") == "sign_in"
        await tab.send(InvitationState.join())  # a raw socket may try
        assert tab.get(InvitationState, "problem") == "Sign in to continue."
    async with Tab(sign_in(other)) as tab:
        await tab.goto("/invitation")
        await tab.send(InvitationState.open_link(token))
        assert tab.get(InvitationState, "view") == "join"
        await tab.send(InvitationState.join())
        assert "/manage/acme" in tab.scripts()
        await tab.send(InvitationState.join())
        assert tab.get(InvitationState, "problem") == "This invitation has already been used."


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_what_is_wrong_is_said_at_its_field(who: Identity, language: str) -> None:
    async with Tab(sign_in(who), language=language) as tab:
        await opened(tab)
        for form, field in (({**FORM, "email": "x"}, "email"), ({**FORM, "role": "king"}, "role")):
            await tab.send(MembersState.invite(form))
            assert tab.get(MembersState, "problem_field") == field and tab.get(MembersState, "problem")
    assert open_invitations(who) == []


async def test_with_a_mail_server_the_worker_sends_it(who: Identity, env: pytest.MonkeyPatch) -> None:
    use_platform_mail(env)
    async with Tab(sign_in(who)) as tab:
        await opened(tab)
        await tab.send(MembersState.open_form(True))
        assert tab.get(MembersState, "by_mail") is True
        await tab.send(MembersState.invite(FORM))
        assert "/invitation#" not in tab.scripts() and "is being sent" in tab.scripts()
        (row,) = rows(tab, "invited")
        assert vars(row) == {
            "id": ANY,
            "email": EMAIL,
            "role": "operator",
            "inviter": who.name,
            "colour": "blue",
            "state": "Sending",
            "error": "",
            "until": ANY,
            "is_expired": False,
        }
        await tab.send(MembersState.renew(row.id, False))
        assert "https://console.platform.test/invitation#" in tab.scripts()


async def test_members_are_changed(who: Identity) -> None:
    colleague = make_member(who, Role.OPERATOR)
    async with Tab(sign_in(who)) as tab, Tab(sign_in(colleague)) as theirs:
        await opened(tab)
        await theirs.goto("/manage/acme/settings")
        await tab.until(lambda: tab.get(MembersState, "loaded"))
        await tab.send(MembersState.change_role(colleague.user_id, "admin"))
        assert [row.role for row in rows(tab)] == ["owner", "admin"]
        await tab.send(MembersState.ask("disable", colleague.user_id))
        assert tab.get(MembersState, "asked_name") == colleague.name
        await tab.send(MembersState.confirm())
        assert [row.is_disabled for row in rows(tab)] == [False, True]
        theirs.said.clear()
        await theirs.send(MembersState.open_form(True))
        assert "sign-in" in theirs.scripts() or "reload" in theirs.scripts()
        await tab.send(MembersState.enable(colleague.user_id))
        await tab.send(MembersState.ask("hand_over", colleague.user_id))
        await tab.send(MembersState.confirm())
        assert [row.role for row in rows(tab)] == ["admin", "owner"]
        tab.said.clear()
        await tab.send(MembersState.change_role(colleague.user_id, "viewer"))
        assert "Only an owner can change an owner." in tab.scripts()


async def test_members_are_removed_and_invitations_revoked(who: Identity, hub: CountingHub) -> None:
    colleague = make_member(who, Role.OPERATOR)
    async with Tab(sign_in(who)) as tab:
        await opened(tab)
        await tab.send(MembersState.ask("remove", colleague.user_id))
        assert tab.get(MembersState, "assigned_words") == ""
        await tab.send(MembersState.confirm())
        assert [row.id for row in rows(tab)] == [who.user_id]
        row, token = invited(who)
        hub.tell("member")
        await tab.until(lambda: rows(tab, "invited") != [])
        await tab.send(MembersState.ask("revoke", row.id))
        await tab.send(MembersState.confirm())
        assert rows(tab, "invited") == []
    with pytest.raises(Exception, match="revoked"):
        invitation_acceptance.find_offer(token)
