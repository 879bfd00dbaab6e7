"""Importing: what the worker does with a file of contacts: row by row, where it stopped it goes on."""

from typing import Any

from platform_app.config import settings
from platform_app.db import Transaction, owned
from platform_app.errors import PlatformError
from platform_app.jobs import RunningJob
from platform_app.models.crm import ContactImport, ImportState, RefusedRow
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity, Role
from platform_app.services import activity, contacts, crm_values, imports, tables

STEP = 200  # rows in one transaction


def import_contacts(job: RunningJob) -> None:
    """Take the rows in, some at a time, each time together with the place where to go on: a crash repeats nothing."""
    rows: list[list[str]] | None = None
    while True:
        with job.step() as session:
            row = session.exec(
                owned(ContactImport, job.tenant_id).where(ContactImport.id == job.payload.import_id)
            ).one()
            if row.state != ImportState.RUNNING:
                return
            if rows is None:
                rows = tables.read((settings().uploads / row.stored_as).read_bytes())[1:]
            for number, cells in enumerate(rows[row.rows_done : row.rows_done + STEP], row.rows_done + 2):
                _take(session, row, number, cells)
            row.rows_done = min(row.rows_done + STEP, len(rows))
            imports.announce(session, row)
            if row.rows_done < len(rows):
                continue
        with job.finish() as session:
            _end(session, job.tenant_id, job.payload.import_id)
        return


def _row(session: Transaction, tenant_id: str, import_id: str) -> ContactImport:
    row: ContactImport = session.exec(owned(ContactImport, tenant_id).where(ContactImport.id == import_id)).one()
    return row


def _author(row: ContactImport) -> Identity:
    """Return in whose name the rows are taken in."""
    known = {"email": "", "slug": "", "tenant_name": "", "language": "en", "time_zone": "UTC"}
    return Identity(user_id="", tenant_id=row.tenant_id, role=Role.OPERATOR, name=row.author_name, **known)


def _take(session: Transaction, row: ContactImport, number: int, cells: list[str]) -> None:
    """Take one row in, or write down why not."""
    values: dict[str, Any] = {}
    for place, target in row.mapping.items():
        if int(place) < len(cells) and cells[int(place)]:
            there = values.get(target)
            values[target] = f"{there}, {cells[int(place)]}" if there else cells[int(place)]
    try:
        with session.begin_nested():
            row_is_new = _write(session, _author(row), values)
    except PlatformError as error:
        refused = RefusedRow(tenant_id=row.tenant_id, import_id=row.id, number=number, why=error.sentence[:200])
        refused.field, refused.cells = error.field, [cell[:1_000] for cell in cells]
        refused.values = {name: str(value)[:200] for name, value in error.values.items()}
        session.add(refused)
        row.refused += 1
        return
    row.created += row_is_new
    row.changed += not row_is_new


def _write(session: Transaction, who: Identity, values: dict[str, Any]) -> bool:
    """Write a contact; return whether it is new. One with the same address or number is filled up instead."""
    emails, phones = crm_values.emails(values.get("emails", "")), crm_values.phones(values.get("phones", ""))
    held = contacts.same_address(session, who, emails=emails, phones=phones)
    if held is None:
        name = values.get("name") or next(iter([*emails, *phones]), "")
        contacts.create(session, who, **(values | {"name": name}))
        return True
    joined = {"emails": [*held.emails, *emails], "phones": [*held.phones, *phones]}
    tags = crm_values.tags([*held.tags, *crm_values.tags(values.get("tags", ""))])
    contacts.save(session, who, held.id, values | joined | {"tags": tags})
    return False


def _end(session: Transaction, tenant_id: str, import_id: str) -> None:
    row = _row(session, tenant_id, import_id)
    row.state = ImportState.DONE
    activity.record(
        session,
        tenant_id,
        ActivityKind.PERSON,
        "Import of “{title}”: {created} new contacts, {changed} changed, {refused} refused",
        actor=row.author_name,
        link=f"/contacts/import?i={row.id}",
        title=row.file_name,
        created=row.created,
        changed=row.changed,
        refused=row.refused,
    )
    path = settings().uploads / row.stored_as
    session.after_commit.append(lambda: path.unlink(missing_ok=True))
    imports.announce(session, row)
