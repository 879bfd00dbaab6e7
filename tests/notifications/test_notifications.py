"""Notifications: who is told of what, each once, and what they have read."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from platform_app.clock import now
from platform_app.db import session_scope, unscoped
from platform_app.engine.sequences import sequence_scheduler
from platform_app.errors import Invalid
from platform_app.models.crm import Holder
from platform_app.models.event import ActivityKind
from platform_app.models.notification import Notification, NotificationKind, NotificationPreference
from platform_app.models.person import Identity, Role, User
from platform_app.services.accounts import member_changes
from platform_app.services.chat import agent_messages, approvals, hand_off, member_messages, triage
from platform_app.services.crm import cards, contacts, notes, tasks
from platform_app.services.feed import activity
from platform_app.services.notifications import notification_retention, notifications, preferences
from platform_app.services.notifications.notification_words import words_of
from platform_app.services.notifications.notifications import Notice
from tests.conftest import make_member
from tests.crm.test_imports import begun
from tests.jobs.test_job_callbacks import cancelled
from tests.notifying import prefer, rows, told, unread
from tests.rules.test_rule_events import wait_for_approval
from tests.rules.test_rules import a_rule
from tests.sequencing import a_lead, a_sequence, do, enrolled
from tests.talking import activities, begin, call, real_talk, run_jobs


@pytest.fixture
def boris(who: Identity) -> Identity:
    """An operator beside the owner."""
    return make_member(who, Role.OPERATOR)


def tell(who: Identity, *users: Identity, cause: str = "c", by: str = "") -> list[Notification]:
    """Tell members that a task is due."""
    notice = Notice("Task due: {text}", "/leads", {"text": "Call"})
    ids = [one.user_id for one in users]
    with session_scope(who.tenant_id) as session:
        kind = NotificationKind.TASK_DUE
        return notifications.notify(session, who.tenant_id, ids, kind, notice=notice, cause=cause, by=by)


def test_a_conversation_without_an_assignee_is_told_to_all_who_may_answer(who: Identity, boris: Identity) -> None:
    viewer, talk = make_member(who, Role.VIEWER), real_talk(who)
    call(who, hand_off.hand_off, talk)
    assert (told(who), told(boris), told(viewer)) == ([], ["“Anna” needs a person"], [])
    assert rows(boris)[0].link == f"/inbox?c={talk}"


def test_a_conversation_with_an_assignee_is_told_to_them(who: Identity, boris: Identity) -> None:
    admin, talk = make_member(who, Role.ADMIN), real_talk(who)
    call(who, triage.assign, talk, boris.user_id)
    call(who, triage.assign, talk, boris.user_id)
    call(who, hand_off.hand_off, talk)
    assert told(boris) == ["“Anna” is assigned to you", "“Anna” needs a person"] and told(admin) == []
    call(boris, triage.assign, talk, None)
    call(boris, triage.assign, talk, boris.user_id)
    assert len(told(boris)) == 2  # who did it is not told


def test_who_takes_over_answers_for_all(who: Identity, boris: Identity) -> None:
    admin, talk = make_member(who, Role.ADMIN), real_talk(who)
    call(who, hand_off.hand_off, talk)
    assert (unread(boris), unread(admin)) == (1, 1)
    call(admin, hand_off.take_over, talk)
    assert (unread(boris), unread(admin)) == (0, 0)


def test_nobody_is_told_of_a_test_chat(who: Identity, boris: Identity) -> None:
    talk = begin(who)
    call(who, hand_off.hand_off, talk)
    call(who, triage.assign, talk, boris.user_id)
    assert told(boris) == []


def test_approvals_are_told_until_somebody_decides(who: Identity, boris: Identity) -> None:
    talk = real_talk(who)
    reply = wait_for_approval(who, talk)
    assert told(boris) == told(who) == ["Reply in “Anna” waits for approval"]
    with time_machine.travel(now() + timedelta(minutes=6), tick=False):
        approvals.handle_overdue()
    assert unread(boris) == 2 and told(boris)[1] == "Reply in “Anna” waits for approval too long"
    call(who, approvals.approve, reply, "")
    assert unread(boris) == unread(who) == 0


def test_a_decision_on_one_reply_leaves_the_others_of_its_conversation_unread(who: Identity, boris: Identity) -> None:
    talk = real_talk(who)
    first, second = wait_for_approval(who, talk), wait_for_approval(who, talk)
    assert unread(boris) == 2
    call(who, approvals.approve, first, "")
    assert [row.message_id for row in rows(boris) if row.read_at is None] == [second]
    call(who, approvals.reject, second, "Not true")
    assert unread(boris) == unread(who) == 0


def test_a_held_message_is_told_to_who_is_in_charge(who: Identity, boris: Identity) -> None:
    talk = real_talk(who)
    call(boris, hand_off.take_over, talk)
    call(who, agent_messages.send_message, talk, "Rate us!")
    assert (told(boris), told(who)) == (["A message in “Anna” is held"], [])


def test_an_assignee_is_told_when_a_snooze_is_over(who: Identity, boris: Identity) -> None:
    talk = real_talk(who)
    call(boris, triage.assign, talk, boris.user_id)
    call(boris, triage.snooze, talk, now() + timedelta(hours=1))
    with time_machine.travel(now() + timedelta(hours=2), tick=False):
        triage.end_snoozes()
        triage.end_snoozes()
    assert told(boris) == ["“Anna” is back: the snooze is over"] and told(who) == []


def test_notes_on_cards_are_events_that_rules_read(who: Identity) -> None:
    a_rule(who, "note_added", {"kind": "write_note", "text": "Seen: {{ note.text }}"})
    contact = call(who, contacts.create, name="Anna")
    call(who, notes.create, text="Likes red", contact_id=contact.id)
    run_jobs(who)
    found = call(who, cards.get_card, Holder.CONTACT, contact.id).notes
    assert {one.text for one in found} == {"Likes red", "Seen: Likes red"}  # that of the rule starts no rule
    assert activities(who).count("Note about “{title}”") == 1


def test_mentions_are_told_and_not_to_oneself(who: Identity, boris: Identity) -> None:
    talk = real_talk(who)
    call(who, member_messages.add_note, talk, "Look", mentions=[who.user_id, boris.user_id])
    assert told(boris) == [f"{who.name} mentions you in a note in “Anna”"] and told(who) == []


def test_tasks_are_told_to_who_is_responsible(who: Identity, boris: Identity) -> None:
    call(who, tasks.create, text="Call her", responsible_id=boris.user_id)
    call(boris, tasks.create, text="My own")
    assert told(boris) == ["Task assigned to you: Call her"] and told(who) == []


def test_a_rule_tells_a_member_at_each_run(who: Identity, boris: Identity) -> None:
    action = {"kind": "notify", "user_id": boris.user_id, "text": "Look at {{ contact.name }}"}
    a_rule(who, "conversation_assigned", action)
    talk = real_talk(who)
    for user_id in (who.user_id, None):
        call(who, triage.assign, talk, user_id)
    run_jobs(who)
    assert len(told(boris)) == 2 and told(boris)[0].endswith(": Look at Anna")
    assert (rows(boris)[0].kind, rows(boris)[0].link) == (NotificationKind.RULE, f"/inbox?c={talk}")


def test_who_began_an_import_is_told_how_it_ended(who: Identity, boris: Identity) -> None:
    begun(boris, 3)
    run_jobs(who)
    assert told(boris) == ["Import of “people.csv”: 3 created, 0 updated, 0 rejected"] and told(who) == []
    begun(boris, 2)
    cancelled(who)
    assert told(boris)[1:] == told(who) == ["Import of “people.csv” stalled: The job was canceled."]


def test_failures_are_told_to_admins_once_an_hour(who: Identity, boris: Identity) -> None:
    def fail(link: str) -> None:
        sentence, values = "Source “{title}” couldn’t be read", {"link": link, "title": "Prices"}
        with session_scope(who.tenant_id) as session:
            activity.record(session, who.tenant_id, ActivityKind.FAILURE, sentence, **values)

    for link in ("/knowledge/1", "/knowledge/1", "/knowledge/2", "/test-chat?c=1", "/jobs?kind=send_digest"):
        fail(link)
    assert told(who) == ["Source “Prices” couldn’t be read"] * 2 and told(boris) == []
    with time_machine.travel(now() + timedelta(hours=1), tick=False):
        fail("/knowledge/1")
    assert len(told(who)) == 3


def test_many_failures_of_one_rule_are_told_once(who: Identity, boris: Identity) -> None:
    a_rule(who, "contact_created", {"kind": "hand_off"}, name="Welcome")
    for name in ("Anna", "Cleo"):
        call(who, contacts.create, name=name)
    run_jobs(who)
    assert told(who) == ["Rule “Welcome” failed: No conversation with this lead or contact."]
    assert (
        words_of(rows(who)[0], "ru", who.time_zone).startswith("Правило «Welcome» не выполнено: ") and told(boris) == []
    )


def test_a_step_that_fails_is_told_to_admins(who: Identity, boris: Identity) -> None:
    sequence = a_sequence(who, do("hand", {"kind": "hand_off"}), do("end"))
    for _ in range(2):
        enrolled(who, sequence, a_lead(who))
    sequence_scheduler.run_due_steps()
    assert len(told(who)) == 1 and told(boris) == []
    assert told(who)[0].endswith(": No conversation with this lead or contact.")


def test_of_one_cause_a_member_is_told_once(who: Identity, boris: Identity) -> None:
    assert [len(tell(who, boris)), len(tell(who, boris, who)), len(tell(who, boris, cause="d"))] == [1, 1, 1]
    assert (len(rows(boris)), len(rows(who))) == (2, 1)
    assert tell(who, boris, cause="e", by=boris.user_id) == []


def test_two_transactions_tell_one_cause_once(who: Identity, boris: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(who, boris)
    monkeypatch.setattr(notifications, "_already_told", lambda *given: set())  # the other one is not committed yet
    assert tell(who, boris) == [] and len(rows(boris)) == 1


def test_who_has_left_and_strangers_are_told_nothing(who: Identity, other: Identity, boris: Identity) -> None:
    admin = make_member(who, Role.ADMIN)
    call(who, member_changes.set_access, boris.user_id, allowed=False)
    with session_scope(reason="tests") as session:
        session.exec(unscoped(User).where(User.id == admin.user_id)).one().disabled_at = now()
    assert tell(who, boris, admin, other) == []


def test_a_removed_member_leaves_nothing(who: Identity, boris: Identity) -> None:
    tell(who, boris)
    prefer(boris, "failure", in_console=False)
    call(who, member_changes.remove, boris.user_id)
    with session_scope(reason="tests") as session:
        assert not session.exec(unscoped(Notification)).all() + session.exec(unscoped(NotificationPreference)).all()


def test_each_chooses_by_kind(who: Identity, boris: Identity) -> None:
    prefer(boris, "task_due", in_console=False)
    tell(who, boris)
    assert unread(boris) == 0 and call(boris, notifications.list_recent) == [] and len(rows(boris)) == 1
    prefer(boris, "task_due", in_browser=False)
    assert tell(who, boris, cause="d") == []
    assert tell(who, who) and call(boris, preferences.list_own)[NotificationKind.FAILURE].in_console
    for kind, ways in (("nonsense", {}), ("failure", {"email": "hourly"})):
        with pytest.raises(Invalid):
            call(boris, preferences.save, kind, **ways)


def test_what_is_read_is_ones_own(who: Identity, other: Identity, boris: Identity) -> None:
    (first,), (second,) = tell(who, boris), tell(who, boris, cause="d")
    for stranger in (who, other):
        call(stranger, notifications.mark_read, first.id)
        call(stranger, notifications.mark_all_read)
        call(stranger, notifications.mark_link_read, "/leads")
    assert unread(boris) == 2
    call(boris, notifications.mark_read, first.id)
    assert [row.id for row in call(boris, notifications.list_recent) if row.read_at is None] == [second.id]
    call(boris, notifications.mark_link_read, "/leads")
    assert unread(boris) == 0


def test_old_ones_and_more_than_are_needed_are_deleted(
    who: Identity, boris: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notification_retention, "MAX_KEPT", 2)
    with time_machine.travel(now() - timedelta(days=91), tick=False):
        tell(who, who, boris)
    for cause in ("1", "2", "3"):
        tell(who, boris, cause=cause)
    notification_retention.delete_old()
    assert ([row.cause for row in rows(boris)], rows(who)) == (["2", "3"], [])


@pytest.mark.parametrize(
    ("at", "days"),
    [(datetime(2026, 11, 30, 8, 59), 0), (datetime(2026, 11, 30, 9), 1), (datetime(2026, 3, 28, 12), 1)],
)
def test_a_digest_is_due_at_nine_in_the_zone_of_the_tenant(at: datetime, days: int) -> None:
    zone = ZoneInfo("Europe/Berlin")  # its clocks change on March 29
    due = notifications.next_digest(at.replace(tzinfo=zone), "Europe/Berlin").astimezone(zone)
    assert due.replace(tzinfo=None) == datetime(at.year, at.month, at.day, 9) + timedelta(days=days)
