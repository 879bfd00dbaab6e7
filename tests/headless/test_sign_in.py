"""Sign-in form: takes what it names and nothing else, and leads nowhere else."""

import json
import re
from urllib.parse import unquote

import pytest

from platform_app.db import everywhere, session_scope
from platform_app.models.person import Member, Role, Tenant, User
from platform_app.services import accounts, sessions
from platform_app.state.sign_in import SignInState
from tests.headless.harness import Tab

FORM = {
    "email": "ann@acme.test",
    "name": "Ann",
    "password": "vyhlídka 7 plotů",
    "tenant": "Acme Bikes",
    "time_zone": "Asia/Omsk",
}


async def fill(tab: Tab, **more: object) -> None:
    await tab.goto("/register")
    await tab.send(SignInState.register({**FORM, **more}))


async def test_registration_ends_at_the_claim_route(database: str) -> None:
    async with Tab() as tab:
        await fill(tab)
        said = re.search(r"/auth/claim\?ticket=.*?\(\\*\"([\w-]{43})", tab.scripts())
    assert said, tab.scripts()
    with session_scope(reason="tests") as session:
        token = sessions.claim(session, said[1], "")
    found = sessions.identity(token, "acme-bikes")
    assert found is not None
    assert (found.email, found.role, found.time_zone) == ("ann@acme.test", Role.OWNER, "Asia/Omsk")


async def test_what_else_a_form_holds_changes_nothing(who: object, database: str) -> None:
    """Mass assignment: no field of a form becomes a column that it does not name."""
    with session_scope(reason="tests", reading=True) as session:
        acme = session.exec(everywhere(Tenant)).one()
    async with Tab() as tab:
        await fill(tab, id="f" * 32, tenant_id=acme.id, role="admin", slug="acme", is_admin=True, is_demo=True)
        assert tab.errors == []
    with session_scope(reason="tests", reading=True) as session:
        user = session.exec(everywhere(User).where(User.email == FORM["email"])).one()
        members = session.exec(everywhere(Member).where(Member.user_id == user.id)).all()
        made = session.exec(everywhere(Tenant).where(Tenant.id == members[0].tenant_id)).one()
    assert len(members) == 1
    assert (members[0].role, made.slug, made.is_demo) == (Role.OWNER, "acme-bikes", False)
    assert acme.id not in (made.id, members[0].tenant_id)
    assert user.id != "f" * 32


@pytest.mark.parametrize("field", ["email", "name", "tenant", "password"])
async def test_a_wrong_field_is_named_in_words(database: str, field: str) -> None:
    async with Tab(language="ru") as tab:
        await fill(tab, **{field: " "})
        assert tab.get(SignInState, "problem_field") == field
        assert re.search("[а-я]", tab.get(SignInState, "problem"))
        assert tab.errors == []
    with session_scope(reason="tests", reading=True) as session:
        assert session.exec(everywhere(User)).all() == []


async def test_wrong_passwords_are_slowed_down(database: str) -> None:
    with session_scope(reason="tests") as session:
        accounts.register(session, tenant_name="Acme", language="en", **{k: FORM[k] for k in KEYS})
    said = []
    async with Tab() as tab:
        await tab.goto("/sign-in")
        for _ in range(6):
            await tab.send(SignInState.sign_in({"email": FORM["email"], "password": "wrong"}))
            said.append(tab.get(SignInState, "problem"))
        assert "ticket" not in unquote(json.dumps(tab.scripts()))
    assert said[:5] == ["E-mail or password is wrong."] * 5
    assert said[5].startswith("Too many failed attempts.")


KEYS = ("email", "name", "password", "time_zone")
