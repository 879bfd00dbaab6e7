"""Importing: what the worker does with a file of contacts: row by row, where it stopped it goes on."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any

from platform_app.config import settings
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, PlatformError
from platform_app.job_purposes import id_in
from platform_app.jobs import ImportContacts, RunningJob, enqueue
from platform_app.models.crm import ContactImport, ImportState, RefusedRow
from platform_app.models.event import ActivityKind
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity, Role
from platform_app.services import activity, contacts, crm_values, imports, tables

STEP = 200  # rows in one transaction


def import_contacts(job: RunningJob) -> None:
    """Take the rows in, some at a time, each time together with the place where to go on: a crash repeats nothing."""
    with ExitStack() as open_files:
        rows: Iterator[list[str]] | None = None
        while True:
            with job.step() as session:
                row = _row(session, job.tenant_id, job.payload.import_id)
                if row.state != ImportState.RUNNING:
                    return
                if rows is None:
                    file = open_files.enter_context((settings().uploads / row.stored_as).open("rb"))
                    rows = islice(tables.read(file), 1 + row.rows_done, None)
                if lines := list(islice(rows, STEP)):
                    _take_all(session, row, lines)
                    row.rows_done += len(lines)
                    job.moved_on(session)
                imports.announce(session, row)
                if lines and row.rows_done < row.rows_total:
                    continue
            break
    with job.finish() as session:
        _end(session, job.tenant_id, job.payload.import_id)


def _row(session: Transaction, tenant_id: str, import_id: str) -> ContactImport:
    row: ContactImport = session.exec(owned(ContactImport, tenant_id).where(ContactImport.id == import_id)).one()
    return row


def _author(row: ContactImport) -> Identity:
    """Return in whose name the rows are taken in."""
    known = {"email": "", "slug": "", "tenant_name": "", "language": "en", "time_zone": "UTC"}
    return Identity(user_id="", tenant_id=row.tenant_id, role=Role.OPERATOR, name=row.author_name, **known)


def _take_all(session: Transaction, row: ContactImport, lines: list[list[str]]) -> None:
    """Take rows in, each by itself; what a row's address says is looked up for all of them at once."""
    who, read = _author(row), [_values(row, cells) for cells in lines]
    held = contacts.holders(session, who, [address for values in read for address in _addresses(values)])
    for number, (cells, values) in enumerate(zip(lines, read, strict=True), row.rows_done + 2):
        try:
            row_is_new = _write(session, who, values, held)
        except PlatformError as error:
            _refuse(session, row, number, cells=cells, error=error)
        else:
            row.created += row_is_new
            row.changed += not row_is_new


def _values(row: ContactImport, cells: list[str]) -> dict[str, Any]:
    """Return what a row says of each field; columns of one field are joined."""
    values: dict[str, Any] = {}
    for place, target in row.mapping.items():
        if int(place) < len(cells) and cells[int(place)]:
            there = values.get(target)
            values[target] = f"{there}, {cells[int(place)]}" if there else cells[int(place)]
    return values


def _addresses(values: dict[str, Any]) -> list[str]:
    """Return the addresses of a row as they are looked up; none when they cannot be taken."""
    try:
        return contacts.looked_up(
            crm_values.emails(values.get("emails", "")), crm_values.phones(values.get("phones", ""))
        )
    except PlatformError:
        return []


def _refuse(session: Transaction, row: ContactImport, number: int, *, cells: list[str], error: PlatformError) -> None:
    refused = RefusedRow(tenant_id=row.tenant_id, import_id=row.id, number=number, why=error.sentence[:200])
    refused.field, refused.cells = error.field, [cell[:1_000] for cell in cells]
    refused.values = {name: str(value)[:200] for name, value in error.values.items()}
    session.add(refused)
    row.refused += 1


def _write(session: Transaction, who: Identity, values: dict[str, Any], held: dict[str, str]) -> bool:
    """Write a contact; return whether it is new. One with the same address or number is filled up instead."""
    emails, phones = crm_values.emails(values.get("emails", "")), crm_values.phones(values.get("phones", ""))
    addresses = contacts.looked_up(emails, phones)
    same = next((held[address] for address in addresses if address in held), None)
    if same is None:
        name = values.get("name") or next(iter([*emails, *phones]), "")
        made = contacts.create(session, who, **(values | {"name": name}))
        held.update(dict.fromkeys(addresses, made.id))
        return True
    with session.part():  # a row that is refused leaves the contact as it was
        row = contacts.get(session, who, same)
        joined = {"emails": [*row.emails, *emails], "phones": [*row.phones, *phones]}
        tags = crm_values.tags([*row.tags, *crm_values.tags(values.get("tags", ""))])
        contacts.save(session, who, row.id, values | joined | {"tags": tags})
    held.update(dict.fromkeys(addresses, same))
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


def given_up(
    session: Transaction, tenant_id: str, payload: ImportContacts, *, state: JobState, sentence: str, values: Any
) -> None:
    """Write that an import stands still and why; its file is kept, and it can be tried again."""
    row = _locked(session, tenant_id, payload.import_id)
    if row is not None and row.state == ImportState.RUNNING:
        row.state, row.error = ImportState.FAILED, sentence.format_map(values)[:500]
        link, why = f"/contacts/import?i={row.id}", row.error
        stopped = "Import of “{title}” stands still: {reason}"
        activity.record(session, tenant_id, ActivityKind.FAILURE, stopped, link=link, title=row.file_name, reason=why)
        imports.announce(session, row)


def revived(session: Transaction, tenant_id: str, payload: ImportContacts) -> None:
    """Let an import that stood still go on with its job; raises Conflict when it goes on or has ended otherwise."""
    row = _locked(session, tenant_id, payload.import_id)
    if row is None or row.state != ImportState.FAILED:
        raise Conflict("This import does not stand still.")
    row.state, row.error = ImportState.RUNNING, ""
    imports.announce(session, row)


def named_by(session: Transaction, job: Job) -> ImportContacts | None:
    """Return the payload from the key by which an import has one job."""
    import_id = id_in(job.dedupe_key, "import:")
    return ImportContacts(import_id=import_id) if import_id else None


def retry(session: Transaction, who: Identity, import_id: str) -> ContactImport:
    """Let an import that stands still go on where it stopped, with a job of its own."""
    row = imports.get(session, who, import_id)
    revived(session, who.tenant_id, ImportContacts(import_id=row.id))
    enqueue(session, who.tenant_id, ImportContacts(import_id=row.id))
    return row


def _locked(session: Transaction, tenant_id: str, import_id: str) -> ContactImport | None:
    query = owned(ContactImport, tenant_id).where(ContactImport.id == import_id)
    row: ContactImport | None = session.exec(query.with_for_update()).first()
    return row
