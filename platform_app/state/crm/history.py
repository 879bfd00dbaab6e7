"""History: the events of a contact or a lead as sentences."""

from dataclasses import dataclass
from typing import Any

from platform_app.clock import now
from platform_app.i18n import day_name, exact_time, relative_time, translate
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity

_SENTENCES = {
    EventKind.MESSAGE_RECEIVED: "Message received",
    EventKind.REPLY_SENT: "The agent replied",
    EventKind.CONVERSATION_STARTED: "Conversation started",
    EventKind.CONVERSATION_CLOSED: "A conversation was closed",
    EventKind.CONVERSATION_RATED: "The contact rated the conversation: {stars} of 5",
    EventKind.HANDED_OFF: "The conversation was handed to a person",
    EventKind.TAKEN_OVER: "A member took the conversation over",
    EventKind.HANDED_BACK: "The conversation was handed back to the agent",
    EventKind.CONVERSATION_REOPENED: "The conversation was reopened",
    EventKind.CONVERSATION_ASSIGNED: "The conversation was assigned",
    EventKind.CONVERSATION_SNOOZED: "The conversation was snoozed",
    EventKind.SNOOZE_ENDED: "The snooze of the conversation ended",
    EventKind.MEMBER_REPLIED: "A member wrote",
    EventKind.APPROVAL_REQUESTED: "A reply waited for approval",
    EventKind.APPROVAL_OVERDUE: "A reply waited for approval too long",
    EventKind.REPLY_APPROVED: "A member approved a reply",
    EventKind.REPLY_REJECTED: "A member rejected a reply",
    EventKind.OPTED_OUT: "The contact opted out of messages",
    EventKind.MESSAGE_HELD: "A message was held",
    EventKind.NOTE_ADDED: "A member wrote a note",
    EventKind.LEAD_CREATED: "The lead “{title}” was created",
    EventKind.LEAD_UPDATED: "The lead changed: {fields}",
    EventKind.STAGE_CHANGED: "The stage changed: {old} → {new}",
    EventKind.CONTACT_CREATED: "The contact was created",
    EventKind.CONTACT_UPDATED: "The contact changed: {fields}",
    EventKind.TASK_CREATED: "Task: {text}",
    EventKind.TASK_COMPLETED: "Task done: {text}",
    EventKind.TASK_DUE: "Task due: {text}",
    EventKind.TAG_ADDED: "Tag added: {tag}",
    EventKind.SEQUENCE_FINISHED: "A sequence was finished",
    EventKind.NO_REPLY: "No reply",
    EventKind.SCHEDULE: "By the clock",
    EventKind.WEBHOOK_RECEIVED: "Webhook “{name}” received",
    EventKind.MANUAL: "Started by hand",
    EventKind.MEMBER_INVITED: "Teammate invited",
    EventKind.INVITATION_REVOKED: "Invitation revoked",
    EventKind.MEMBER_JOINED: "Teammate joined",
    EventKind.MEMBER_CHANGED: "Role or access changed",
    EventKind.MEMBER_REMOVED: "Teammate removed",
}
FIELD_LABELS = {
    "name": "Name",
    "emails": "Email",
    "phones": "Phone",
    "language": "Language",
    "time_zone": "Time zone",
    "tags": "Tags",
    "fields": "Custom fields",
    "title": "Title",
    "budget": "Budget",
    "contact_id": "Contact",
    "other_contact_ids": "Other contacts",
    "responsible_id": "Owner|lead",
    "source": "Source",
}


_ICONS = {  # of kinds of events, by how their names begin
    "message_": "message",
    "reply_": "agent",
    "member_replied": "member",
    "conversation_": "conversation",
    "note_": "note",
    "stage_": "stage",
    "lead_": "field",
    "contact_": "field",
    "tag_": "field",
    "task_": "task",
    "sequence_": "sequence",
}


@dataclass
class HistoryLine:
    """An event as a sentence; the first of each day names the day."""

    sentence: str
    when: str
    exact: str
    day: str
    icon: str


def history_lines(events: list[Event], identity: Identity, language: str) -> list[HistoryLine]:
    """Return events as lines, in the given order."""
    lines: list[HistoryLine] = []
    last_day = ""
    for event in events:
        day = day_name(language, event.at, now(), identity.time_zone)
        icon = next((icon for start, icon in _ICONS.items() if event.kind.value.startswith(start)), "other")
        lines.append(
            HistoryLine(
                describe_event(event, language),
                relative_time(language, event.at, now(), identity.time_zone),
                exact_time(language, event.at, identity.time_zone),
                "" if day == last_day else day,
                icon,
            )
        )
        last_day = day
    return lines


def describe_event(event: Event, language: str) -> str:
    """Return an event as a translated sentence."""
    changed = [translate(language, FIELD_LABELS[name]) for name in event.after if name in FIELD_LABELS]
    values: dict[str, Any] = {
        "title": event.after.get("title", ""),
        "fields": ", ".join(changed),
        "old": event.before.get("stage", ""),
        "new": event.after.get("stage", ""),
        "text": event.after.get("text", ""),
        "name": event.after.get("name", ""),
        "tag": event.after.get("tag", ""),
    }
    return translate(language, _SENTENCES[event.kind], **values)
