"""Send forecast: dry runs, backtests and simulations show where the send gate would hold or drop messages."""

import os
import random
from datetime import datetime, timedelta

import pytest

from platform_app.automation.send_forecast import SendForecast
from platform_app.automation.send_gate import OutboundMessage, SendContext, Sender
from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.engine.rules import backtest, dry_run, rules
from platform_app.engine.sequences import sequence_backtest, sequence_trial
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity
from platform_app.models.sending import GateReason, SendingPolicy
from platform_app.services.chat import hand_off, opt_outs
from platform_app.services.crm import contacts, leads
from platform_app.services.mail import mail_servers
from platform_app.state.console import send_gate_words
from platform_app.state.rules.proof_view import ViewContext
from platform_app.state.rules.rule_trial import dry_run_view, summarize_backtest
from tests.automation.test_send_gate import FULL, NOON, ZONES, policy_with, violations
from tests.mailing import EMAIL, FORM, anna
from tests.rules.test_rules import a_rule
from tests.sequencing import a_lead, a_sequence, after, at, do
from tests.talking import call, real_talk, set_policy

AUTOMATIC, EXEMPT = (OutboundMessage(Sender.AUTOMATION, is_exempt=is_exempt) for is_exempt in (False, True))
SAY = {"kind": "send_message", "text": "Hello"}
ALWAYS = {"quiet_from": "00:00", "quiet_to": "23:59"}


def test_no_schedule_breaks_caps_or_quiet_hours() -> None:
    """Rules and sequences want to write to 50 contacts at random; what the forecast says is sent obeys the policy."""
    seed = int(os.environ.get("PLATFORM_SEED", "0")) or random.randrange(10**9)
    print("seed", seed)
    chance, policy = random.Random(seed), policy_with()
    zones, forecasts = [chance.choice(ZONES) for _ in range(50)], [SendForecast() for _ in range(50)]
    count, days = (100_000, 300) if FULL else (5_000, 25)
    moments = sorted(NOON + timedelta(days=chance.random() * days) for _ in range(count))
    reasons = set()
    for moment in moments:
        contact = chance.randrange(50)
        asked = EXEMPT if chance.random() < 0.1 else AUTOMATIC
        found = forecasts[contact].request(
            SendContext(policy, zones[contact]), asked, moment, is_retried=chance.random() < 0.8
        )
        reasons.add(found.reason)
        assert found.sends or found.until is None or found.until > moment
    assert reasons == {None, GateReason.QUIET_HOURS, GateReason.DAILY_CAP, GateReason.WEEKLY_CAP}
    for zone, forecast in zip(zones, forecasts, strict=True):
        forecast.release(policy, zone, moments[-1] + timedelta(days=400))
        assert forecast.sent and violations(policy, zone, forecast.sent) == []


def test_what_is_held_is_sent_later_and_counts_then() -> None:
    policy, forecast = SendingPolicy(daily_cap=1), SendForecast()
    context = SendContext(policy)
    assert forecast.request(context, AUTOMATIC, NOON).sends
    held = forecast.request(context, AUTOMATIC, NOON + timedelta(hours=1))
    assert (held.reason, held.until) == (GateReason.DAILY_CAP, NOON + timedelta(days=1))
    assert forecast.request(context, EXEMPT, NOON + timedelta(hours=1)).sends
    later = forecast.request(context, AUTOMATIC, NOON + timedelta(hours=30))
    assert (later.reason, later.until) == (GateReason.DAILY_CAP, NOON + timedelta(days=2))
    assert forecast.sent == [NOON, NOON + timedelta(days=1)]


def event_of(who: Identity, kind: EventKind) -> Event:
    """Return the last event of a kind."""
    with session_scope(who.tenant_id, read_only=True) as session:
        found: Event = session.exec(
            owned(Event, who.tenant_id).where(Event.kind == kind).order_by(Event.at.desc())
        ).first()
        return found


@pytest.mark.parametrize(
    ("policy", "reasons"),
    [
        ({}, ["", "", ""]),
        (ALWAYS, ["quiet_hours", "quiet_hours", ""]),
        ({"daily_cap": 1}, ["", "daily_cap", ""]),
    ],
)
def test_a_dry_run_shows_what_the_gate_would_hold(who: Identity, policy: dict[str, object], reasons: list[str]) -> None:
    call(who, mail_servers.save, FORM)
    set_policy(who, **policy)
    rule_id = a_rule(who, "contact_updated", SAY, EMAIL, SAY | {"limits": "exempt"})
    row = anna(who)
    real_talk(who, contact_id=row.id)
    call(who, rules.DEFINITIONS.switch, rule_id, enabled=False)
    call(who, contacts.save, row.id, {"name": "Anna"})
    found = call(who, dry_run.dry_run, rule_id, event_of(who, EventKind.CONTACT_UPDATED).id, draft=True)
    assert [one.gate.get("reason", "") for one in found.actions] == reasons
    shown = dry_run_view(found, ViewContext("ru", "Europe/Moscow", {})).actions
    assert ["Задержано" in words for words in shown] == [bool(reason) for reason in reasons]


def test_a_dry_run_shows_what_is_not_sent_at_all(who: Identity) -> None:
    rule_id = a_rule(who, "contact_updated", SAY)
    row = anna(who)
    talk = real_talk(who, contact_id=row.id)
    call(who, rules.DEFINITIONS.switch, rule_id, enabled=False)
    call(who, contacts.save, row.id, {"name": "Anna"})
    event_id = event_of(who, EventKind.CONTACT_UPDATED).id
    for change, reason in ((hand_off.take_over, "person"), (opt_outs.opt_out, "opted_out")):
        call(who, change, talk if reason == "person" else row.id)
        (told,) = call(who, dry_run.dry_run, rule_id, event_id, draft=True).actions
        assert told.possible and told.gate["reason"] == reason


def test_a_backtest_of_a_rule_counts_what_the_gate_would_hold(who: Identity) -> None:
    rule_id = a_rule(who, "contact_updated", SAY)
    call(who, rules.DEFINITIONS.switch, rule_id, enabled=False)
    row, out = anna(who), anna(who, name="Boris")
    for number in range(3):
        call(who, contacts.save, row.id, {"name": f"Anna {number}"})
    call(who, opt_outs.opt_out, out.id)
    call(who, contacts.save, out.id, {"name": "Bob"})
    for policy, held in (({}, {}), ({"daily_cap": 2}, {"daily_cap": 1}), (ALWAYS, {"quiet_hours": 3})):
        set_policy(who, **policy)
        found = call(who, backtest.backtest, rule_id, days=7)
        assert found.held == {"opted_out": 1} | held and found.reasons["fires"] == 4
    assert "Held by quiet hours: 3" in summarize_backtest(found, "en")


def test_a_simulation_shows_where_steps_are_held_and_e_mails_wait(who: Identity) -> None:
    call(who, mail_servers.save, FORM)
    set_policy(who, quiet_from="21:00", quiet_to="09:00")
    evening = datetime.fromisoformat("2027-03-01T20:00:00+00:00")
    sequence_id = a_sequence(
        who, do("say", SAY), do("mail", EMAIL), do("later", SAY, timing=after(1, "hours")), do("note")
    )
    lead = a_lead(who, emails=["anna@people.test"])
    real_talk_of(who, lead)
    for subject_id in ("", lead):
        found = call(who, sequence_trial.try_sequence, sequence_id, at=evening, subject_id=subject_id)
        say, mail, later, note = found.simulation.steps
        morning = evening + timedelta(hours=10)
        assert (say.at, say.gate.reason) == (evening, "quiet_hours")
        assert (mail.at, mail.gate.until) == (evening, morning), "the message does not hold the e-mail up"
        assert (later.at, later.gate.reason, note.at) == (morning + timedelta(hours=1), None, later.at)


def real_talk_of(who: Identity, lead_id: str) -> None:
    """Begin a conversation with the contact of a lead."""
    real_talk(who, contact_id=call(who, leads.get, lead_id).contact_id)


def test_caps_bite_in_a_simulation_and_what_was_sent_lately_counts(who: Identity) -> None:
    set_policy(who, daily_cap=1)
    sequence_id = a_sequence(who, do("one", SAY), do("two", SAY, timing=after(1, "hours")))
    found = call(who, sequence_trial.try_sequence, sequence_id, at=now())
    assert [step.gate.reason for step in found.simulation.steps] == [None, "daily_cap"]


def test_a_backtest_of_a_sequence_counts_what_the_gate_would_hold(who: Identity) -> None:
    call(who, mail_servers.save, FORM)
    sequence_id = a_sequence(who, do("say", SAY), do("mail", EMAIL), trigger="contact_created")
    with at(now() + timedelta(hours=1)):
        anna(who)
    for policy, held in (({}, {}), ({"daily_cap": 1}, {"daily_cap": 1}), (ALWAYS, {"quiet_hours": 2})):
        set_policy(who, **policy)
        with at(now() + timedelta(days=3)):
            assert call(who, sequence_backtest.backtest, sequence_id, days=7).held == held


def test_what_is_counted_has_its_words() -> None:
    counted = send_gate_words.count_words(dict.fromkeys(send_gate_words.COUNTED, 2), "ru")
    assert len(counted) == 4 and all(line.endswith(": 2") for line in counted) and "Held" not in str(counted)
