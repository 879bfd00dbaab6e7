"""Event matching: whether a rule or sequence is triggered by an event of its kind."""

from typing import Any, Protocol

from platform_app.models.event import EventKind

_NAMES_ITS_RULE = (EventKind.SCHEDULE, EventKind.MANUAL)  # such an event names its one rule


class TriggerEvent(Protocol):
    """The columns of an event by which it is matched; an `Event` has them, and so do past events read in bulk."""

    kind: EventKind
    agent_id: str | None
    after: dict[str, Any]


def matches_trigger(agent_id: str | None, definition_id: str, data: dict[str, object], *, event: TriggerEvent) -> bool:
    """Return whether an event is for the rule or sequence with this id, whose trigger is the event's kind.

    `agent_id` is the agent of the rule or sequence, None if it belongs to all agents; `data` is its stored definition,
    which may name a webhook or, for `no_reply`, a number of minutes.
    """
    if agent_id and event.agent_id and agent_id != event.agent_id:
        return False
    if event.kind in _NAMES_ITS_RULE:
        return event.after.get("rule_id") == definition_id
    if event.kind == EventKind.WEBHOOK_RECEIVED:
        return data.get("webhook_id") in (None, "", event.after.get("webhook_id"))
    return event.kind != EventKind.NO_REPLY or event.after.get("minutes") == data.get("minutes")
