"""CRM changes: which records changed, by a post of the account or by the events list."""

from platform_app.integrations.base import CrmChange, CrmHook
from platform_app.integrations.kommo.client import KommoClient
from platform_app.integrations.kommo.entities import Event, read_list
from platform_app.integrations.kommo.webhook_forms import Change, parse_account_hook
from platform_app.models.integration import RecordKind

EVENTS_LIMIT = 100  # on a page of the events list
_HOOK_KINDS = {"leads": RecordKind.LEAD, "contacts": RecordKind.CONTACT, "task": RecordKind.TASK}
_EVENT_KINDS = {"lead": RecordKind.LEAD, "contact": RecordKind.CONTACT, "task": RecordKind.TASK}


def read_hook(body: bytes) -> CrmHook:
    """Return what a post of an account says. Raises ValueError if it cannot be read."""
    hook = parse_account_hook(body)
    changes = [read for change in hook.changes if (read := _read_change(change)) is not None]
    return CrmHook(hook.account_id, changes)


def _read_change(change: Change) -> CrmChange | None:
    """Return the record that a change is about; companies and what else is posted have none."""
    kind = _HOOK_KINDS.get(change.entity)
    if kind is None or change.fields.get("type") == "company":
        return None
    if change.action == "note":
        note = change.fields.get("note")
        note_id = str(note.get("id", "")) if isinstance(note, dict) else ""
        return CrmChange(RecordKind.NOTE, note_id) if note_id.isascii() and note_id.isdecimal() else None
    if not change.outside_id:
        return None
    return CrmChange(kind, str(change.outside_id), is_deletion=change.action == "delete")


def list_changes(client: KommoClient, since: int) -> list[CrmChange]:
    """Return what changed since a moment in Unix seconds, by the events list.

    Events of tasks and notes do not name them: these are listed by the time of their last change.
    """
    query = {"limit": EVENTS_LIMIT, "filter[created_at][from]": since}
    events = [event for page in client.pages("events", query) for event in read_list(Event, page)]
    changes = [
        CrmChange(kind, str(event.entity_id), is_deletion=event.type == f"{event.entity_type}_deleted")
        for event in reversed(events)
        if (kind := _EVENT_KINDS.get(event.entity_type)) is not None and event.entity_id
    ]
    recent = {"filter[updated_at][from]": since}
    if any(event.type.startswith("task_") for event in events):
        pages = client.pages("tasks", recent)
        changes += [CrmChange(RecordKind.TASK, str(item["id"])) for page in pages for item in page]
    if any("_note_" in event.type for event in events):
        for path in ("leads/notes", "contacts/notes"):
            pages = client.pages(path, recent)
            changes += [CrmChange(RecordKind.NOTE, str(item["id"])) for page in pages for item in page]
    return list(dict.fromkeys(changes))
