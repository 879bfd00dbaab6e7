"""Mail of rules: it arrives once with its variables filled, or the run says why not; what is in doubt waits."""

from datetime import timedelta

import pytest
from sqlmodel import col

from platform_app.automation.input_fields import input_fields
from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import owned, session_scope, unscoped
from platform_app.engine.actions.outbound_actions import SendEmail
from platform_app.engine.rules import dry_run, rule_runs, rule_worker, rules
from platform_app.errors import Conflict, Invalid
from platform_app.integrations import smtp
from platform_app.jobs import RunningJob
from platform_app.models.event import Event
from platform_app.models.job import Effect, Job, JobState
from platform_app.models.person import Identity
from platform_app.models.rule import RuleRun, RunState
from platform_app.services.crm import contacts
from platform_app.services.jobs import ledger
from platform_app.services.jobs.effects import CallFailed
from platform_app.services.mail import mail_servers
from platform_app.state.rules import rule_words
from tests.conftest import free_port
from tests.mail_catcher import PASSWORD, Catcher, text_of
from tests.mailing import EMAIL, FORM, anna, set_server
from tests.rules.test_rule_webhooks import a_job
from tests.rules.test_rules import a_rule, runs
from tests.talking import activities, call, run_jobs


def test_arrives_once_with_its_variables_filled(who: Identity, catcher: Catcher) -> None:
    set_server(who, catcher.port)
    a_rule(who, "contact_created", EMAIL, {"kind": "add_tag", "tag": "written to"})
    row = anna(who)
    run_jobs(who)
    (letter,), (run,) = catcher.letters, runs(who)
    assert (letter["to"], letter["subject"]) == ("anna@people.test", "Заказ для Анна")
    assert str(letter["from"]) == "Магазин «Спица» <shop@shop.test>"
    assert text_of(letter) == "Здравствуйте, Анна.\n"
    assert run.state == RunState.DONE and call(who, contacts.get, row.id).tags == ["written to"]
    assert run.actions[0]["values"] == {"to": "anna@people.test", "text": "Заказ для Анна"}
    assert run.actions[0]["sentence"] == "Write to {to}: “{text}”"


@pytest.mark.parametrize(("to", "found"), [("", "anna@people.test"), ("boss@shop.test", "boss@shop.test")])
def test_goes_to_the_contact_or_to_whom_it_says(who: Identity, catcher: Catcher, to: str, found: str) -> None:
    set_server(who, catcher.port)
    a_rule(who, "contact_created", EMAIL | {"to": to})
    anna(who)
    run_jobs(who)
    assert [letter["to"] for letter in catcher.letters] == [found]


def test_a_customer_adds_no_header_and_no_recipient(who: Identity, catcher: Catcher) -> None:
    set_server(who, catcher.port)
    text = {"subject": "{{ message.text }}", "text": "{{ message.text }}"}
    a_rule(who, "contact_created", EMAIL | {"subject": "Hi {{ contact.name }}"})
    a_rule(who, "contact_created", EMAIL | {"to": "{{ contact.name }}"} | text)
    anna(who, name="x@y.test, evil@evil.test Bcc: evil@evil.test")
    run_jobs(who)
    (letter,) = catcher.letters
    assert letter["subject"] == "Hi x@y.test, evil@evil.test Bcc: evil@evil.test" and letter["bcc"] is None
    assert catcher.envelopes[0][1] == ["anna@people.test"]
    assert [run.state for run in runs(who)] == [RunState.DONE, RunState.FAILED]


def test_without_a_server_or_an_address_it_fails_in_words(who: Identity, catcher: Catcher) -> None:
    set_server(who, catcher.port)
    a_rule(who, "contact_created", EMAIL)
    anna(who, emails=[])
    call(who, mail_servers.remove)
    anna(who)
    run_jobs(who)
    first, second = runs(who)
    assert first.state == second.state == RunState.FAILED
    assert first.actions[0]["error"] == second.actions[0]["error"] == mail_servers.NO_SERVER
    set_server(who, catcher.port)
    for run in (first, second):
        call(who, rule_runs.retry, run.id)
    run_jobs(who)
    first, second = runs(who)
    assert first.actions[0]["error"] == "No address to write to." and second.state == RunState.DONE
    assert len(catcher.letters) == 1


def test_a_key_that_is_gone_is_said(who: Identity, catcher: Catcher, env: pytest.MonkeyPatch) -> None:
    set_server(who, catcher.port)
    a_rule(who, "contact_created", EMAIL)
    env.setenv("PLATFORM_SECRET_KEY", "another-" + "k" * 32)
    settings.cache_clear()
    anna(who)
    run_jobs(who)
    (run,) = runs(who)
    assert run.state == RunState.FAILED and "encryption key is missing" in run.actions[0]["error"]
    with pytest.raises(Conflict, match="is missing"):
        call(who, mail_servers.password_suffix)
    assert catcher.letters == []


def test_publishing_says_that_a_server_is_missing(who: Identity) -> None:
    row = call(who, rules.DEFINITIONS.create, name="Rule", draft={"trigger": "contact_created", "actions": [EMAIL]})
    assert call(who, rules.problems, call(who, rules.DEFINITIONS.get, row.id)) == {"action.0": mail_servers.NO_SERVER}
    with pytest.raises(Invalid):
        call(who, rules.DEFINITIONS.publish, row.id)
    call(who, mail_servers.save, FORM)
    assert call(who, rules.problems, call(who, rules.DEFINITIONS.get, row.id)) == {}


@pytest.mark.parametrize(
    ("to", "wrong"), [("anna", True), ("a@b.test, c@d.test", True), ("a@b.test", False), ("{{ contact.email }}", False)]
)
def test_an_address_that_is_none_is_said_at_its_field(who: Identity, to: str, wrong: bool) -> None:
    call(who, mail_servers.save, FORM)
    row = call(
        who, rules.DEFINITIONS.create, name="Rule", draft={"trigger": "lead_created", "actions": [EMAIL | {"to": to}]}
    )
    found = call(who, rules.problems, row)
    assert found == ({"action.0.to": "This isn’t an email address."} if wrong else {})


def test_a_dry_run_tells_and_sends_nothing(who: Identity, catcher: Catcher) -> None:
    set_server(who, catcher.port)
    rule_id = a_rule(who, "contact_created", EMAIL)
    call(who, rules.DEFINITIONS.switch, rule_id, enabled=False)
    anna(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        event = session.exec(owned(Event, who.tenant_id).where(Event.kind == "contact_created")).one()
    (told,) = call(who, dry_run.dry_run, rule_id, event.id, draft=False).actions
    assert told.possible and told.values == {"to": "anna@people.test", "text": "Заказ для Анна"}
    assert catcher.letters == [] and PASSWORD not in str(told)


def test_in_a_list_it_is_told_by_its_subject() -> None:
    words = rule_words.describe_action(EMAIL, "ru", {})
    assert words.startswith("отправить письмо: «Заказ для [Контакт: имя]»")
    assert {one.name: one.prefill for one in input_fields(SendEmail)}["to"] == "{{ contact.email }}"


def test_refused_for_good_is_not_repeated_and_the_other_rules_go_on(who: Identity, catcher: Catcher) -> None:
    set_server(who, catcher.port)
    catcher.faults["RCPT"] = "550 5.1.1 no such user"
    a_rule(who, "contact_created", EMAIL)
    a_rule(who, "contact_created", {"kind": "add_tag", "tag": "other"})
    row = anna(who)
    run_jobs(who)
    first, second = runs(who)
    assert (first.state, second.state) == (RunState.FAILED, RunState.DONE)
    assert first.actions[0]["error"] == "{host} refused {to}: {answer}"
    assert first.actions[0]["error_values"]["answer"] == "550 5.1.1 no such user"
    assert call(who, contacts.get, row.id).tags == ["other"] and catcher.tries == 0
    catcher.faults.clear()
    call(who, rule_runs.retry, first.id)
    run_jobs(who)
    assert runs(who)[0].state == RunState.DONE and len(catcher.letters) == 1


def test_a_sure_failure_is_tried_again_and_given_up_in_words(who: Identity, catcher: Catcher) -> None:
    set_server(who, free_port())
    a_rule(who, "contact_created", EMAIL)
    anna(who)
    for attempt in range(1, 3):
        with pytest.raises(CallFailed):
            rule_worker.handle_event(a_job(who, attempt))
    assert runs(who)[0].state == RunState.RETRYING
    set_server(who, catcher.port)
    catcher.faults["DATA"] = "451 4.3.0 try later"
    with pytest.raises(CallFailed):
        rule_worker.handle_event(a_job(who, 3))
    assert runs(who)[0].actions[0]["error_values"]["answer"] == "451 4.3.0 try later"
    last = a_job(who, 5)
    rule_worker.handle_event(last)
    ledger.end_attempt(last, JobState.DONE, "")
    assert runs(who)[0].state == RunState.FAILED and catcher.letters == []
    catcher.faults.clear()
    call(who, rule_runs.retry, runs(who)[0].id)
    run_jobs(who)
    assert runs(who)[0].state == RunState.DONE and len(catcher.letters) == 1


@pytest.mark.parametrize("fault", ["drop", "hang"])
def test_in_doubt_is_shown_and_sent_again_only_by_hand(
    who: Identity, catcher: Catcher, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(smtp, "VERDICT_SECONDS", 0.3)
    set_server(who, catcher.port)
    catcher.faults["DATA"] = fault
    a_rule(who, "contact_created", EMAIL, {"kind": "add_tag", "tag": "after"})
    a_rule(who, "contact_created", {"kind": "add_tag", "tag": "other"})
    row = anna(who)
    run_jobs(who)
    first, second = runs(who)
    assert (first.state, second.state) == (RunState.UNCERTAIN, RunState.DONE)
    assert [line["state"] for line in first.actions] == ["uncertain", "waiting"]
    assert first.actions[0]["error"] == rule_worker.IN_DOUBT
    assert call(who, contacts.get, row.id).tags == ["other"]
    assert "Rule “{name}”: delivery unconfirmed" in activities(who)
    catcher.faults.clear()
    run_jobs(who)
    ledger.recover_abandoned()
    run_jobs(who)
    assert catcher.tries == 1
    call(who, rule_runs.retry, first.id)
    run_jobs(who)
    assert runs(who)[0].state == RunState.DONE and catcher.tries == 2
    assert call(who, contacts.get, row.id).tags == ["other", "after"]


def claimed(who: Identity) -> RunningJob:
    """Take the event's job in hand, as a worker does."""
    with session_scope(who.tenant_id, read_only=True) as session:
        job = session.exec(owned(Job, who.tenant_id).where(Job.kind == "handle_event")).first()
    taken = ledger.claim(job.id)
    assert taken is not None
    return taken


def die(who: Identity, job: RunningJob) -> None:
    """Leave what a worker leaves that dies between the call and its outcome; its lease runs out."""
    (run,) = [run for run in runs(who) if run.place == 0]
    key = rule_runs.idempotency_key(run.event_id, run.id, 0)
    with session_scope(who.tenant_id) as session:
        session.add(Effect(tenant_id=who.tenant_id, job_id=job.id, key=key, repeatable=False))
        session.exec(owned(Job, who.tenant_id).where(Job.id == job.id)).one().lease_until = now() - timedelta(hours=1)
        session.exec(owned(RuleRun, who.tenant_id).where(RuleRun.id == run.id)).one().state = RunState.RUNNING
    ledger.recover_abandoned()


@pytest.mark.parametrize("meanwhile", ["nothing", "server removed", "rule switched off"])
def test_a_worker_that_dies_in_the_middle_leaves_a_doubt(who: Identity, catcher: Catcher, meanwhile: str) -> None:
    set_server(who, free_port())
    rule_id = a_rule(who, "contact_created", EMAIL)
    a_rule(who, "contact_created", {"kind": "add_tag", "tag": "other"})
    row = anna(who)
    job = claimed(who)
    with pytest.raises(CallFailed):  # the runs are written now
        rule_worker.handle_event(job)
    set_server(who, catcher.port)
    die(who, job)
    if meanwhile == "server removed":
        call(who, mail_servers.remove)
    if meanwhile == "rule switched off":
        call(who, rules.DEFINITIONS.switch, rule_id, enabled=False)
    run_jobs(who)
    first, second = runs(who)
    assert (first.state, second.state) == (RunState.UNCERTAIN, RunState.DONE)
    assert call(who, contacts.get, row.id).tags == ["other"] and catcher.tries == 0
    with session_scope(reason="tests", read_only=True) as session:
        states = session.exec(unscoped(Job).where(col(Job.id) == job.id)).one().state
    assert states == JobState.DONE


def test_a_worker_that_dies_again_and_again_is_not_waited_for(who: Identity, catcher: Catcher) -> None:
    set_server(who, free_port())
    a_rule(who, "contact_created", EMAIL)
    anna(who)
    job = claimed(who)
    with pytest.raises(CallFailed):
        rule_worker.handle_event(job)
    die(who, job)
    for _ in range(ledger.MAX_CRASHES * 2):
        again = ledger.claim(job.id)
        if again is None:
            break
        with session_scope(who.tenant_id) as session:
            session.exec(owned(Job, who.tenant_id).where(Job.id == job.id)).one().lease_until = now() - timedelta(1)
        ledger.recover_abandoned()
    with session_scope(who.tenant_id, read_only=True) as session:
        found = session.exec(owned(Job, who.tenant_id).where(Job.id == job.id)).one()
    assert (found.state, found.attempts) == (JobState.UNCERTAIN, ledger.MAX_CRASHES * 2)


def test_no_inner_server_is_reached(who: Identity, env: pytest.MonkeyPatch) -> None:
    with Catcher() as inner:  # nothing is opened to e-mail here
        set_server(who, inner.port, user_name="", password="")
        a_rule(who, "contact_created", EMAIL)
        anna(who)
        run_jobs(who)
        (run,) = runs(who)
        assert run.actions[0]["error"] == "This URL is blocked."
        with pytest.raises(Invalid, match="is blocked"):
            mail_servers.send_test(who)
        assert run.state == RunState.FAILED and inner.tries == 0
