"""Presence: who is in a conversation is known for seconds, pages are told when it changes, and Redis may be down."""

from typing import Any

import pytest
import time_machine

from platform_app import notifier
from platform_app.models.person import Identity, Role
from platform_app.services.inbox import presence
from platform_app.services.inbox.presence import CONTACT_ID, Activity, Present
from tests.conftest import make_member

TALK = "c" * 32


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The topics and subjects of what pages are told."""
    changes: list[tuple[str, str]] = []
    monkeypatch.setattr(notifier, "publish", lambda tenant_id, topic, subject_id: changes.append((topic, subject_id)))
    return changes


def present(who: Identity, **options: Any) -> list[tuple[str, Activity]]:
    found: list[Present] = presence.list_present(who.tenant_id, TALK, **options)
    return [(person.name or person.user_id, person.activity) for person in found]


def test_pages_are_told_of_beginning_and_end_and_not_of_each_renewal(
    who: Identity, live_redis: str, told: list[tuple[str, str]]
) -> None:
    for _ in range(3):
        presence.renew(who, TALK, Activity.VIEWING)
        presence.renew(who, TALK, Activity.REPLYING)
    assert told == [("presence", TALK)] * 2
    assert present(who) == [(who.name, Activity.REPLYING)] and presence.is_member_replying(who.tenant_id, TALK)
    presence.end(who, TALK, Activity.REPLYING)
    presence.end(who, TALK, Activity.REPLYING)
    assert len(told) == 3 and present(who) == [(who.name, Activity.VIEWING)]


def test_nobody_is_present_longer_than_ten_seconds_after_they_left(
    who: Identity, live_redis: str, told: list[tuple[str, str]]
) -> None:
    with time_machine.travel("2026-11-30T10:00:00Z", tick=False) as clock:
        presence.renew(who, TALK, Activity.VIEWING)
        presence.renew(who, TALK, Activity.NOTING)
        presence.renew_contact(who.tenant_id, TALK)
        assert present(who) == [(CONTACT_ID, Activity.REPLYING), (who.name, Activity.NOTING)]
        clock.shift(6.1)
        assert present(who) == [(who.name, Activity.VIEWING)]
        clock.shift(1)
        assert present(who) == []
        presence.renew(who, TALK, Activity.VIEWING)
        assert len(told) == 4  # they came back


def test_the_contact_is_not_a_member_and_a_tenant_sees_its_own(
    who: Identity, other: Identity, live_redis: str, told: list[tuple[str, str]]
) -> None:
    presence.renew_contact(who.tenant_id, TALK)
    assert not presence.is_member_replying(who.tenant_id, TALK) and present(other) == []
    anna = make_member(who, Role.OPERATOR)
    presence.renew(anna, TALK, Activity.VIEWING)
    presence.renew(who, TALK, Activity.VIEWING)
    presence.end_contact(who.tenant_id, TALK)
    assert present(who, without=who.user_id) == [(anna.name, Activity.VIEWING)]


def test_without_redis_nobody_is_present(who: Identity, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_REDIS_URL", "redis://127.0.0.1:1/0")
    presence.renew(who, TALK, Activity.VIEWING)
    presence.end(who, TALK)
    assert present(who) == []
