"""Files: who may send one is known before a byte is read; too much ends early; nothing leaves its folder."""

from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from platform_app.config import settings
from platform_app.db import owned, session_scope
from platform_app.models.knowledge import Source
from platform_app.models.person import Identity, Role
from tests.api_client import HOST, client, sign_in
from tests.conftest import forget_process_state, make_member, make_tenant
from tests.stored_files import stored_keys


class Body:
    """A body that counts how much of it was taken."""

    def __init__(self, parts: int, part: bytes = b"x" * 100_000) -> None:
        self.parts, self.part, self.taken = parts, part, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self.parts):
            self.taken += 1
            yield self.part


@pytest.fixture
def small(env: pytest.MonkeyPatch, database: str) -> None:
    """Files of at most one megabyte."""
    env.setenv("PLATFORM_UPLOAD_MAX_MB", "1")
    forget_process_state()


def kept(who: Identity) -> list[Source]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(Source, who.tenant_id)).all())


async def test_a_file_comes_in_and_goes_out(who: Identity) -> None:
    name, text = "Прайс «2026».txt", "Велосипеды: 10 000 ₽".encode()
    async with client(sign_in(who), Origin=f"http://{HOST}") as browser:
        answer = await browser.post("/api/uploads/acme", content=text, headers={"X-File-Name": quote(name)})
        assert answer.status_code == 201
        source_id = answer.json()["source_id"]
        out = await browser.get(f"/api/sources/acme/{source_id}/file")
    (row,) = kept(who)
    assert (row.id, row.file_name, row.size) == (source_id, name, len(text))
    assert stored_keys() == [row.stored_as]
    assert (out.status_code, out.content) == (200, text)
    assert out.headers["content-type"] == "application/octet-stream"
    assert out.headers["content-disposition"] == f"attachment; filename*=utf-8''{quote(name)}"
    assert out.headers["x-content-type-options"] == "nosniff"
    assert out.headers["content-security-policy"].startswith("sandbox")
    assert out.headers["cache-control"] == "no-store"


async def test_what_else_is_sent_changes_nothing(who: Identity, other: Identity) -> None:
    """Mass assignment: the tenant is the one in the path, the person is the one of the session."""
    given = {"tenant_id": other.tenant_id, "id": "f" * 32, "role": "owner", "created_by": "Eve", "state": "ready"}
    async with client(sign_in(who), **{"X-File-Name": "a.txt", "X-Tenant": "globex"}) as browser:
        answer = await browser.post("/api/uploads/acme", params=given, content=b"hello")
    (row,) = kept(who)
    assert (row.id, row.created_by, row.category_id) == (answer.json()["source_id"], who.name, None)
    assert row.id != given["id"]
    assert row.state != "ready"
    assert kept(other) == []


async def test_nobody_is_read_before_they_are_known(who: Identity, other: Identity) -> None:
    viewer = make_tenant("initech", Role.VIEWER)
    tries = [
        ("", "acme", 401),
        ("made-up", "acme", 401),
        (sign_in(other), "acme", 404),
        (sign_in(viewer), "initech", 403),
    ]
    for token, tenant, status in tries:
        body = Body(3)
        async with client(token, **{"X-File-Name": "a.txt"}) as browser:
            answer = await browser.post(f"/api/uploads/{tenant}", content=body)
        assert (answer.status_code, body.taken) == (status, 0)
    assert stored_keys() == []


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_a_page_elsewhere_sends_nothing(who: Identity, headers: dict[str, str]) -> None:
    body = Body(3)
    async with client(sign_in(who), **headers, **{"X-File-Name": "a.txt"}) as browser:
        answer = await browser.post("/api/uploads/acme", content=body)
    assert (answer.status_code, body.taken) == (403, 0)
    assert kept(who) == []


@pytest.mark.usefixtures("small")
async def test_a_length_over_the_limit_is_refused_unread(who: Identity) -> None:
    body = Body(20)
    async with client(sign_in(who), **{"X-File-Name": "a.txt", "Content-Length": "2000000"}) as browser:
        answer = await browser.post("/api/uploads/acme", content=body)
    assert (answer.status_code, body.taken) == (413, 0)
    assert answer.json()["detail"] == "The file is larger than 1 MB."
    assert stored_keys() == []


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("said", [None, "10", "-5", "1e3", "²"])
async def test_a_body_over_the_limit_ends_early(who: Identity, said: str | None) -> None:
    body, length = Body(1000), {"Content-Length": said.encode()} if said else {}
    async with client(sign_in(who)) as browser:
        answer = await browser.post("/api/uploads/acme", content=body, headers={"X-File-Name": "a.txt", **length})
    assert (answer.status_code, body.taken) == (413, 11)
    assert (kept(who), stored_keys()) == ([], [])


@pytest.mark.usefixtures("small")
async def test_a_file_of_just_the_limit_is_taken(who: Identity) -> None:
    async with client(sign_in(who), **{"X-File-Name": "a.txt"}) as browser:
        answer = await browser.post("/api/uploads/acme", content=Body(10))
    assert answer.status_code == 201
    assert kept(who)[0].size == 1_000_000


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..%2F..%2Fetc%2Fpasswd.txt", "passwd.txt"),
        ("..%5C..%5Cwindows%5Cwin.txt", "win.txt"),
        ("C:%5Cboot.txt", "boot.txt"),
        ("/etc/cron.d/evil.txt", "evil.txt"),
        ("a%0D%0ASet-Cookie:%20x=y.txt", "aSet-Cookie: x=y.txt"),
        ("nul%00l.txt", "null.txt"),
        ("%E2%80%AEtxt.exe.txt", "txt.exe.txt"),
        ('quote".txt', 'quote".txt'),
    ],
)
async def test_names_stay_names(who: Identity, given: str, shown: str) -> None:
    async with client(sign_in(who)) as browser:
        answer = await browser.post("/api/uploads/acme", content=b"hello", headers={"X-File-Name": given})
        assert answer.status_code == 201, answer.text
        out = await browser.get(f"/api/sources/acme/{answer.json()['source_id']}/file")
    (row,) = kept(who)
    assert row.file_name == shown
    assert stored_keys() == [row.stored_as]
    assert out.content == b"hello"
    assert "set-cookie" not in out.headers


@pytest.mark.parametrize(
    "name", ["", ".", "..", "..%2F", ".htaccess", "%00", "page.svg", "run.exe", "archive.zip", "noext"]
)
async def test_names_that_are_refused(who: Identity, name: str) -> None:
    async with client(sign_in(who), **{"X-File-Name": name}) as browser:
        answer = await browser.post("/api/uploads/acme", content=b"hello")
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert (kept(who), stored_keys()) == ([], [])


async def test_an_empty_file_is_refused(who: Identity) -> None:
    async with client(sign_in(who), **{"X-File-Name": "a.txt"}) as browser:
        assert (await browser.post("/api/uploads/acme", content=b"")).status_code == 422
    assert stored_keys() == []


async def test_a_file_that_is_gone_is_not_found(who: Identity) -> None:
    async with client(sign_in(who), **{"X-File-Name": "a.txt"}) as browser:
        source_id = (await browser.post("/api/uploads/acme", content=b"hello")).json()["source_id"]
        (settings().uploads / stored_keys()[0]).unlink()
        answer = await browser.get(f"/api/sources/acme/{source_id}/file")
    assert (answer.status_code, answer.json()["detail"]) == (404, "File not found. It may have been deleted.")


async def test_a_file_is_replaced_by_those_who_may(who: Identity) -> None:
    async with client(sign_in(who), Origin=f"http://{HOST}") as browser:
        made = await browser.post("/api/uploads/acme", content=b"Old text", headers={"X-File-Name": "Price.txt"})
        path = f"/api/sources/acme/{made.json()['source_id']}/file"
        replacement = path.removesuffix("file") + "replacement"
        answer = await browser.post(replacement, content=b"New text", headers={"X-File-Name": quote("Прайс.md")})
        assert answer.status_code == 200 and (await browser.get(path)).content == b"New text"
        wrong = await browser.post(replacement, content=b"MZ", headers={"X-File-Name": "price.exe"})
        assert wrong.status_code == 422 and (await browser.get(path)).content == b"New text"
    (row,) = kept(who)
    assert (row.file_name, row.title) == ("Прайс.md", "Price")
    viewer = make_member(who, Role.VIEWER)
    async with client(sign_in(viewer), Origin=f"http://{HOST}") as browser:
        assert (await browser.post(replacement, content=b"Mine", headers={"X-File-Name": "a.txt"})).status_code == 403
