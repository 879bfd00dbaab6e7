"""Event notifications: who is told of an event, and in which words."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.models.agent import Channel
from platform_app.models.conversation import Conversation
from platform_app.models.crm import Contact
from platform_app.models.event import Activity, Event, EventKind
from platform_app.models.notification import NotificationKind
from platform_app.models.person import Role
from platform_app.services.notifications import notifications
from platform_app.services.notifications.notifications import Notice

_NEVER_TOLD = ("/jobs?kind=send_notification", "/jobs?kind=send_digest")  # failures to tell, which would follow again

# Pages of single conversations, runs, enrollments and deliveries: many of them may fail for one reason.
_OF_ONE_ACTOR = ("/inbox", "/rules/runs/", "/sequences/enrollments/", "/webhooks/received/", "/webhooks/sent/")


def assignee_or_all(session: Transaction, event: Event, conversation: Conversation | None) -> set[str]:
    """Return the assignee of a conversation, or all who may answer while nobody is assigned who can."""
    members = notifications.active_members(session, event.tenant_id)
    able = {user_id for user_id, role in members.items() if role.includes(Role.OPERATOR)}
    assignee_id = conversation.assignee_id if conversation else None
    return {assignee_id} if assignee_id in able else able


def _in_charge(session: Transaction, event: Event, conversation: Conversation | None) -> set[str]:
    """Return who is in charge of a conversation, or its assignee."""
    found = (conversation.in_charge_id or conversation.assignee_id) if conversation else None
    return {found} if found else set()


def _named(key: str) -> Callable[[Transaction, Event, Conversation | None], set[str]]:
    """Return a function that returns the users whom the event itself names."""

    def read(session: Transaction, event: Event, conversation: Conversation | None) -> set[str]:
        value = event.after.get(key)
        return set(value) if isinstance(value, list) else {value} if value else set()

    return read


@dataclass(frozen=True)
class _Told:
    """What an event is told as: the kind, the sentence, and the function that returns its users."""

    kind: NotificationKind
    sentence: str
    users: Callable[[Transaction, Event, Conversation | None], set[str]]


_TOLD: dict[EventKind, _Told] = {
    EventKind.CONVERSATION_ASSIGNED: _Told(
        NotificationKind.ASSIGNED, "“{title}” is assigned to you", _named("user_id")
    ),
    EventKind.HANDED_OFF: _Told(NotificationKind.HANDED_OFF, "“{title}” needs a person", assignee_or_all),
    EventKind.APPROVAL_REQUESTED: _Told(
        NotificationKind.APPROVAL, "Reply in “{title}” waits for approval", assignee_or_all
    ),
    EventKind.APPROVAL_OVERDUE: _Told(
        NotificationKind.APPROVAL, "Reply in “{title}” waits for approval too long", assignee_or_all
    ),
    EventKind.MESSAGE_HELD: _Told(NotificationKind.HELD, "A message in “{title}” is held", _in_charge),
    EventKind.SNOOZE_ENDED: _Told(NotificationKind.SNOOZE_ENDED, "“{title}” is back: the snooze is over", _in_charge),
    EventKind.NOTE_ADDED: _Told(
        NotificationKind.MENTION, "{by} mentions you in a note in “{title}”", _named("mentions")
    ),
    EventKind.TASK_CREATED: _Told(
        NotificationKind.TASK_ASSIGNED, "Task assigned to you: {text}", _named("responsible_id")
    ),
    EventKind.TASK_DUE: _Told(NotificationKind.TASK_DUE, "Your task is due: {text}", _named("responsible_id")),
}
UNASSIGNED = "“{title}” isn’t assigned: no member is available"
_UNREAD = {  # by the kind of attachment because of which the agent handed over
    "recording": "“{title}” needs a person: the agent can’t listen to a recording",
    "picture": "“{title}” needs a person: the agent can’t look at a picture",
    "file": "“{title}” needs a person: the agent can’t open what the contact sent",
}
SENTENCES = [*(told.sentence for told in _TOLD.values()), *_UNREAD.values(), UNASSIGNED]
# What somebody has done needs nobody else any more: by event, the kind that is read then by everybody: approvals of the
# event's message, others of its conversation.
_SETTLES = {
    EventKind.TAKEN_OVER: NotificationKind.HANDED_OFF,
    EventKind.HANDED_BACK: NotificationKind.HANDED_OFF,
    EventKind.REPLY_APPROVED: NotificationKind.APPROVAL,
    EventKind.REPLY_REJECTED: NotificationKind.APPROVAL,
}


def notify_of_event(session: Transaction, event: Event, *, by: str = "", link: str = "") -> None:
    """Tell those whom an event concerns, except `by`, the user who did it; nobody is told of a test chat.

    `link` is a path below /manage/{tenant}, by default that of the event's conversation.
    """
    conversation = session.get(Conversation, event.conversation_id) if event.conversation_id else None
    if not event.id or (conversation is not None and conversation.channel == Channel.TEST):
        return
    link = link or (f"/inbox?c={conversation.id}" if conversation else "")
    if event.kind in _SETTLES:
        kind = _SETTLES[event.kind]
        subject = {"message_id": event.message_id or ""} if kind == NotificationKind.APPROVAL else {"link": link}
        notifications.settle(session, event.tenant_id, kind, **subject)
    if event.kind not in _TOLD:
        return
    told = _TOLD[event.kind]
    sentence = _UNREAD.get(str(event.after.get("unread", "")), told.sentence)
    notifications.notify(
        session,
        event.tenant_id,
        told.users(session, event, conversation),
        told.kind,
        notice=Notice(sentence, link, _values(session, event, conversation)),
        cause=event.id,
        by=by,
        message_id=event.message_id,
    )


def _values(session: Transaction, event: Event, conversation: Conversation | None) -> dict[str, Any]:
    """Return the values of the sentences."""
    after = event.after
    return {
        "title": _title(session, conversation),
        "by": str(after.get("by", "")),
        "text": str(after.get("text", ""))[:200],
    }


def _title(session: Transaction, conversation: Conversation | None) -> str:
    """Return what a conversation is called: its contact, as in the inbox, or its title."""
    contact = session.get(Contact, conversation.contact_id) if conversation and conversation.contact_id else None
    return ((contact.name if contact else "") or (conversation.title if conversation else ""))[:80]


def notify_unassigned(session: Transaction, conversation: Conversation) -> None:
    """Tell owners and admins, once an hour, that no member is available for a conversation; not of a test chat."""
    if conversation.channel == Channel.TEST:
        return
    members = notifications.active_members(session, conversation.tenant_id)
    values = {"title": _title(session, conversation)}
    notifications.notify(
        session,
        conversation.tenant_id,
        {user_id for user_id, role in members.items() if role.includes(Role.ADMIN)},
        NotificationKind.HANDED_OFF,
        notice=Notice(UNASSIGNED, f"/inbox?c={conversation.id}", values),
        cause=f"unassigned {conversation.id} {now():%Y-%m-%d %H}",
    )


def notify_of_failure(session: Transaction, activity: Activity) -> None:
    """Tell owners, admins and who began it of a failure that the feed reports, of the same one once an hour.

    Nobody is told of failures in a test chat, which its tester sees, and of notifications that could not be sent.
    """
    if activity.link in _NEVER_TOLD or activity.link.startswith("/test-chat"):
        return
    subject = activity.actor if activity.link.startswith(_OF_ONE_ACTOR) else activity.link
    key = f"{activity.sentence}|{subject}|{now():%Y-%m-%d %H}"
    members = notifications.active_members(session, activity.tenant_id)
    notifications.notify(
        session,
        activity.tenant_id,
        {user_id for user_id, role in members.items() if role.includes(Role.ADMIN)} | {activity.user_id or ""},
        NotificationKind.FAILURE,
        notice=Notice(activity.sentence, activity.link, activity.values),
        cause=hashlib.sha256(key.encode()).hexdigest(),
    )
