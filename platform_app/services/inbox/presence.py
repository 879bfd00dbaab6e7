"""Presence: who has a conversation open and who is writing in it, kept in Redis for seconds and nowhere else.

A conversation has a hash; a field for each person and activity holds the name and the moment until which it counts.
Pages are notified when an activity begins or ends by itself, not each time it is renewed. While Redis does not answer,
nobody is present.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

import redis

from platform_app import notifier
from platform_app.clock import now
from platform_app.models.person import Identity

TOPIC = "presence"  # of the updates of open pages; the subject is the conversation
CONTACT_ID = "contact"  # in place of a user's id


class Activity(StrEnum):
    """What somebody does in a conversation, the more telling first."""

    REPLYING = "replying"
    NOTING = "noting"
    VIEWING = "viewing"


LASTS_SECONDS = {Activity.REPLYING: 6.0, Activity.NOTING: 6.0, Activity.VIEWING: 6.5}  # if it is not renewed
_KEY_SECONDS = 15
_ORDER = list(Activity)


@dataclass(frozen=True)
class Present:
    """Somebody in a conversation; the contact has CONTACT_ID and no name."""

    user_id: str
    name: str
    activity: Activity


def renew(who: Identity, conversation_id: str, activity: Activity) -> None:
    """Store what a member does now, until LASTS_SECONDS later."""
    _renew(who.tenant_id, conversation_id, Present(who.user_id, who.name, activity))


def renew_contact(tenant_id: str, conversation_id: str) -> None:
    """Store that the contact is writing now, until LASTS_SECONDS later."""
    _renew(tenant_id, conversation_id, Present(CONTACT_ID, "", Activity.REPLYING))


def end(who: Identity, conversation_id: str, *activities: Activity) -> None:
    """Remove what a member does; without activities, all of it."""
    _end(who.tenant_id, conversation_id, who.user_id, activities or tuple(Activity))


def end_contact(tenant_id: str, conversation_id: str) -> None:
    """Remove that the contact is writing."""
    _end(tenant_id, conversation_id, CONTACT_ID, tuple(Activity))


def list_present(tenant_id: str, conversation_id: str, *, without: str = "") -> list[Present]:
    """Return who is in a conversation, each once with the most telling activity, by name; `without` is a user's id."""
    key = _key(tenant_id, conversation_id)
    fields = cast("dict[str, str]", notifier.run(lambda client: client.hgetall(key)) or {})
    at, people = now().timestamp(), dict[str, Present]()
    for place, value in fields.items():
        user_id, _, activity = place.partition(":")
        until, name = json.loads(value)
        if until <= at or user_id == without:
            continue
        known = people.get(user_id)
        if known is None or _ORDER.index(Activity(activity)) < _ORDER.index(known.activity):
            people[user_id] = Present(user_id, name, Activity(activity))
    return sorted(people.values(), key=lambda present: (present.name, present.user_id))


def is_member_replying(tenant_id: str, conversation_id: str) -> bool:
    """Return whether a member is writing a reply."""
    present = list_present(tenant_id, conversation_id, without=CONTACT_ID)
    return any(person.activity == Activity.REPLYING for person in present)


def _renew(tenant_id: str, conversation_id: str, present: Present) -> None:
    key, place = _key(tenant_id, conversation_id), f"{present.user_id}:{present.activity}"
    at = now().timestamp()
    value = json.dumps([at + LASTS_SECONDS[present.activity], present.name[:200]])

    def store(client: "redis.Redis") -> str | None:
        """Store the value and return the former one."""
        pipeline = client.pipeline()
        pipeline.hget(key, place)
        pipeline.hset(key, place, value)
        pipeline.expire(key, _KEY_SECONDS)
        former: str | None = pipeline.execute()[0]
        return former

    former = notifier.run(store)
    if former is None or json.loads(former)[0] <= at:
        notifier.publish(tenant_id, TOPIC, conversation_id)


def _end(tenant_id: str, conversation_id: str, user_id: str, activities: tuple[Activity, ...]) -> None:
    places = [f"{user_id}:{activity}" for activity in activities]
    if notifier.run(lambda client: client.hdel(_key(tenant_id, conversation_id), *places)):
        notifier.publish(tenant_id, TOPIC, conversation_id)


def _key(tenant_id: str, conversation_id: str) -> str:
    return f"platform:presence:{tenant_id}:{conversation_id}"
