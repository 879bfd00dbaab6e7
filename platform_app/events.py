"""Events: rows that record what happened; automation listens to them."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import col

from platform_app import fact_snapshots, outgoing_events, sequence_exits
from platform_app.clock import new_id
from platform_app.db import Transaction, owned
from platform_app.jobs import HandleEvent, enqueue
from platform_app.models.conversation import Conversation
from platform_app.models.event import Event, EventKind
from platform_app.models.rule import Rule
from platform_app.models.sequence import Sequence

_CAUSE = "cause of events"
_ORIGIN = "origin of events"


@dataclass(frozen=True)
class Cause:
    """The event that led an automation to act in a transaction."""

    event_id: str  # "": a person started it
    depth: int  # of the events that follow
    run_id: str | None = None  # of the rule that runs
    origin_id: str | None = None  # of the events that follow: that of the event, or the enrollment whose step runs


def set_cause(session: Transaction, cause: Cause) -> None:
    """Set the cause that every event written in this transaction records."""
    session.info[_CAUSE] = cause


def cause_of(session: Transaction) -> Cause | None:
    """Return the cause that automation acts on in this transaction, or None."""
    found: Cause | None = session.info.get(_CAUSE)
    return found


def origin_of(session: Transaction) -> str:
    """Return the id that all events of one act share: those of a transaction and what rules do because of them.

    The message that opens a conversation, the opening, and a lead that a rule creates for it are one act: an enrollment
    that began with one is not ended by another. Steps of sequences are acts of their enrollment.
    """
    cause = cause_of(session)
    if cause is not None and (cause.origin_id or cause.run_id):
        return str(cause.origin_id or cause.run_id)
    if _ORIGIN not in session.info:
        start_action(session)
    return str(session.info[_ORIGIN])


def start_action(session: Transaction) -> None:
    """Give the events from here on an origin of their own, in a transaction that handles several deliveries."""
    session.info[_ORIGIN] = new_id()


def emit(
    session: Transaction,
    tenant_id: str,
    kind: EventKind,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    **links: Any,
) -> Event:
    """Add an event at the end of the transaction of the change, with the facts at that time; return it.

    `links` are the columns agent_id, conversation_id, message_id, contact_id and lead_id. `before` and `after` hold
    JSON values of the changed fields. Rules that listen are run by the worker. In a test conversation that is not live
    nothing is added: nothing listens to its events or counts them, and the id of the one that is returned is "".
    """
    event = Event(tenant_id=tenant_id, kind=kind, before=before or {}, after=after or {}, **links)
    event.origin_id = origin_of(session)
    if _is_in_silent_test(session, event):
        event.id = ""
        return event
    cause = cause_of(session)
    if cause is not None:
        event.cause_id, event.depth, event.run_id = cause.event_id or None, cause.depth, cause.run_id
    session.before_commit.append(lambda: _complete(session, event))
    return event


def _is_in_silent_test(session: Transaction, event: Event) -> bool:
    talk = session.get(Conversation, event.conversation_id) if event.conversation_id else None
    return talk is not None and not talk.is_live


def _complete(session: Transaction, event: Event) -> None:
    event.facts = fact_snapshots.snapshot(session, event)
    is_heard = _has_listeners(session, event)
    is_heard = sequence_exits.apply_exits(session, event) or is_heard
    session.add(event)
    outgoing_events.add_deliveries(session, event)
    if is_heard:
        enqueue(session, event.tenant_id, HandleEvent(event_id=event.id), lock_key=lock_of(event))


def _has_listeners(session: Transaction, event: Event) -> bool:
    """Return whether a rule or sequence listens to events of this kind; queried once per transaction."""
    heard: dict[EventKind, bool] = session.info.setdefault("kinds that are heard", {})
    if event.kind not in heard:
        listeners = [
            owned(model, event.tenant_id).where(model.trigger == event.kind, col(model.enabled).is_(True))
            for model in (Rule, Sequence)
        ]
        others = (sequence_exits.any_enrollment(event.tenant_id), outgoing_events.any_webhook(event.tenant_id))
        has_ways, has_webhooks, *found = session.exists_each(*others, *listeners)
        sequence_exits.set_has_enrollments(session, has_any=has_ways)
        outgoing_events.set_has_webhooks(session, has_any=has_webhooks)
        heard[event.kind] = any(found)
    return heard[event.kind]


def lock_of(event: Event) -> str:
    """Return the lock key under which events of one subject are handled in order."""
    return f"event:{subject_of(event) or event.id}"


def subject_of(event: Event) -> str:
    """Return the id of an event's subject: the lead, else the contact, else the conversation, else ""."""
    return event.lead_id or event.contact_id or event.conversation_id or ""
