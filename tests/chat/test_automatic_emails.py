"""Automatic e-mails: those of rules and sequences obey opt-outs, quiet hours and caps, which messages share."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.engine.actions import actions
from platform_app.engine.rules import rule_runs, rule_worker, rules
from platform_app.models.crm import Contact
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity
from platform_app.models.rule import RunState
from platform_app.models.sending import Dispatch
from platform_app.models.sequence import EnrollmentState, StepState
from platform_app.services.chat import agent_messages, conversations, opt_outs
from platform_app.services.crm import contacts
from platform_app.services.jobs import ledger
from platform_app.services.jobs.effects import CallFailed
from tests.conftest import free_port
from tests.mail_catcher import Catcher
from tests.mailing import EMAIL, anna, set_server
from tests.rules.test_rule_webhooks import a_job
from tests.rules.test_rules import a_rule, runs
from tests.sequencing import a_sequence, at, do, enrolled, lines, note, way, work
from tests.talking import add_agent, call, published, real_talk, run_jobs, say, set_policy

NOON = datetime.fromisoformat("2027-03-01T09:00:00+00:00")  # in Moscow
NIGHT = {"quiet_from": "21:00", "quiet_to": "09:00"}
EVENING = NOON + timedelta(hours=11)
MORNING = NOON + timedelta(hours=21)  # 09:00 there
EXEMPT = EMAIL | {"limits": "exempt"}


def counted(who: Identity) -> int:
    """Return how many messages and e-mails the caps count."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return len(session.exec(owned(Dispatch, who.tenant_id)).all())


def action(who: Identity, run: int = -1) -> dict[str, Any]:
    """Return the first action of a run, of the last one where none is named."""
    return runs(who)[run].actions[0]


def opted_out(who: Identity) -> Contact:
    """Write a contact who has opted out, and has no event yet that rules wait for."""
    row = anna(who)
    call(who, opt_outs.opt_out, row.id, word="stop")
    return row


def test_a_contact_who_opted_out_gets_no_e_mail_of_rules(who: Identity, catcher: Catcher) -> None:
    set_server(who, catcher.port)
    row = opted_out(who)
    for one in (EMAIL, EXEMPT, EMAIL | {"to": "Anna@People.test"}, EMAIL | {"to": "boss@shop.test"}):
        a_rule(who, "contact_updated", one, note())
    call(who, contacts.save, row.id, {"name": "Anna B."})
    run_jobs(who)
    assert [letter["to"] for letter in catcher.letters] == ["boss@shop.test"], "who is no contact has no say"
    assert [run.state for run in runs(who)] == [RunState.DONE] * 4
    dropped = [run.actions[0]["gate"] for run in runs(who) if "gate" in run.actions[0]]
    assert [(gate["verdict"], gate["reason"]) for gate in dropped] == [("drop", "opted_out")] * 3


def test_a_contact_who_opted_out_gets_no_e_mail_of_sequences(who: Identity, catcher: Catcher) -> None:
    set_server(who, catcher.port)
    row = opted_out(who)
    enrolled(who, a_sequence(who, do("mail", EMAIL), do("note")), row.id)
    work(who)
    mail, note = lines(who)
    assert catcher.letters == [] and way(who).state == EnrollmentState.FINISHED
    assert (mail.state, mail.gate["reason"], note.state) == (StepState.HELD, "opted_out", StepState.DONE)


def test_an_e_mail_of_a_rule_waits_for_the_end_of_quiet_hours(who: Identity, catcher: Catcher) -> None:
    set_server(who, catcher.port)
    set_policy(who, **NIGHT)
    a_rule(who, "contact_created", EMAIL, {"kind": "add_tag", "tag": "told"})
    with at(EVENING):
        row = anna(who)
        run_jobs(who)
        assert (action(who)["state"], action(who)["gate"]["reason"]) == ("held", "quiet_hours")
        assert runs(who)[0].state == RunState.RETRYING and call(who, contacts.get, row.id).tags == []
        call(who, contacts.save, row.id, {"language": "ru"})
        run_jobs(who)  # other events of the contact do not wait for it
    with at(MORNING - timedelta(seconds=1)):
        run_jobs(who)
        assert catcher.letters == [] and counted(who) == 0
    with at(MORNING):
        run_jobs(who)
        run_jobs(who)
        assert len(catcher.letters) == counted(who) == 1 and runs(who)[0].state == RunState.DONE
        assert action(who)["gate"] == {} and call(who, contacts.get, row.id).tags == ["told"]


def test_a_rule_that_is_switched_off_or_a_contact_who_opts_out_meanwhile(who: Identity, catcher: Catcher) -> None:
    set_server(who, catcher.port)
    set_policy(who, **NIGHT)
    off, on = a_rule(who, "contact_created", EMAIL), a_rule(who, "contact_created", EMAIL)
    with at(EVENING):
        row = anna(who)
        run_jobs(who)
        call(who, rules.DEFINITIONS.switch, off, enabled=False)
        call(who, opt_outs.opt_out, row.id)
    with at(MORNING):
        run_jobs(who)
    found = {run.rule_id: run for run in runs(who)}
    assert catcher.letters == [] and found[off].state == RunState.CANCELLED
    assert (found[on].state, found[on].actions[0]["gate"]["reason"]) == (RunState.DONE, "opted_out")


def test_a_job_that_fails_leaves_what_is_held_alone(who: Identity, catcher: Catcher) -> None:
    set_server(who, catcher.port)
    set_policy(who, **NIGHT)
    a_rule(who, "contact_created", EMAIL)
    a_rule(who, "contact_created", {"kind": "call_webhook", "url": f"https://127.0.0.1:{free_port()}/x", "body": ""})
    with at(EVENING):
        anna(who)
        job = a_job(who, 1)
        for _ in range(2):  # its retry does not try the e-mail again
            with pytest.raises(CallFailed):
                rule_worker.handle_event(job)
        told: dict[str, Any] = {"state": JobState.DEAD, "sentence": "Gone.", "values": {}}
        with session_scope(who.tenant_id) as session:
            rule_runs.on_failure(session, who.tenant_id, job.payload, **told)
            assert len(session.exec(owned(Job, who.tenant_id)).all()) == 2
        ledger.end_attempt(job, JobState.DEAD, "")
    assert action(who, 0)["state"] == "held" and runs(who)[1].state == RunState.FAILED
    with at(MORNING):
        run_jobs(who)
    assert len(catcher.letters) == 1 and runs(who)[0].state == RunState.DONE


def test_an_e_mail_of_a_sequence_waits_and_so_does_what_follows(who: Identity, catcher: Catcher) -> None:
    set_server(who, catcher.port)
    set_policy(who, **NIGHT)
    sequence_id = a_sequence(who, do("mail", EMAIL), do("note"))
    with at(EVENING):
        enrolled(who, sequence_id, anna(who).id)
        work(who)
        (mail,) = lines(who)
        assert (mail.state, mail.gate["reason"], way(who).due_at) == (StepState.HELD, "quiet_hours", MORNING)
    with at(MORNING):
        work(who)
    mail, note = lines(who)
    assert len(catcher.letters) == 1 and (mail.state, mail.gate) == (StepState.DONE, {})
    assert note.taken_at >= MORNING and way(who).state == EnrollmentState.FINISHED


def test_e_mails_and_messages_share_the_caps(who: Identity, catcher: Catcher) -> None:
    set_server(who, catcher.port)
    set_policy(who, daily_cap=2)
    a_rule(who, "contact_updated", EMAIL)
    row = anna(who)
    talk = real_talk(who, contact_id=row.id)
    call(who, agent_messages.send_message, talk, "One")
    for name in ("Anna B.", "Anna C."):
        call(who, contacts.save, row.id, {"name": name})
        run_jobs(who)
    assert len(catcher.letters) == 1 and (action(who)["state"], action(who)["gate"]["limit"]) == ("held", 2)
    assert call(who, agent_messages.send_message, talk, "Two").gate["reason"] == "daily_cap"
    with at(now() + timedelta(days=1, seconds=1)):
        run_jobs(who)
    assert len(catcher.letters) == 2 and {run.state for run in runs(who)} == {RunState.DONE}


def test_a_transactional_e_mail_is_neither_limited_nor_counted(who: Identity, catcher: Catcher) -> None:
    set_server(who, catcher.port)
    set_policy(who, daily_cap=1, quiet_from="00:00", quiet_to="23:59")
    a_rule(who, "contact_created", EXEMPT)
    anna(who)
    run_jobs(who)
    assert len(catcher.letters) == 1 and counted(who) == 0


@pytest.mark.parametrize("kind", ["send_message", "ask_agent"])
def test_a_transactional_message_is_neither_limited_nor_counted(who: Identity, kind: str) -> None:
    set_policy(who, daily_cap=1, quiet_from="00:00", quiet_to="23:59")
    text = {"text": "Hello", "prompt": "Say hello"}
    for limits, is_held in (("limited", True), ("exempt", False), ("", True)):
        parsed = actions.parse_action({"kind": kind, "limits": limits} | text)
        assert getattr(parsed, "limits", None) == limits
        rule_id = a_rule(who, "contact_updated", {"kind": kind, "limits": limits} | text)
        row = anna(who, name=f"Boris {limits}")
        real_talk(who, contact_id=row.id)
        call(who, contacts.save, row.id, {"name": "Anna"})
        run_jobs(who)
        found = next(run for run in runs(who)[::-1] if run.rule_id == rule_id)
        assert bool(found.actions[0].get("gate")) is is_held
        call(who, rules.DEFINITIONS.switch, rule_id, enabled=False)
    assert counted(who) == 0


def test_an_e_mail_that_fails_is_not_counted(who: Identity, catcher: Catcher) -> None:
    set_server(who, free_port())
    set_policy(who, daily_cap=1)
    a_rule(who, "contact_created", EMAIL)
    anna(who)
    with pytest.raises(CallFailed):
        rule_worker.handle_event(a_job(who, 1))
    assert counted(who) == 0
    set_server(who, catcher.port)
    rule_worker.handle_event(a_job(who, 2))
    assert len(catcher.letters) == counted(who) == 1


def test_two_contacts_with_one_address(who: Identity, catcher: Catcher) -> None:
    set_server(who, catcher.port)
    set_policy(who, daily_cap=1)
    a_rule(who, "contact_created", EMAIL)
    anna(who)
    anna(who, name="Boris")
    run_jobs(who)
    assert len(catcher.letters) == 1, "it is one mailbox"
    assert [run.actions[0]["state"] for run in runs(who)] == ["done", "held"]


def test_what_follows_from_a_test_chat_reaches_no_contact(who: Identity, catcher: Catcher) -> None:
    set_server(who, catcher.port)
    row = anna(who)
    a_rule(who, "message_received", {"kind": "add_tag", "tag": "asked"}, EMAIL | {"to": "boss@shop.test"}, EMAIL)
    a_rule(who, "tag_added", EMAIL)
    talk = call(who, conversations.create, add_agent(who), is_live=True).id
    call(who, conversations.set_test_context, talk, lead_id=None, contact_id=row.id)
    say(who, talk)
    run_jobs(who)
    assert [letter["to"] for letter in catcher.letters] == ["boss@shop.test"]
    gates = [line["gate"]["reason"] for run in runs(who) for line in run.actions if line.get("gate")]
    assert gates == ["test", "test"]
    real = real_talk(who, published(who), row.id)
    call(who, conversations.receive, real, "Hello")
    run_jobs(who)
    assert [letter["to"] for letter in catcher.letters][1:] == ["boss@shop.test", "anna@people.test"]
