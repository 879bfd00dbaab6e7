"""Shared files: with one bucket, each machine reads what another stored; nothing is left of what is deleted."""

import asyncio
import hashlib
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from typer.testing import CliRunner

from platform_app import cli
from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import owned, session_scope
from platform_app.errors import NotFound, Unavailable
from platform_app.files import tenant_files
from platform_app.models.channel import Attachment
from platform_app.models.crm import ImportState
from platform_app.models.knowledge import Source, SourceState
from platform_app.models.person import Identity
from platform_app.services.channels import attachments
from platform_app.services.crm import imports
from platform_app.services.knowledge import articles, unused_uploads
from platform_app.services.tenants import tenant_exports, tenant_removal
from tests.api_client import HOST, client, sign_in
from tests.audit.test_audit_log import entries
from tests.chat.test_visitor_files import PNG, begun, send
from tests.conftest import forget_process_state
from tests.knowledge.test_knowledge import TEXT, found, library, parts, source, upload
from tests.stored_files import stored_keys
from tests.talking import call, run_jobs
from tests.visiting import rows

TABLE = "name;phone;email\nАнна;+79161234567;anna@example.com\nVera;;vera@example.com\n".encode()


@pytest.fixture(autouse=True)
def shared(database: str, bucket: str, env: pytest.MonkeyPatch) -> None:
    """Files are in a bucket; the database stays where it is when this process becomes another machine."""
    env.setenv("PLATFORM_DATABASE_URL", database)
    env.setenv("PLATFORM_CHROMA_TOKEN", "a-token-that-every-machine-has")
    forget_process_state()


def another_machine(env: pytest.MonkeyPatch, folder: Path) -> None:
    """Let this process be one that has a data folder of its own."""
    env.setenv("PLATFORM_DATA_DIR", str(folder))
    forget_process_state()


async def test_a_document_is_indexed_and_sent_by_another_machine(
    who: Identity, live_chroma: str, env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = await upload(who)
    article = call(who, articles.create, title="Bell", text="The bell of the gate is loud.")
    call(who, articles.publish, article.id)
    another_machine(env, tmp_path / "worker")
    run_jobs(who)
    library(who)
    assert source(who, made).state == SourceState.READY and "Parking" in found(who)
    assert call(who, articles.read_text, made).startswith("# Parking") and not list(settings().uploads.glob("*"))
    another_machine(env, tmp_path / "web")
    async with client(sign_in(who)) as browser:
        sent = await browser.get(f"/api/sources/acme/{made}/file")
    assert (sent.status_code, sent.content) == (200, TEXT)
    assert sent.headers["content-disposition"] == 'attachment; filename="Parking.md"'
    assert sent.headers["content-length"] == str(len(TEXT)) and sent.headers["x-content-type-options"] == "nosniff"
    assert sent.headers["content-type"] == "application/octet-stream"
    assert sent.headers["content-security-policy"].startswith("sandbox")
    assert sent.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=7-99", 206, b"789"),
        ("bytes=0-9", 200, b"0123456789"),
        ("bytes=10-", 416, b""),
        ("bytes=5-2", 416, b""),
        ("bytes=-", 200, b"0123456789"),
        ("bytes=1-2,4-5", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
    ],
)
async def test_a_download_is_continued(
    who: Identity, monkeypatch: pytest.MonkeyPatch, asked: str, status: int, content: bytes
) -> None:
    monkeypatch.setattr(tenant_files, "PART_BYTES", 2)
    made = await upload(who, "Digits.txt", b"0123456789")
    async with client(sign_in(who)) as browser:
        address = f"/api/sources/acme/{made}/file"
        tag = (await browser.get(address)).headers["etag"]
        sent = await browser.get(address, headers={"range": asked, "if-range": tag})
        other = await browser.get(address, headers={"range": asked, "if-range": '"another"'})
    assert (sent.status_code, sent.content) == (status, content)
    assert (other.status_code, other.content) == (200, b"0123456789")
    if status == 206:
        first = b"0123456789".index(content)
        assert sent.headers["content-range"] == f"bytes {first}-{first + len(content) - 1}/10"
        assert sent.headers["content-length"] == str(len(content))


async def test_thirty_of_thirty_files_are_read_elsewhere(
    who: Identity, env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    contents = {f"File {number}.txt": f"Text {number}".encode() * number for number in range(1, 31)}
    async with client(sign_in(who), Origin=f"http://{HOST}") as browser:
        for name, content in contents.items():
            await browser.post("/api/uploads/acme", content=content, headers={"X-File-Name": name})
    another_machine(env, tmp_path / "elsewhere")
    with session_scope(who.tenant_id, read_only=True) as session:
        ids = {row.id: row.file_name for row in session.exec(owned(Source, who.tenant_id)).all()}
    async with client(sign_in(who)) as browser:
        answers = {name: (await browser.get(f"/api/sources/acme/{key}/file")) for key, name in ids.items()}
    assert {name: answer.content for name, answer in answers.items()} == contents


def test_contacts_are_imported_by_another_machine(who: Identity, env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import_id = asyncio.run(imports.store_upload(who, "people.csv", parts(TABLE)))
    call(who, imports.start, import_id, {"0": "name", "1": "phones", "2": "emails"})
    another_machine(env, tmp_path / "worker")
    run_jobs(who)
    row = call(who, imports.get, import_id)
    assert (row.state, row.created, stored_keys()) == (ImportState.DONE, 2, [])
    assert not list(settings().uploads.glob("*"))


async def test_an_attachment_is_opened_elsewhere_unless_it_is_damaged(
    who: Identity, env: pytest.MonkeyPatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform_app.api.web_chat.file_routes.reply_streams.start", lambda *_: None)
    monkeypatch.setattr("platform_app.api.web_chat.visitor_routes.reply_streams.start", lambda *_: None)
    chat = await begun(who)
    assert (await send(chat)).status_code == 200 and (await send(chat)).json()["repeat"] is True
    (row,) = rows(who, Attachment)
    assert stored_keys() == [row.stored_as], "what was sent twice is stored once"
    another_machine(env, tmp_path / "elsewhere")
    assert attachments.download(who, row.id).content == PNG
    overwrite(row.stored_as)
    with pytest.raises(NotFound, match="no longer available"):
        attachments.download(who, row.id)


def overwrite(key: str) -> None:
    """Store something else under a key."""
    path = settings().data_dir / "other"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"something else")
    tenant_files.open_store().put(key, path)


async def test_a_damaged_or_missing_document_is_said_in_words(who: Identity) -> None:
    damaged, missing = await upload(who, "Damaged.md"), await upload(who, "Missing.md")
    overwrite(source(who, damaged).stored_as)
    tenant_files.delete(who.tenant_id, source(who, missing).stored_as)
    async with client(sign_in(who)) as browser:
        answers = [await browser.get(f"/api/sources/acme/{key}/file") for key in (damaged, missing)]
    run_jobs(who)
    assert [answer.status_code for answer in answers] == [404, 404]
    said = [answer.json()["detail"] for answer in answers]
    assert "damaged" in said[0] and said[1] == "File not found. It may have been deleted."
    assert [source(who, key).error for key in (damaged, missing)] == said
    assert {source(who, key).state for key in (damaged, missing)} == {SourceState.FAILED}


async def test_an_export_is_written_by_one_machine_and_sent_by_another(
    who: Identity, live_chroma: str, env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made, lost = source(who, await upload(who)), source(who, await upload(who, "Lost.md"))
    tenant_files.delete(who.tenant_id, lost.stored_as)
    export = call(who, tenant_exports.start)
    another_machine(env, tmp_path / "worker")
    run_jobs(who)
    another_machine(env, tmp_path / "web")
    async with client(sign_in(who)) as browser:
        sent = await browser.get(f"/api/exports/acme/{export.id}/data.zip")
    row = tenant_exports.get_ready(who, export.id)
    assert sent.status_code == 200 and hashlib.sha256(sent.content).hexdigest() == row.sha256
    assert sent.headers["content-disposition"] == 'attachment; filename="acme.zip"'
    with zipfile.ZipFile(io.BytesIO(sent.content)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert archive.read(f"files/{made.stored_as}") == TEXT
    assert manifest["missing_files"] == [lost.stored_as] and entries(who)[-1].action == "downloaded"
    with time_machine.travel(now() + timedelta(days=8)):
        tenant_exports.delete_expired()
    assert stored_keys() == [made.stored_as]


async def test_files_of_a_folder_move_to_a_bucket(who: Identity, env: pytest.MonkeyPatch) -> None:
    address, run = settings().files_url.get_secret_value(), CliRunner()
    env.delenv("PLATFORM_FILES_URL")
    forget_process_state()
    assert run.invoke(cli.app, ["files", "upload"]).exit_code == 1, "there is no bucket yet"
    made = await upload(who)
    (settings().uploads / ("0f" * 16)).write_bytes(b"stored before tenants had folders")
    env.setenv("PLATFORM_FILES_URL", address)
    forget_process_state()
    for said in ("2 files are copied; 0 were", "0 files are copied; 2 were"):
        ended = run.invoke(cli.app, ["files", "upload"])
        assert (ended.exit_code, said in ended.output) == (0, True), ended.output
    async with client(sign_in(who)) as browser:
        assert (await browser.get(f"/api/sources/acme/{made}/file")).content == TEXT
    assert len(stored_keys()) == 2 == sum(path.is_file() for path in settings().uploads.rglob("*"))


async def test_what_no_row_names_is_deleted_after_a_day(who: Identity, other: Identity) -> None:
    held = source(who, await upload(who)).stored_as
    for owner in (who, other):
        tenant_files.save_bytes(owner.tenant_id, b"left by a process that was killed")
    foreign = tenant_files.save_bytes("f" * 32, b"of another installation, which shares the bucket").stored_as
    unused_uploads.delete_unused()
    assert len(stored_keys()) == 4
    with time_machine.travel(now() + timedelta(days=2)):
        unused_uploads.delete_unused()
    assert stored_keys() == sorted([held, foreign])


async def test_nothing_is_left_of_a_company_and_all_of_another(who: Identity, other: Identity) -> None:
    for owner in (who, other):
        await upload(owner)
        tenant_files.save_bytes(owner.tenant_id, b"without a row")
    theirs = [info.key for info in tenant_files.open_store().list(other.tenant_id)]
    tenant_removal.schedule_now(who.tenant_id, "tests")
    report = tenant_removal.remove(who.tenant_id)
    assert report is not None and report["(files)"] == 1
    assert stored_keys() == sorted(theirs) and len(theirs) == 2


async def test_a_company_stays_until_its_files_can_be_deleted(who: Identity, env: pytest.MonkeyPatch) -> None:
    await upload(who)
    address = settings().files_url.get_secret_value()
    env.setenv("PLATFORM_FILES_URL", address.replace("%40", "x"))  # the secret is wrong for a while
    forget_process_state()
    tenant_removal.schedule_now(who.tenant_id, "tests")
    with pytest.raises(Unavailable):
        tenant_removal.remove(who.tenant_id)
    env.setenv("PLATFORM_FILES_URL", address)
    forget_process_state()
    assert len(stored_keys()) == 1
    assert tenant_removal.remove(who.tenant_id) and stored_keys() == []
