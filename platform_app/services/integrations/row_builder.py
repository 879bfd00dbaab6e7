"""Row builder: makes the rows of records that a CRM has and the platform lacks."""

from typing import Any

from platform_app.db import Transaction
from platform_app.errors import Invalid, NotFound
from platform_app.integrations.base import CrmRecord
from platform_app.models.integration import RecordKind
from platform_app.models.person import Identity
from platform_app.services.crm import contacts, leads, notes, tasks
from platform_app.services.integrations import record_values
from platform_app.services.integrations.record_mapping import RecordMapping
from platform_app.services.integrations.record_values import Row


class RowBuilder:
    """Makes rows in one transaction, in the name of the CRM."""

    def __init__(self, session: Transaction, who: Identity, mapping: RecordMapping) -> None:
        self.session, self.who, self.mapping = session, who, mapping

    def build(self, record: CrmRecord) -> Row | None:
        """Return the row of a record that is no news, without values that are not accepted; None if it has no place.

        Raises Invalid if the record cannot be taken over.
        """
        values = record_values.accepted_values(self.mapping, record.kind, record.values)
        for _ in range(len(values) + 1):
            try:
                return self._row_of(record, values)
            except Invalid as error:
                if error.field not in values:
                    raise
                del values[error.field]
            except NotFound:
                values.pop("responsible_id", None)
        raise Invalid("This value isn’t allowed.")

    def _row_of(self, record: CrmRecord, values: dict[str, Any]) -> Row | None:
        at: dict[str, Any] = {"created_at": record.created_at, "at": record.updated_at}
        if record.kind == RecordKind.CONTACT:
            return contacts.build_existing(self.session, self.who, values, **at)
        if record.kind == RecordKind.LEAD:
            stage_id = self.mapping.here(RecordKind.STAGE, record.values.get("stage"))
            values.setdefault("title", f"#{record.external_id}")
            return leads.build_existing(self.session, self.who, values, stage_id=stage_id, **at) if stage_id else None
        subject = self._subject(record)
        if not subject:
            return None
        if record.kind == RecordKind.TASK:
            done = record.updated_at if record.values.get("is_done") else None
            given = values | subject
            return tasks.build_existing(self.session, self.who, given, created_at=record.created_at, done_at=done)
        return notes.build_existing(self.who, str(values["text"]), created_at=record.created_at, **subject)

    def _subject(self, record: CrmRecord) -> dict[str, str]:
        """Return the lead or contact of a task or note, {} if it is not here."""
        if lead_id := self.mapping.here(RecordKind.LEAD, record.values.get("lead")):
            return {"lead_id": lead_id}
        contact_id = self.mapping.here(RecordKind.CONTACT, record.values.get("contact"))
        return {"contact_id": contact_id} if contact_id else {}

    def create(self, record: CrmRecord) -> Row | None:
        """Create the row of a new record as if it were made by hand; return None if it has no place.

        Raises Invalid at the field if a value is not accepted.
        """
        values = record_values.accepted_values(self.mapping, record.kind, record.values)
        if record.kind == RecordKind.CONTACT:
            return contacts.create(self.session, self.who, **values)
        if record.kind == RecordKind.LEAD:
            stage_id = self.mapping.here(RecordKind.STAGE, record.values.get("stage"))
            return leads.create(self.session, self.who, stage_id=stage_id, **values) if stage_id else None
        subject = self._subject(record)
        if not subject:
            return None
        if record.kind == RecordKind.NOTE:
            return notes.create(self.session, self.who, text=values["text"], is_by_person=True, **subject)
        given = {"responsible_id": "", **values, **subject}
        row = tasks.create(self.session, self.who, **given)
        return tasks.set_done(self.session, self.who, row.id, done=True) if record.values.get("is_done") else row
