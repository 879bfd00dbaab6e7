"""Imports over the routes: a table comes in, refused rows go out as text, and neither crosses tenants."""

from collections.abc import AsyncIterator

import pytest

from platform_app.config import settings
from platform_app.errors import Invalid
from platform_app.models.person import Identity, Role
from platform_app.services.crm import csv_files, imports
from tests.api_client import HOST, client, sign_in
from tests.audit.test_audit_log import entries
from tests.conftest import make_tenant
from tests.crm.test_contacts import call
from tests.crm.test_imports import run
from tests.stored_files import stored_keys

TABLE = "name,phone\n=1+1,12\nAnna,+7 900 111-22-33\n"


async def test_refused_rows_are_handed_back_as_text(who: Identity) -> None:
    async with client(sign_in(who), Origin=f"http://{HOST}") as browser:
        answer = await browser.post("/api/imports/acme", content=TABLE.encode(), headers={"X-File-Name": "p.csv"})
        assert answer.status_code == 201
        import_id = answer.json()["import_id"]
        call(who, imports.start, import_id, {"0": "name", "1": "phones"})
        assert run(who, import_id).incomplete == 1
        out = await browser.get(f"/api/imports/acme/{import_id}/refused.csv")
        missing = await browser.get(f"/api/imports/acme/{'f' * 32}/refused.csv")
    assert (out.status_code, out.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert out.headers["content-disposition"] == 'attachment; filename="refused.csv"'
    assert out.text.splitlines() == [
        "\ufeffLine,Reason,name,phone",
        "2,Phone: Not a valid phone number: 12,'=1+1,12",
    ]
    assert missing.status_code == 404
    entry = entries(who)[-1]
    assert (entry.action, entry.object_kind, entry.object_name) == ("exported", "contactimport", "p.csv")


async def test_of_another_tenant_there_is_nothing(who: Identity, other: Identity) -> None:
    async with client(sign_in(who), Origin=f"http://{HOST}") as browser:
        answer = await browser.post("/api/imports/acme", content=TABLE.encode(), headers={"X-File-Name": "p.csv"})
        import_id = answer.json()["import_id"]
    async with client(sign_in(other), Origin=f"http://{HOST}") as browser:
        for slug in ("acme", other.slug):
            refused = await browser.get(f"/api/imports/{slug}/{import_id}/refused.csv")
            assert refused.status_code == 404
        assert (await browser.post("/api/imports/acme", content=b"a,b\n1,2\n")).status_code == 404


async def test_a_viewer_brings_nothing_in(database: str) -> None:
    viewer = make_tenant("beta", role=Role.VIEWER)
    async with client(sign_in(viewer), Origin=f"http://{HOST}") as browser:
        answer = await browser.post("/api/imports/beta", content=TABLE.encode(), headers={"X-File-Name": "p.csv"})
        assert answer.status_code == 403


@pytest.mark.parametrize("name", ["", "../x.csv/..", "x.exe"])
async def test_a_name_that_cannot_be_is_refused(who: Identity, name: str) -> None:
    async with client(sign_in(who), Origin=f"http://{HOST}") as browser:
        answer = await browser.post("/api/imports/acme", content=TABLE.encode(), headers={"X-File-Name": name})
    assert answer.status_code == Invalid.status


@pytest.mark.parametrize("said", [True, False])
async def test_a_table_counts_up_to_its_own_limit(who: Identity, env: pytest.MonkeyPatch, said: bool) -> None:
    lines = b"name,email\n" + b"".join(b"Anna %d,a%d@x.io\n" % (place, place) for place in range(130_000))
    assert len(lines) > 3_000_000

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(lines), 100_000):
            yield lines[start : start + 100_000]

    async with client(sign_in(who), Origin=f"http://{HOST}") as browser:
        found = []
        for limit in ("50", "2"):
            env.setenv("PLATFORM_UPLOAD_MAX_MB", limit)
            settings.cache_clear()
            content = lines if said else parts()
            found.append(await browser.post("/api/imports/acme", content=content, headers={"X-File-Name": "p.csv"}))
    assert [answer.status_code for answer in found] == [201, 413]
    assert call(who, imports.get, found[0].json()["import_id"]).rows_total == 130_000


async def test_too_many_rows_are_refused_in_words(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_files, "MAX_ROWS", 1_000)
    async with client(sign_in(who), Origin=f"http://{HOST}") as browser:
        content = b"name\n" + b"Anna\n" * 400_000
        answer = await browser.post("/api/imports/acme", content=content, headers={"X-File-Name": "p.csv"})
    assert (answer.status_code, answer.json()["detail"]) == (422, "The file has more than 1000 rows.")
    assert call(who, imports.list_recent) == [] and not stored_keys()
