"""Held e-mails: a member sends one at once or discards it, on the page where it is shown; what follows it goes on."""

from typing import Any

import pytest

from platform_app.engine.enrollments import enrollments
from platform_app.engine.rules import held_emails, rule_runs, rules
from platform_app.errors import Conflict, NotFound
from platform_app.models.person import Identity
from platform_app.models.rule import RunState
from platform_app.models.sequence import EnrollmentState, StepState
from platform_app.services.chat import opt_outs
from platform_app.services.crm import contacts
from platform_app.state.rules.run import RunPageState
from platform_app.state.sequences.enrollment import EnrollmentPageState
from tests.chat.test_automatic_emails import EVENING, MORNING, NIGHT, action, counted
from tests.headless.harness import Tab, sign_in
from tests.headless.test_rule_pages import seen
from tests.mail_catcher import Catcher
from tests.mailing import EMAIL, anna, set_server
from tests.rules.test_rules import a_rule, runs
from tests.sequencing import a_sequence, at, do, enrolled, lines, way, work
from tests.talking import activities, call, run_jobs, set_policy

TAG = {"kind": "add_tag", "tag": "told"}


@pytest.fixture
def night(who: Identity, catcher: Catcher) -> Any:
    """The evening before quiet hours end, with a mail server."""
    set_server(who, catcher.port)
    set_policy(who, **NIGHT)
    with at(EVENING) as moment:
        yield moment


def held(who: Identity) -> tuple[str, str]:
    """Let a rule's e-mail be held; return the ids of the contact and the run."""
    a_rule(who, "contact_created", EMAIL, TAG)
    row = anna(who)
    run_jobs(who)
    assert action(who)["state"] == rule_runs.HELD
    return row.id, runs(who)[0].id


def test_a_held_e_mail_of_a_rule_is_sent_once_and_the_rule_goes_on(who: Identity, catcher: Catcher, night: Any) -> None:
    contact_id, run_id = held(who)
    call(who, held_emails.release, run_id)
    with pytest.raises(Conflict):
        call(who, held_emails.release, run_id)
    run_jobs(who)
    assert len(catcher.letters) == 1 and counted(who) == 0 and runs(who)[0].state == RunState.DONE
    assert (action(who)["gate"], action(who)["released"]["by"]) == ({}, who.name)
    assert call(who, contacts.get, contact_id).tags == ["told"]
    assert "Held email of “{name}” sent" in activities(who)
    with pytest.raises(Conflict):
        call(who, held_emails.discard, run_id)


def test_the_clock_does_not_send_a_released_e_mail_again(who: Identity, catcher: Catcher, night: Any) -> None:
    _, run_id = held(who)
    call(who, held_emails.release, run_id)
    run_jobs(who)
    with at(MORNING):
        run_jobs(who)
    assert len(catcher.letters) == 1


def test_a_held_e_mail_of_a_rule_is_discarded_and_the_rule_goes_on(who: Identity, catcher: Catcher, night: Any) -> None:
    contact_id, run_id = held(who)
    call(who, held_emails.discard, run_id)
    run_jobs(who)
    with at(MORNING):
        run_jobs(who)
    assert catcher.letters == [] and runs(who)[0].state == RunState.DONE
    assert call(who, contacts.get, contact_id).tags == ["told"]


def test_a_contact_who_opted_out_gets_no_released_e_mail(who: Identity, catcher: Catcher, night: Any) -> None:
    contact_id, run_id = held(who)
    call(who, opt_outs.opt_out, contact_id)
    call(who, held_emails.release, run_id)
    run_jobs(who)
    assert catcher.letters == [] and action(who)["gate"]["reason"] == "opted_out"


def test_what_is_refused(who: Identity, other: Identity, night: Any) -> None:
    _, run_id = held(who)
    for decide in (held_emails.release, held_emails.discard):
        with pytest.raises(NotFound):
            call(other, decide, run_id)
    call(who, rules.DEFINITIONS.switch, runs(who)[0].rule_id, enabled=False)
    with pytest.raises(Conflict, match="Turn the rule on"):
        call(who, held_emails.release, run_id)


def test_a_held_e_mail_of_a_sequence_is_sent_at_once(who: Identity, catcher: Catcher, night: Any) -> None:
    enrolled(who, a_sequence(who, do("mail", EMAIL), do("note")), anna(who).id)
    work(who)
    assert lines(who)[0].state == StepState.HELD and way(who).state == EnrollmentState.ACTIVE
    call(who, enrollments.pause, way(who).id)
    with pytest.raises(Conflict, match="paused"):
        call(who, enrollments.release_email, way(who).id)
    call(who, enrollments.resume, way(who).id)
    call(who, enrollments.release_email, way(who).id)
    work(who)
    mail, after = lines(who)
    assert len(catcher.letters) == 1 and (mail.state, after.state) == (StepState.DONE, StepState.DONE)
    assert mail.gate["released"]["by"] == who.name and way(who).state == EnrollmentState.FINISHED
    with pytest.raises(Conflict):
        call(who, enrollments.release_email, way(who).id)


async def test_the_pages_offer_it_and_show_that_it_happened(who: Identity, catcher: Catcher, night: Any) -> None:
    _, run_id = held(who)
    enrolled(who, a_sequence(who, do("mail", EMAIL)), anna(who, name="Boris").id)
    work(who)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/rules/runs/{run_id}", settle=False)
        await tab.until(lambda: seen(tab, RunPageState, "head") and seen(tab, RunPageState, "head").id == run_id)
        assert tab.get(RunPageState, "view").has_held_email
        await tab.send(RunPageState.release_email())
        view = tab.get(RunPageState, "view")
        assert not view.has_held_email and view.actions[0].review == f"Sending now: {who.name}"
        run_jobs(who)
        await tab.goto(f"/manage/acme/rules/runs/{run_id}", settle=False)
        sent = f"Sent by {who.name} after it was held"
        await tab.until(lambda: seen(tab, RunPageState, "view").actions[0].review == sent)
        await tab.goto(f"/manage/acme/sequences/enrollments/{way(who).id}", settle=False)
        await tab.until(lambda: seen(tab, EnrollmentPageState, "has_held_email"))
        await tab.send(EnrollmentPageState.release_email())
        assert not tab.get(EnrollmentPageState, "has_held_email")
        assert "Sending now" in tab.get(EnrollmentPageState, "history")[0].result
