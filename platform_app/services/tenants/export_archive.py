"""Export archive: writes all data of a tenant into a ZIP file, in parts that need little memory.

It holds a file of JSON lines for every table of the tenant, the accounts of its members, the uploaded files by their
keys, and `manifest.json` with counts, SHA-256, and the keys of files that are missing. Secrets are
never in it: the manifest names the columns left out, and those whose addresses keep only scheme and host, since paths
and queries often hold keys. Rows that change while it is written are in it as they were before or after.
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import SQLModel

from platform_app import __version__
from platform_app.clock import now
from platform_app.db import owned, owned_tables, session_scope, unscoped
from platform_app.errors import NotFound
from platform_app.files import tenant_files
from platform_app.models.person import Member, Tenant, User

FORMAT = 1
MANIFEST = "manifest.json"
_BATCH_SIZE = 500  # rows in memory at a time
_SECRET_COLUMNS: Mapping[str, frozenset[str]] = {  # secrets, hashes of secrets, and addresses with a token
    "apikey": frozenset({"key_hash"}),
    "channelaccount": frozenset({"token"}),
    "channelreceiver": frozenset({"mode"}),
    "crmconnection": frozenset({"token", "webhook"}),
    "incomingwebhook": frozenset({"address_hash", "address_secret", "secret", "former_secret"}),
    "invitation": frozenset({"token_hash"}),
    "job": frozenset({"lease_token"}),
    "oauthgrant": frozenset({"sealed"}),
    "outgoingwebhook": frozenset({"secret", "former_secret"}),
    "recoverycode": frozenset({"code_hash"}),
    "secondfactor": frozenset({"sealed"}),
    "secret": frozenset({"sealed"}),
    "user": frozenset({"password_hash"}),
}
_ADDRESS_COLUMNS: Mapping[str, frozenset[str]] = {
    "httptool": frozenset({"url"}),
    "mcpserver": frozenset({"url"}),
    "modelprovider": frozenset({"base_url"}),
    "outgoingwebhook": frozenset({"url"}),
}
_ADDRESS_KEYS = frozenset({"url"})  # in the settings of rules and sequences, their versions and runs
_TABLES_WITH_SETTINGS = frozenset(
    {"rule", "ruleversion", "rulerun", "sequence", "sequenceversion", "enrollment", "enrollmentstep"}
)


@dataclass
class ExportedTable:
    """What an archive holds of a table."""

    rows: int = 0
    sha256: str = ""  # of its file
    omitted: list[str] = field(default_factory=list)  # columns with secrets
    shortened: list[str] = field(default_factory=list)  # columns whose addresses keep only scheme and host


@dataclass
class ExportManifest:
    """What an archive holds: tables by name, and the SHA-256 of uploaded files by their keys."""

    tenant: str
    slug: str
    made_at: str
    version: str = __version__
    format: int = FORMAT
    tables: dict[str, ExportedTable] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    missing_files: list[str] = field(default_factory=list)  # rows name them, and they are not stored

    @property
    def row_count(self) -> int:
        """The rows of all tables."""
        return sum(table.rows for table in self.tables.values())


def write(tenant_id: str, path: Path) -> ExportManifest:
    """Write the archive of a tenant to a file that only its owner can read; return what it holds.

    Raises OSError if it cannot be written.
    """
    with session_scope(reason="export of a tenant", read_only=True) as session:
        tenant: Tenant = session.exec(unscoped(Tenant).where(Tenant.id == tenant_id)).one()
    manifest = ExportManifest(tenant.name, tenant.slug, now().isoformat())
    path.touch(0o600)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in _tables(tenant_id, tenant):
            manifest.tables[name] = _write_table(archive, name, rows)
        for key in _file_keys(tenant_id):
            _write_file(archive, tenant_id, key, manifest=manifest)
        archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=1, ensure_ascii=False))
    return manifest


def _tables(tenant_id: str, tenant: Tenant) -> Iterator[tuple[str, Iterator[Any]]]:
    yield "tenant", iter([tenant])
    yield "user", _users(tenant_id)
    for name, model in sorted(owned_tables().items()):
        yield name, _rows(tenant_id, model)


def _rows(tenant_id: str, model: Any) -> Iterator[Any]:
    after = ""
    while True:
        with session_scope(tenant_id, read_only=True) as session:
            page = owned(model, tenant_id).where(model.id > after).order_by(model.id).limit(_BATCH_SIZE)
            rows = list(session.exec(page).all())
        yield from rows
        if len(rows) < _BATCH_SIZE:
            return
        after = rows[-1].id


def _users(tenant_id: str) -> Iterator[Any]:
    with session_scope(reason="export of a tenant", read_only=True) as session:
        query = unscoped(User).join(Member, Member.user_id == User.id).where(Member.tenant_id == tenant_id)
        rows = list(session.exec(query.order_by(User.id)).all())
    yield from rows


def _write_table(archive: zipfile.ZipFile, name: str, rows: Iterator[Any]) -> ExportedTable:
    columns = SQLModel.metadata.tables[name].columns
    written, digest = ExportedTable(omitted=omitted_columns(name)), hashlib.sha256()
    written.shortened = [column.name for column in columns if _has_addresses(name, column)]
    kept = [column.name for column in columns if column.name not in written.omitted]
    with archive.open(f"tables/{name}.jsonl", "w", force_zip64=True) as file:
        for row in rows:
            values = {column: _plain(getattr(row, column)) for column in kept}
            values |= {column: _shortened(values[column]) for column in written.shortened}
            line = json.dumps(values, ensure_ascii=False, default=str).encode() + b"\n"
            file.write(line)
            digest.update(line)
            written.rows += 1
    written.sha256 = digest.hexdigest()
    return written


def omitted_columns(name: str) -> list[str]:
    """Return the columns of a table that are not exported: secrets, and hashes of secrets."""
    secret = _SECRET_COLUMNS.get(name, frozenset())
    return [column.name for column in SQLModel.metadata.tables[name].columns if column.name in secret]


def _has_addresses(table: str, column: Column[Any]) -> bool:
    is_settings = table in _TABLES_WITH_SETTINGS and isinstance(column.type, JSON)
    return is_settings or column.name in _ADDRESS_COLUMNS.get(table, ())


def _shortened(value: Any) -> Any:
    """Return a text that is an address, or settings that hold some, with no more of them than scheme and host."""
    if isinstance(value, dict):
        return {
            key: _shortened(one) if key in _ADDRESS_KEYS or not isinstance(one, str) else one
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [one if isinstance(one, str) else _shortened(one) for one in value]
    return _without_path(value) if isinstance(value, str) else value


def _without_path(address: str) -> str:
    scheme, separator, rest = address.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme}://{host}/…" if separator and rest != host else address


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _file_keys(tenant_id: str) -> Iterator[str]:
    for name, model in sorted(owned_tables().items()):
        if "stored_as" in model.model_fields and name != "tenantexport":
            for row in _rows(tenant_id, model):
                if row.stored_as:
                    yield row.stored_as


def _write_file(archive: zipfile.ZipFile, tenant_id: str, key: str, *, manifest: ExportManifest) -> None:
    """Write a file as it is stored; one that is not what its row says is exported all the same, with its own hash."""
    if key in manifest.files or key in manifest.missing_files:
        return
    parts, digest = tenant_files.read_parts(tenant_id, key), hashlib.sha256()
    try:
        first = next(parts)
    except NotFound:
        manifest.missing_files.append(key)
        return
    with archive.open(f"files/{key}", "w", force_zip64=True) as file:
        for part in chain([first], parts):
            file.write(part)
            digest.update(part)
    manifest.files[key] = digest.hexdigest()
