"""Notification mail: each e-mail is sent once, to those who want it, while the notification is unread."""

from datetime import timedelta

import pytest
import time_machine

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import accounts, member_changes
from platform_app.services.notifications import digests, notifications
from tests.conftest import make_member
from tests.inviting import use_platform_mail
from tests.jobs.test_job_callbacks import attempt, cancelled, job_of
from tests.mail_catcher import PASSWORD, USER, Catcher, text_of
from tests.notifications.test_notifications import tell
from tests.notifying import prefer, rows, told
from tests.talking import activities, call, run_jobs


@pytest.fixture
def mail(env: pytest.MonkeyPatch, catcher: Catcher) -> Catcher:
    """The platform's own mail server."""
    use_platform_mail(env, catcher.port, user=USER, password=PASSWORD)
    return catcher


@pytest.fixture
def boris(who: Identity) -> Identity:
    """An operator beside the owner."""
    return make_member(who, Role.OPERATOR)


def jobs(who: Identity) -> list[Job]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(Job, who.tenant_id)).all())


def test_at_once(who: Identity, boris: Identity, mail: Catcher) -> None:
    prefer(boris, "task_due", email="at_once")
    tell(who, boris, who)
    run_jobs(who)
    (letter,) = mail.letters
    assert (letter["To"], letter["Subject"]) == (boris.email, "Acme: Task due: Call")
    assert "https://console.platform.test/manage/acme/leads" in text_of(letter)
    assert "https://console.platform.test/manage/acme/settings/notifications" in text_of(letter)


def test_not_what_was_read_meanwhile_nor_to_who_has_left(who: Identity, boris: Identity, mail: Catcher) -> None:
    prefer(boris, "task_due", email="at_once")
    tell(who, boris)
    call(boris, notifications.mark_all_read)
    run_jobs(who)
    tell(who, boris, cause="d")
    call(who, member_changes.set_access, boris.user_id, allowed=False)
    run_jobs(who)
    assert mail.letters == []


def test_a_retry_sends_once(who: Identity, boris: Identity, mail: Catcher) -> None:
    prefer(boris, "task_due", email="at_once")
    tell(who, boris)
    mail.faults["DATA"] = "451 try later"
    attempt(who)
    assert (job_of(who).state, mail.letters) == (JobState.QUEUED, [])
    mail.faults.clear()
    attempt(who)
    assert (job_of(who).state, len(mail.letters)) == (JobState.DONE, 1)
    attempt(who, state=JobState.QUEUED)  # as after a crash between the call and the end of the job
    assert (job_of(who).state, len(mail.letters)) == (JobState.DONE, 1)


def test_a_failure_is_reported_and_told_to_nobody(who: Identity, boris: Identity, mail: Catcher) -> None:
    prefer(who, "failure", email="at_once")
    prefer(boris, "task_due", email="at_once")
    tell(who, boris)
    cancelled(who)
    assert activities(who) == ["Email notification to {name} not sent: {reason}"] and told(who) == []


def test_the_digest_lists_what_is_still_unread_once(who: Identity, boris: Identity, mail: Catcher) -> None:
    prefer(boris, "task_due", email="daily")
    tell(who, boris), tell(who, boris, cause="d"), tell(who, boris, cause="e")
    call(boris, notifications.mark_read, rows(boris)[0].id)
    digests.enqueue_due()
    assert jobs(who) == []
    due = rows(boris)[0].digest_at
    assert due is not None
    with time_machine.travel(due + timedelta(seconds=1), tick=False):
        for _ in range(2):
            digests.enqueue_due()
            run_jobs(who)
        (letter,) = mail.letters
        assert (letter["To"], letter["Subject"]) == (boris.email, "Acme: 2 unread notifications")
        assert text_of(letter).count("Task due: Call") == 2
        assert {row.digest_at for row in rows(boris)} == {None} and len(jobs(who)) == 1


def test_a_digest_of_nothing_is_not_sent(who: Identity, boris: Identity, mail: Catcher) -> None:
    prefer(boris, "task_due", email="daily")
    tell(who, boris)
    call(boris, notifications.mark_all_read)
    with time_machine.travel(now() + timedelta(days=1), tick=False):
        digests.enqueue_due()
        run_jobs(who)
    assert mail.letters == [] and rows(boris)[0].digest_at is None


def test_without_a_server_there_is_no_job(who: Identity, boris: Identity) -> None:
    prefer(boris, "task_due", email="at_once", in_console=False, in_browser=False)
    assert tell(who, boris) == [] and jobs(who) == []


def test_an_email_in_the_language_of_its_member(who: Identity, mail: Catcher) -> None:
    with session_scope(reason="tests") as session:
        accounts.set_language(session, who.user_id, "ru")
    prefer(who, "task_due", email="at_once")
    tell(who, who)
    run_jobs(who)
    assert mail.letters[0]["Subject"] == "Acme: Наступил срок задачи: Call"
