"""Events: how services speak to automation."""

from dataclasses import dataclass
from typing import Any

from platform_app import known, leaving
from platform_app.db import Transaction, owned
from platform_app.jobs import HandleEvent, enqueue
from platform_app.models.event import Event, EventKind
from platform_app.models.rule import Rule
from platform_app.models.sequence import Sequence

_CAUSE = "cause of events"


@dataclass(frozen=True)
class Cause:
    """The event that led an automation to act in a transaction."""

    event_id: str  # empty: a person began it
    depth: int  # of the events that follow
    run_id: str | None = None  # of the rule that acts


def acts_because(session: Transaction, cause: Cause) -> None:
    """Let every event that is written in this transaction name its cause."""
    session.info[_CAUSE] = cause


def cause_of(session: Transaction) -> Cause | None:
    """Return what automation acts on in this transaction, if it does."""
    found: Cause | None = session.info.get(_CAUSE)
    return found


def emit(
    session: Transaction,
    tenant_id: str,
    kind: EventKind,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    **links: Any,
) -> Event:
    """Write an event in the transaction of the change; when that ends, what is known is kept with it.

    `links` are the columns agent_id, conversation_id, message_id, contact_id and lead_id.
    `before` and `after` hold JSON values of the fields that changed. Rules that listen are run by the worker.
    """
    event = Event(tenant_id=tenant_id, kind=kind, before=before or {}, after=after or {}, **links)
    cause = cause_of(session)
    if cause is not None:
        event.cause_id, event.depth, event.run_id = cause.event_id or None, cause.depth, cause.run_id
    session.add(event)
    session.before_commit.append(lambda: _complete(session, event))
    return event


def _complete(session: Transaction, event: Event) -> None:
    event.facts = known.snapshot(session, event)
    if leaving.take_out(session, event) or _is_heard(session, event):
        enqueue(session, event.tenant_id, HandleEvent(event_id=event.id), lock_key=lock_of(event))


def _is_heard(session: Transaction, event: Event) -> bool:
    """Tell whether a rule or a sequence listens to events of this kind; asked once for a kind in a transaction."""
    heard: dict[EventKind, bool] = session.info.setdefault("kinds that are heard", {})
    if event.kind not in heard:
        heard[event.kind] = any(_listens(session, event, model) for model in (Rule, Sequence))
    return heard[event.kind]


def _listens(session: Transaction, event: Event, model: type[Rule] | type[Sequence]) -> bool:
    query = owned(model, event.tenant_id).where(model.trigger == event.kind, model.enabled.is_(True))  # type: ignore[attr-defined]
    return session.exec(query.with_only_columns(model.id).limit(1)).first() is not None


def lock_of(event: Event) -> str:
    """Return the lock under which what happened to one lead, contact or conversation is handled in its order."""
    return f"event:{subject_of(event) or event.id}"


def subject_of(event: Event) -> str:
    """Return whom an event is about: the lead, else the contact, else the conversation."""
    return event.lead_id or event.contact_id or event.conversation_id or ""
