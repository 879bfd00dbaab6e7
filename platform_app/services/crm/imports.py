"""Imports: uploaded CSV files of contacts, the mapping of their columns, and their progress."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import Any

from sqlmodel import col

from platform_app import custom_fields, notifier
from platform_app.automation.values import fold, parse_whole
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Conflict, Invalid, NotFound
from platform_app.files import tenant_files
from platform_app.files.tenant_files import StoredFile
from platform_app.i18n import translate
from platform_app.jobs import ImportContacts, enqueue
from platform_app.models.crm import ContactImport, Holder, ImportState, RefusedRow
from platform_app.models.person import Identity
from platform_app.services.crm import csv_files, import_headings
from platform_app.services.crm.person_matching import MatchBy
from platform_app.services.knowledge import unused_uploads, uploads

SAMPLE_ROWS = 5  # shown before the import starts
TARGETS = {
    "name": "Full name",
    "emails": "Email",
    "phones": "Phone",
    "language": "Language",
    "time_zone": "Time zone",
    "tags": "Tags",
}
_PREVIOUS_IMPORTS = 20  # whose mappings are reused


async def store_upload(who: Identity, file_name: str, body: AsyncIterator[bytes]) -> str:
    """Store an uploaded CSV file, create its import with a guessed mapping, and return the import's id.

    `start` begins the import. Raises Invalid if it is not a CSV file with rows, and LimitReached if it is too large.
    """
    name = uploads.plain_name(file_name)
    if not name.lower().endswith((".csv", ".txt", ".tsv")):
        raise Invalid("Only CSV files can be read here.")
    async with uploads.store_file(who.tenant_id, body) as file:

        def note() -> str:
            row = _read_summary(who, name, file)
            with session_scope(who.tenant_id) as session:
                return _create(session, who, row).id

        return await asyncio.to_thread(note)


def _read_summary(who: Identity, name: str, stored: StoredFile) -> ContactImport:
    """Return an import with the header, the first rows and the number of rows of a file. Raises Invalid."""
    with tenant_files.local_copy(who.tenant_id, stored.stored_as) as path, path.open("rb") as file:
        rows = csv_files.read_rows(file)
        head, sample = next(rows, []), list(islice(rows, SAMPLE_ROWS))
        count = len(sample) + sum(1 for _ in rows)
    if not count:
        raise Invalid("The file has a header but no rows.")
    row = ContactImport(tenant_id=who.tenant_id, file_name=name, stored_as=stored.stored_as, author_name=who.name)
    row.sha256 = stored.sha256
    row.author_id = who.user_id or None
    row.columns = [cell[:120] for cell in head]
    row.sample = [[cell[:200] for cell in cells] for cells in sample]
    row.rows_total = count
    return row


def _create(session: Transaction, who: Identity, row: ContactImport) -> ContactImport:
    unused_uploads.trim_waiting(session, who.tenant_id)
    own = {field.name: field.key for field in _list_contact_fields(session, who)}
    before = [
        earlier for earlier in list_recent(session, who, limit=_PREVIOUS_IMPORTS) if earlier.state != ImportState.READY
    ]
    row.mapping = import_headings.guess_mapping(
        row.columns, own, _previous_mapping(before, {*TARGETS, *_custom_targets(own.values())})
    )
    same = next((earlier for earlier in before if earlier.columns == row.columns), None)
    row.match_by = same.match_by if same else MatchBy.NAME
    session.add(row)
    session.flush()
    return row


def _list_contact_fields(session: Transaction, who: Identity) -> list[Any]:
    return custom_fields.list_custom_fields(session, who.tenant_id, Holder.CONTACT)


def _custom_targets(keys: Iterable[str]) -> Iterator[str]:
    return (f"field.{key}" for key in keys)


def _previous_mapping(before: list[ContactImport], known: set[str]) -> dict[str, str]:
    """Return the fields of earlier imports by folded heading, newest first; "" for a column that was left out."""
    targets: dict[str, str] = {}
    for row in before:
        for place, head in enumerate(row.columns):
            target = row.mapping.get(str(place), "")
            if target in known or not target:
                targets.setdefault(fold(head), target)
    return targets


def start(
    session: Transaction, who: Identity, import_id: str, mapping: dict[str, str], *, match_by: str = MatchBy.NAME
) -> ContactImport:
    """Start an import: store its mapping and queue the job that writes its rows.

    `mapping` maps the index of a column (a text, from "0") to its field; `match_by`, one of MatchBy, says when a row
    belongs to an existing contact. Raises NotFound if there is no such import, Conflict if it has started, and Invalid
    if `mapping` or `match_by` is wrong.
    """
    row = get(session, who, import_id)
    if row.state != ImportState.READY:
        raise Conflict("This import has already started.")
    known = {*TARGETS, *_custom_targets(field.key for field in _list_contact_fields(session, who))}
    if match_by not in list(MatchBy):
        raise Invalid("This value isn’t allowed.", field="match_by")
    kept = {place: target for place, target in mapping.items() if target}
    if any(parse_whole(place, len(row.columns) - 1) is None for place in kept) or not known.issuperset(kept.values()):
        raise Invalid("This value isn’t allowed.", field="mapping")
    if not {"name", "emails", "phones"} & set(kept.values()):
        raise Invalid("Choose a column for the name, the phone or the email.", field="mapping")
    row.mapping, row.match_by, row.state = kept, match_by, ImportState.RUNNING
    enqueue(session, who.tenant_id, ImportContacts(import_id=row.id), dedupe_key=f"import:{row.id}")
    publish_change(session, row)
    return row


def get(session: Transaction, who: Identity, import_id: str) -> ContactImport:
    """Return an import. Raises NotFound if there is none."""
    query = owned(ContactImport, who.tenant_id).where(ContactImport.id == import_id)
    row: ContactImport | None = session.exec(query).first()
    if row is None:
        raise NotFound("Import not found.")
    return row


def list_recent(session: Transaction, who: Identity, *, limit: int = 10) -> list[ContactImport]:
    """Return the latest imports, newest first."""
    query = owned(ContactImport, who.tenant_id).order_by(
        col(ContactImport.created_at).desc(), col(ContactImport.id).desc()
    )
    return list(session.exec(query.limit(limit)).all())


def list_refused_rows(
    session: Transaction, who: Identity, import_id: str, *, limit: int | None = None
) -> list[RefusedRow]:
    """Return the rows that were refused or written without some values, in the order of the file.

    Raises NotFound if there is no such import.
    """
    query = owned(RefusedRow, who.tenant_id).where(RefusedRow.import_id == get(session, who, import_id).id)
    ordered = query.order_by(RefusedRow.number)
    return list(session.exec(ordered.limit(limit) if limit else ordered).all())


def describe_problems(row: RefusedRow, language: str) -> str:
    """Return why a row was refused, or which of its values were left out and why, in a language."""
    if row.why:
        return translate(language, row.why, **row.values)
    sentences = []
    for omitted in row.left_out:
        title = omitted["title"] or translate(language, TARGETS.get(omitted["field"], omitted["field"]))
        sentences.append(f"{title}: {translate(language, omitted['why'], **omitted['values'])}")
    return " · ".join(sentences)


def publish_change(session: Transaction, row: ContactImport) -> None:
    """Notify open pages of an import's progress after the commit."""
    session.after_commit.append(lambda: notifier.publish(row.tenant_id, "import", row.id))
