"""Tenant exports: all of the tenant is in the archive, nothing of another and no secret; only owners get it."""

import hashlib
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlmodel import SQLModel
from typer.testing import CliRunner

from platform_app import cli
from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import owned, owned_tables, session_scope
from platform_app.engine.rules import rules
from platform_app.errors import Conflict, Forbidden
from platform_app.models.http_tool import HttpTool
from platform_app.models.mcp_server import McpServer
from platform_app.models.model_provider import ModelProvider
from platform_app.models.outgoing_webhook import OutgoingWebhook
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import tenant_secrets
from platform_app.services.api_keys import api_keys
from platform_app.services.demo import demo
from platform_app.services.knowledge import unused_uploads
from platform_app.services.tenants import export_archive, tenant_exports
from platform_app.services.webhooks import incoming_webhooks
from tests.api_client import client, sign_in
from tests.audit.test_audit_log import entries
from tests.conftest import make_member
from tests.second_factor import use_password
from tests.talking import call, run_jobs

CANARY = "canary-4711"
SHORTENED = "https://hooks.shop.test/…"


def fill(who: Identity) -> list[str]:
    """Load the demo and secrets; return what must not be exported."""
    call(who, demo.load)
    run_jobs(who)
    use_password(who)
    with session_scope(who.tenant_id) as session:
        tenant_secrets.store(session, who.tenant_id, "smtp password", CANARY)
        sealed = [row.sealed for row in session.exec(owned(owned_tables()["secret"], who.tenant_id)).all()]
    _, key = call(who, api_keys.create, name="Shop", role=Role.VIEWER, scopes=["contacts:read"], days=30)
    hook = call(who, incoming_webhooks.create, name="Orders")
    return [CANARY, key, hook.secret, hook.address_secret, hook.address_hash, "$argon2", *sealed]


def write_addresses(who: Identity) -> None:
    """Store addresses that hold the canary wherever a person may enter one."""
    address = f"https://user:{CANARY}@hooks.shop.test/{CANARY}?key={CANARY}"
    sends = {"kind": "send_webhook", "url": address, "then": [{"url": address}]}
    call(who, rules.DEFINITIONS.create, name="Sends", draft={"trigger": "lead_created", "actions": [sends]})
    with session_scope(who.tenant_id) as session:
        session.add(OutgoingWebhook(tenant_id=who.tenant_id, name="Out", url=address, secret=CANARY))
        session.add(HttpTool(tenant_id=who.tenant_id, name="tool", description="", url=address))
        session.add(McpServer(tenant_id=who.tenant_id, name="server", url=address))
        session.add(ModelProvider(tenant_id=who.tenant_id, name="provider", base_url=address))


def read(path: Path) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]], str]:
    """Return the manifest, the rows by table, and all text of the tables; every hash is compared."""
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        for stored_as, digest in manifest["files"].items():
            assert hashlib.sha256(archive.read(f"files/{stored_as}")).hexdigest() == digest
        texts = {name: archive.read(f"tables/{name}.jsonl") for name in manifest["tables"]}
    for name, table in manifest["tables"].items():
        assert hashlib.sha256(texts[name]).hexdigest() == table["sha256"]
    rows = {name: [json.loads(line) for line in text.splitlines()] for name, text in texts.items()}
    return manifest, rows, b"".join(texts.values()).decode()


def archive_path(who: Identity, export_id: str) -> Path:
    return settings().uploads / tenant_exports.get_ready(who, export_id).stored_as


def test_everything_is_in_it_but_secrets_and_other_tenants(
    live_chroma: pytest.MonkeyPatch, who: Identity, other: Identity
) -> None:
    secrets = fill(who)
    write_addresses(who)
    call(other, demo.load)
    call(who, tenant_exports.start)
    with pytest.raises(Conflict):
        call(who, tenant_exports.start)
    run_jobs(who)
    (row,) = call(who, tenant_exports.list_exports)
    path = archive_path(who, row.id)
    manifest, rows, text = read(path)
    assert row.size == path.stat().st_size and row.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with session_scope(who.tenant_id, read_only=True) as session:
        for name, model in owned_tables().items():
            if name not in ("job", "jobtally", "auditentry", "audithead", "tenantexport"):  # that this test adds to
                count = len(session.exec(owned(model, who.tenant_id).with_only_columns(model.id)).all())
                assert (name, len(rows[name])) == (name, count)
    assert {line["email"] for line in rows["user"]} == {who.email} and len(manifest["files"]) == row.files > 0
    assert other.tenant_id not in text and not [secret for secret in secrets if secret in text]
    assert manifest["tables"]["incomingwebhook"]["omitted"] and manifest["tables"]["user"]["omitted"] == [
        "password_hash"
    ]
    assert manifest["tables"]["httptool"]["shortened"] == ["url"] and rows["httptool"][0]["url"] == SHORTENED
    assert rows["mcpserver"][0]["url"] == rows["outgoingwebhook"][-1]["url"] == SHORTENED
    (sends,) = [row["draft"]["actions"][0] for row in rows["rule"] if row["name"] == "Sends"]
    assert sends["url"] == sends["then"][0]["url"] == SHORTENED
    unused_uploads.delete_unused()
    with time_machine.travel(now() + timedelta(days=2)):
        unused_uploads.delete_unused()
    assert path.is_file()
    with time_machine.travel(now() + timedelta(days=8)):
        tenant_exports.delete_expired()
    assert not path.exists() and call(who, tenant_exports.list_exports) == []


def test_files_that_are_gone_are_named(who: Identity, live_chroma: pytest.MonkeyPatch) -> None:
    call(who, demo.load)
    run_jobs(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        names = [row.stored_as for row in session.exec(owned(owned_tables()["source"], who.tenant_id)).all()]
    gone = next(name for name in names if name)
    (settings().uploads / gone).unlink()
    call(who, tenant_exports.start)
    run_jobs(who)
    (row,) = call(who, tenant_exports.list_exports)
    manifest, _, _ = read(archive_path(who, row.id))
    assert manifest["missing_files"] == [gone] and gone not in manifest["files"]
    assert (row.missing_files, row.files) == (1, len(manifest["files"]))


def test_no_column_that_is_called_secret_is_exported() -> None:
    words = {"secret", "sealed", "token", "hash"}
    kept = {
        (name, column.name)
        for name in {*owned_tables(), "user", "tenant"}
        for column in SQLModel.metadata.tables[name].columns
        if words & set(column.name.split("_")) and column.name not in export_archive.omitted_columns(name)
    }
    assert kept == {
        ("auditentry", "hash"),  # by which the audit log can be verified
        ("auditentry", "previous_hash"),
        ("audithead", "hash"),
        ("trace", "first_token_ms"),  # a duration
        *(("webpage", f"{of}_hash") for of in ("address", "body", "text")),  # of public pages
    }


async def test_only_an_owner_downloads(who: Identity, other: Identity) -> None:
    row = call(who, tenant_exports.start)
    run_jobs(who)
    admin = make_member(who, Role.ADMIN)
    with pytest.raises(Forbidden):
        call(admin, tenant_exports.start)
    address = f"/api/exports/{who.slug}/{row.id}/data.zip"
    for asking, tenant, status in ((admin, who, 403), (other, other, 404), (who, who, 200)):
        async with client(sign_in(asking)) as web:
            answer = await web.get(address.replace(who.slug, tenant.slug))
            assert answer.status_code == status
    assert [entry.action for entry in entries(who)].count("downloaded") == 1
    assert answer.content[:2] == b"PK" and answer.headers["content-type"] == "application/zip"


def test_the_command_writes_a_file(who: Identity, tmp_path: Path) -> None:
    run, target = CliRunner(), tmp_path / "acme.zip"
    result = run.invoke(cli.app, ["tenant", "export", who.slug, "--to", str(target)])
    assert result.exit_code == 0, result.output
    assert read(target)[0]["slug"] == who.slug and target.stat().st_mode & 0o077 == 0
    assert run.invoke(cli.app, ["tenant", "export", who.slug, "--to", str(target)]).exit_code == 1
    assert run.invoke(cli.app, ["tenant", "export", "nobody", "--to", str(tmp_path / "x.zip")]).exit_code == 1
    assert [entry.action for entry in entries(who)][-1] == "exported"
