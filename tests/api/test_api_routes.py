"""Routes: every one declares its role, and nobody without it learns or changes anything."""

from typing import Any

import httpx
import pytest
from sqlmodel import SQLModel
from starlette.routing import Route

from platform_app.api.app import api
from platform_app.api.routes import ANYONE, route
from platform_app.clock import now
from platform_app.db import session_scope, unscoped
from platform_app.errors import Conflict
from platform_app.models.knowledge import Source
from platform_app.models.person import Identity, Member, Role, User
from platform_app.services.accounts import sessions
from tests.api_client import client, sign_in
from tests.conftest import make_tenant

ROUTES = [made for made in api.routes if isinstance(made, Route)]
GUARDED = [made for made in ROUTES if getattr(made, "role", None) != ANYONE]


def test_every_route_declares_its_role() -> None:
    assert len(ROUTES) == len(api.routes) > 0
    assert [made.path for made in ROUTES if getattr(made, "role", None) not in (*Role, ANYONE)] == []
    assert all("{tenant}" in made.path for made in GUARDED)


def test_an_open_route_is_a_known_one() -> None:
    """Whoever opens a route to anyone says so here too."""
    assert {made.path for made in ROUTES if made not in GUARDED} == {
        "/auth/claim",
        "/auth/sign-out",
        "/hooks/{address}",
        "/hooks/channels/{token}",
        "/hooks/crm/{token}",
        "/hooks/kommo-chats/{token}",
        "/oauth/mail",  # leads on to the tenant in the state, checked there: tests/channels/test_mail_sign_in.py
        "/media/{token}",  # the token is sealed and ends after a day: tests/kommo/test_own_chats.py
        "/unsubscribe/{token}",  # the token is sealed by the platform: tests/channels/test_unsubscribe.py
        "/healthz",
        "/health",
        "/web-chat/files/{name}",
        *(f"/web-chat/{{token}}/{name}" for name in ("appearance", "frame", "try", "session", "messages", "person")),
        *(f"/web-chat/{{token}}/{name}" for name in ("history", "events", "typing", "rating", "files")),
        "/readyz",
        "/api/v1/openapi.json",
        "/api/v1/{path:path}",  # these ask for a key: tests/api/test_rest_access.py
        "/v1/{path:path}",
        "/mcp",
        "/mcp/",
    }


@pytest.fixture
def source(who: Identity) -> str:
    """A document of acme with something to lose."""
    with session_scope(who.tenant_id) as session:
        row = Source(tenant_id=who.tenant_id, title="CANARY", file_name="canary.txt", stored_as="0" * 32, size=6)
        session.add(row)
        return row.id


def disabled_owner(acme: Identity) -> str:
    """Return the token of somebody who was an owner until a moment ago."""
    person = make_tenant("initech")
    token = sign_in(person)
    with session_scope(reason="tests") as session:
        session.add(Member(tenant_id=acme.tenant_id, user_id=person.user_id, role=Role.OWNER))
        session.exec(unscoped(User).where(User.id == person.user_id)).one().disabled_at = now()
    return token


def signed_out(acme: Identity) -> str:
    token = sign_in(acme)
    sessions.end_session(token)
    return token


def rows() -> dict[str, list[str]]:
    """Return everything in the database, by table, except when members were last seen: any use of a session sets it."""
    with session_scope(reason="tests", read_only=True) as session:
        columns = {
            table.name: [column for column in table.columns if column.name != "seen_at"]
            for table in SQLModel.metadata.sorted_tables
        }
        return {
            table.name: sorted(map(str, session.execute(table.select().with_only_columns(*columns[table.name])).all()))
            for table in SQLModel.metadata.sorted_tables
        }


async def ask(made: Route, token: str, tenant: str, source_id: str) -> httpx.Response:
    path = made.path.replace("{tenant}", tenant).replace("{source_id}", source_id)
    method = next(iter((made.methods or set()) - {"HEAD"}))
    values: dict[str, Any] = {} if method == "GET" else {"content": b"CANARY of the caller"}
    async with client(token, **{"X-File-Name": "canary.txt"}) as browser:
        return await browser.request(method, path, **values)


@pytest.mark.parametrize("made", GUARDED, ids=lambda made: made.path)
async def test_nobody_else_gets_in(who: Identity, other: Identity, source: str, made: Route) -> None:
    callers = {
        "anonymous": ("", 401),
        "made-up": ("made-up", 401),
        "signed out": (signed_out(who), 401),
        "disabled": (disabled_owner(who), 401),
        "other tenant's owner": (sign_in(other), 404),
    }
    before = rows()
    for caller, (token, status) in callers.items():
        answer = await ask(made, token, "acme", source)
        assert (caller, answer.status_code) == (caller, status)
        assert "CANARY" not in answer.text
        nowhere = await ask(made, token, "no-such-tenant", source)
        assert (nowhere.status_code, nowhere.content) == (answer.status_code, answer.content), "a hint"
    assert rows() == before


@pytest.mark.parametrize("made", [made for made in GUARDED if made.role != Role.VIEWER], ids=lambda made: made.path)  # type: ignore[attr-defined]
async def test_a_role_that_is_not_enough_is_refused(who: Identity, source: str, made: Route) -> None:
    viewer = make_viewer(who)
    before = rows()
    answer = await ask(made, viewer, "acme", source)
    assert (answer.status_code, answer.json()["detail"]) == (403, "Ваша роль этого не позволяет.")
    assert rows() == before


def make_viewer(who: Identity) -> str:
    """Return the token of a viewer of the tenant who reads Russian."""
    with session_scope(reason="tests") as session:
        user = User(email="viewer@acme.test", name="Viewer", password_hash="-", language="ru")
        session.add(user)
        session.flush()
        session.add(Member(tenant_id=who.tenant_id, user_id=user.id, role=Role.VIEWER))
    return sign_in(Identity(**{**vars(who), "user_id": user.id}))


async def test_the_other_tenants_document_is_not_found(who: Identity, other: Identity, source: str) -> None:
    async with client(sign_in(other)) as browser:
        theirs = await browser.get(f"/api/sources/globex/{source}/file")
        nothing = await browser.get(f"/api/sources/globex/{'0' * 32}/file")
    assert theirs.status_code == 404
    assert theirs.content == nothing.content


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({}, "Sign in to continue."),
        ({"Accept-Language": "ru-RU,ru;q=0.9"}, "Войдите, чтобы продолжить."),
        ({"Accept-Language": "ru", "Cookie": "language=en"}, "Sign in to continue."),
        ({"Cookie": "language=ru"}, "Войдите, чтобы продолжить."),
        ({"Cookie": "language=../../etc"}, "Sign in to continue."),
    ],
)
async def test_a_stranger_is_answered_in_their_language(database: str, headers: dict[str, str], sentence: str) -> None:
    async with client(**headers) as browser:
        answer = await browser.post("/api/uploads/acme")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {"type": "about:blank", "status": 401, "detail": sentence}


async def test_a_bug_becomes_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    @route("/broken", ANYONE, methods=["GET"])
    async def broken(request: object) -> Any:
        raise ZeroDivisionError("the secret reason")

    @route("/conflict", ANYONE, methods=["GET"])
    async def conflict(request: object) -> Any:
        raise Conflict("{email} is a member already.", email="ann@acme.test")

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=api.__class__(routes=[broken, conflict])), base_url="http://acme.example"
    ) as browser:
        answer, refused = await browser.get("/broken"), await browser.get("/conflict")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    number = answer.json()["detail"].rsplit(" ", 1)[1].rstrip(".")
    said = capsys.readouterr()
    assert number in said.out + said.err
    assert (refused.status_code, refused.json()["detail"]) == (409, "ann@acme.test is a member already.")
