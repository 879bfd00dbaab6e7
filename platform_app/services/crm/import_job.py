"""Import job: writes the rows of a contact import in batches; after a crash it resumes behind the last batch."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Conflict, Invalid, PlatformError
from platform_app.files import tenant_files
from platform_app.job_callbacks import id_from_key
from platform_app.jobs import ImportContacts, RunningJob, enqueue
from platform_app.models.crm import UNNAMED, Contact, ContactImport, ImportState, RefusedRow
from platform_app.models.event import ActivityKind
from platform_app.models.job import Job, JobState
from platform_app.models.notification import NotificationKind
from platform_app.models.person import Identity, Role
from platform_app.services.crm import contacts, crm_values, csv_files, import_rows, imports
from platform_app.services.crm.import_rows import RowValues
from platform_app.services.crm.person_matching import MatchBy, PersonData, best_match
from platform_app.services.feed import activity
from platform_app.services.notifications import notifications
from platform_app.services.notifications.notifications import Notice

BATCH_SIZE = 200  # rows in one transaction


def import_contacts(job: RunningJob) -> None:
    """Run the job of an import: write its rows, BATCH_SIZE in one transaction with the progress.

    Raises LeaseLost if another worker has taken the job over, NotFound if the file is missing or damaged, and
    Invalid if it cannot be read any more.
    """
    with session_scope(job.tenant_id, read_only=True) as session:
        row = _row(session, job.tenant_id, job.payload.import_id)
    if row.state != ImportState.RUNNING:
        return
    copy = tenant_files.local_copy(job.tenant_id, row.stored_as, row.sha256)  # takes a while, outside a transaction
    with copy as path, path.open("rb") as file:
        rows: Iterator[list[str]] | None = None
        while True:
            with job.transaction() as session:
                row = _row(session, job.tenant_id, job.payload.import_id)
                if row.state != ImportState.RUNNING:
                    return
                if rows is None:
                    rows = islice(csv_files.read_rows(file), 1 + row.rows_done, None)
                if lines := list(islice(rows, BATCH_SIZE)):
                    _import_rows(session, row, lines)
                    row.rows_done += len(lines)
                    job.record_progress(session)
                imports.publish_change(session, row)
                if lines and row.rows_done < row.rows_total:
                    continue
            break
    with job.finish() as session:
        _finish(session, job.tenant_id, job.payload.import_id)


def _row(session: Transaction, tenant_id: str, import_id: str) -> ContactImport:
    row: ContactImport = session.exec(owned(ContactImport, tenant_id).where(ContactImport.id == import_id)).one()
    return row


def _author(row: ContactImport) -> Identity:
    """Return the identity in whose name rows are written: an operator without a user."""
    known: dict[str, Any] = {"email": "", "slug": "", "tenant_name": "", "language": "en", "time_zone": "UTC"}
    return Identity(user_id="", tenant_id=row.tenant_id, role=Role.OPERATOR, name=row.author_name, **known)


def _import_rows(session: Transaction, row: ContactImport, lines: list[list[str]]) -> None:
    """Write rows, each by itself; the contacts that have their addresses are read once for all of them."""
    session.enable_cache()  # custom fields and country are read once for all rows
    who = _author(row)
    read = [import_rows.read_row(session, row.tenant_id, row.mapping, cells) for cells in lines]
    people = _ContactLookup(MatchBy(row.match_by))
    people.load(session, who, {address for values in read for address in values.addresses})
    for number, (cells, values) in enumerate(zip(lines, read, strict=True), row.rows_done + 2):
        try:
            contact_id, is_new = _write_row(session, who, values, people)
        except PlatformError as error:
            _record_problem(session, row, number, cells=cells, error=error)
            row.refused += 1
            continue
        row.created += is_new
        row.changed += not is_new
        if values.left_out:
            _record_problem(session, row, number, cells=cells, contact_id=contact_id, left_out=values.left_out)
            row.incomplete += 1


class _ContactLookup:
    """The contacts that rows may belong to, by address or number, the oldest first."""

    def __init__(self, by: MatchBy) -> None:
        self._by = by
        self._by_address: dict[str, list[str]] = {}
        self._known: dict[str, PersonData] = {}

    def load(self, session: Transaction, who: Identity, addresses: set[str]) -> None:
        """Read the contacts that have some of these addresses."""
        for address, held in contacts.contacts_by_address(session, who, sorted(addresses)).items():
            for contact in held:
                self.add(contact, [address])

    def add(self, contact: Contact, addresses: list[str]) -> None:
        """Add a contact under some addresses."""
        self._known[contact.id] = PersonData(contact.name, contact.emails, contact.phones)
        for address in addresses:
            held = self._by_address.setdefault(address, [])
            if contact.id not in held:
                held.append(contact.id)

    def find(self, values: RowValues) -> str | None:
        """Return the id of the contact that a row belongs to, or None."""
        ids = dict.fromkeys(
            contact_id for address in values.addresses for contact_id in self._by_address.get(address, ())
        )
        return best_match(values.person, ((contact_id, self._known[contact_id]) for contact_id in ids), self._by)


def _write_row(session: Transaction, who: Identity, row_values: RowValues, people: _ContactLookup) -> tuple[str, bool]:
    """Write a row to the contact that it belongs to, or to a new one; return its id and whether it is new.

    An existing contact keeps its name, unless it has none yet. Raises Invalid if the row has neither a name nor an
    address, or a value is not accepted.
    """
    values, same = row_values.values, people.find(row_values)
    if same is None:
        name = values.get("name") or next(iter([*values.get("emails", []), *values.get("phones", [])]), "")
        if not name:
            raise _missing_name_error(row_values)
        made = contacts.create(session, who, in_feed=False, **(values | {"name": name}))
        people.add(made, row_values.addresses)
        return made.id, True
    with session.savepoint():  # a row that is refused leaves the contact as it was
        row = contacts.get(session, who, same)
        joined = {
            key: crm_values.merge_values(key, getattr(row, key), values.get(key, [])) for key in crm_values.MAX_VALUES
        }
        kept = values if row.name in (UNNAMED, *row.emails, *row.phones) else values | {"name": row.name}
        contacts.save(session, who, row.id, kept | joined)
    people.add(row, row_values.addresses)
    return same, False


def _missing_name_error(row_values: RowValues) -> Invalid:
    """Return the error for a row without name and address: the problem of its first value, if any."""
    if not row_values.left_out:
        return Invalid("The row has no name, phone or email.")
    first = row_values.left_out[0]
    return Invalid(first["why"], field=first["field"], **first["values"])


def _record_problem(
    session: Transaction,
    row: ContactImport,
    number: int,
    *,
    cells: list[str],
    error: PlatformError | None = None,
    contact_id: str | None = None,
    left_out: list[dict[str, Any]] | None = None,
) -> None:
    """Store a row that was refused, or that was written without some of its values."""
    noted = RefusedRow(tenant_id=row.tenant_id, import_id=row.id, number=number, why="", contact_id=contact_id)
    noted.cells, noted.left_out = [cell[:1_000] for cell in cells], left_out or []
    if error is not None:
        noted.why, noted.field = error.sentence[:200], error.field
        noted.values = {name: str(value)[:200] for name, value in error.values.items()}
    session.add(noted)


def _finish(session: Transaction, tenant_id: str, import_id: str) -> None:
    """Mark an import as done, and tell the feed and the member who began it."""
    row = _row(session, tenant_id, import_id)
    row.state = ImportState.DONE
    sentence = "Import of “{title}”: {created} created, {changed} updated, {refused} rejected"
    values: dict[str, Any] = {
        "title": row.file_name,
        "created": row.created,
        "changed": row.changed,
        "refused": row.refused,
    }
    link = f"/contacts/import?i={row.id}"
    activity.record(session, tenant_id, ActivityKind.PERSON, sentence, actor=row.author_name, link=link, **values)
    notice = Notice(sentence, link, values)
    notifications.notify(
        session, tenant_id, {row.author_id or ""}, NotificationKind.IMPORT_DONE, notice=notice, cause=row.id
    )
    session.after_commit.append(partial(tenant_files.discard, tenant_id, row.stored_as))
    imports.publish_change(session, row)


def on_failure(
    session: Transaction, tenant_id: str, payload: ImportContacts, *, state: JobState, sentence: str, values: Any
) -> None:
    """Mark a running import as failed when its job has ended without it; its file stays, so it can be retried."""
    row = _locked(session, tenant_id, payload.import_id)
    if row is not None and row.state == ImportState.RUNNING:
        row.state, row.error = ImportState.FAILED, sentence.format_map(values)[:500]
        told = {"link": f"/contacts/import?i={row.id}", "title": row.file_name, "reason": row.error}
        stopped = "Import of “{title}” stalled: {reason}"
        activity.record(session, tenant_id, ActivityKind.FAILURE, stopped, user_id=row.author_id, **told)
        imports.publish_change(session, row)


def on_retry(session: Transaction, tenant_id: str, payload: ImportContacts) -> None:
    """Mark a failed import as running again with its job. Raises Conflict if it has not failed."""
    row = _locked(session, tenant_id, payload.import_id)
    if row is None or row.state != ImportState.FAILED:
        raise Conflict("This import isn’t stalled.")
    row.state, row.error = ImportState.RUNNING, ""
    imports.publish_change(session, row)


def payload_from_keys(session: Transaction, job: Job) -> ImportContacts | None:
    """Return the job's payload from its dedupe key, or None."""
    import_id = id_from_key(job.dedupe_key, "import:")
    return ImportContacts(import_id=import_id) if import_id else None


def retry(session: Transaction, who: Identity, import_id: str) -> ContactImport:
    """Resume a failed import where it stopped, with a new job.

    Raises NotFound if there is no such import, and Conflict if it has not failed.
    """
    row = imports.get(session, who, import_id)
    on_retry(session, who.tenant_id, ImportContacts(import_id=row.id))
    enqueue(session, who.tenant_id, ImportContacts(import_id=row.id))
    return row


def _locked(session: Transaction, tenant_id: str, import_id: str) -> ContactImport | None:
    query = owned(ContactImport, tenant_id).where(ContactImport.id == import_id)
    row: ContactImport | None = session.exec(query.with_for_update()).first()
    return row
