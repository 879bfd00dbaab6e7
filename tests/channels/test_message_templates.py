"""Message templates: fetched, chosen in actions and by members, sent where no free text is taken, and nowhere else."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from platform_app import clock
from platform_app.automation.calendar import Calendar
from platform_app.automation.facts import Facts
from platform_app.automation.send_gate import Decision, OutboundMessage, SendContext, Sender, ServiceWindow, decide
from platform_app.automation.sequences import compile_sequence
from platform_app.automation.simulation import SimulationContext, simulate
from platform_app.channels.whatsapp import WHATSAPP
from platform_app.engine.actions import actions, window_checks
from platform_app.errors import Conflict, Invalid, Unavailable
from platform_app.models.channel import ChannelAccount, MessageTemplate, OutboundState
from platform_app.models.conversation import Message, MessageState
from platform_app.models.person import Identity
from platform_app.models.sending import GateReason
from platform_app.services.channels import template_list
from platform_app.services.chat import agent_messages, member_messages, message_templates
from tests.channels.bots import parts, states, work
from tests.channels.numbers import connected, post_now
from tests.channels.numbers import whatsapp as whatsapp
from tests.fakes.whatsapp import FakeWhatsApp
from tests.fakes.whatsapp_templates import template
from tests.sequencing import at
from tests.talking import call
from tests.visiting import rows, the_talk

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
REMINDER = "reminder/en_US"


@pytest.fixture
def number(who: Identity, whatsapp: FakeWhatsApp, monkeypatch: pytest.MonkeyPatch) -> ChannelAccount:
    """A connected number with templates, to which a customer has written."""
    monkeypatch.setattr(WHATSAPP.push, "chat_messages_per_second", 1_000)
    whatsapp.templates = [
        template("reminder", "Hello {{1}}, your {{2}} is ready.", FOOTER={"text": "Bike shop"}),
        template("named", "Hello {{first_name}}!"),
        template("plain", "We are open again."),
        template("paused", "Buy!", status="PAUSED"),
        template("picture", "Look", HEADER={"format": "IMAGE"}),
        template("button", "Track", BUTTONS={"buttons": [{"type": "URL", "url": "https://a.example/{{1}}"}]}),
    ]
    account = connected(who, whatsapp)
    template_list.refresh(who, account.id)
    post_now(account, whatsapp, whatsapp.write())
    return account


def later(hours: float) -> Any:
    """Let it be some hours later."""
    return at(clock.now() + timedelta(hours=hours))


def test_templates_are_fetched_page_by_page_and_replaced(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    usable = [message_templates.key_of(row) for row in call(who, _usable)]
    assert usable == ["named/en_US", "plain/en_US", REMINDER]
    problems = {row.name: row.problem for row in rows(who, MessageTemplate)}
    assert "image" in problems["picture"] and "buttons" in problems["button"] and problems["reminder"] == ""
    monkeypatch.setattr("platform_app.channels.whatsapp_templates.PAGE_SIZE", 2)
    whatsapp.templates = whatsapp.templates[:5]
    assert template_list.refresh(who, number.id) == 5 and len(rows(who, MessageTemplate)) == 5
    whatsapp.token = "EAAGother"
    with pytest.raises(Unavailable):
        template_list.refresh(who, number.id)
    assert len(rows(who, MessageTemplate)) == 5


def _usable(session: Any, who: Identity) -> list[MessageTemplate]:
    return message_templates.list_usable(session, who.tenant_id)


@pytest.mark.parametrize("hours", [1, 25])
def test_automation_sends_free_text_within_the_window_and_the_template_outside(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount, hours: float
) -> None:
    use = message_templates.use_of(REMINDER, ["Anna", " blue\nbike "])
    with later(hours):
        sent: Message = call(who, agent_messages.send_message, the_talk(who).id, "It is ready.", template=use)
        work(who)
    assert sent.state == MessageState.COMPLETE
    (message,) = [row for row in whatsapp.sent if row["type"] == "template"] or [{}]
    if hours < 24:
        assert whatsapp.texts()[-1] == "It is ready." and message == {}
        return
    assert sent.text == "Hello Anna, your blue bike is ready.\n\nBike shop"
    values = [row["text"] for row in message["template"]["components"][0]["parameters"]]
    assert (message["template"]["name"], values) == ("reminder", ["Anna", "blue bike"])


@pytest.mark.parametrize(
    "use",
    [
        {},
        message_templates.use_of(REMINDER, ["Anna"]),
        message_templates.use_of(REMINDER, ["Anna", " "]),
        message_templates.use_of("paused/en_US", []),
        message_templates.use_of("picture/en_US", []),
        message_templates.use_of("reminder/ru", ["a", "b"]),
        message_templates.use_of("unknown", []),
    ],
)
def test_a_template_that_cannot_be_sent_lets_the_message_be_held(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount, use: dict[str, Any]
) -> None:
    with later(25):
        kept: Message = call(who, agent_messages.send_message, the_talk(who).id, "It is ready.", template=use)
        work(who)
    assert (kept.state, kept.gate["reason"]) == (MessageState.HELD, "window")
    assert [row for row in whatsapp.sent if row["type"] == "template"] == []


def test_members_send_a_template_outside_of_the_window(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount
) -> None:
    talk = the_talk(who).id
    with later(25):
        with pytest.raises(Conflict):
            call(who, member_messages.send, talk, "Hello")
        for key, values, field in (("named/en_US", [], "values"), ("paused/en_US", [], "template")):
            with pytest.raises(Invalid) as caught:
                call(who, member_messages.send_template, talk, key, values=values)
            assert caught.value.field == field
        call(who, member_messages.send_template, talk, "named/en_US", values=["Anna"])
        work(who)
        assert states(who) == [OutboundState.SENT] and parts(who)[0].text == "Hello Anna!"
    (message,) = whatsapp.sent
    assert message["template"]["components"][0]["parameters"][0]["parameter_name"] == "first_name"


def test_the_template_of_an_action_is_filled_and_decided_by_the_same_gate(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount
) -> None:
    warned = call(who, window_checks.rule_warnings, "stage_changed", [{"kind": "send_message", "text": "Hi"}])
    assert "WhatsApp" in warned["action.0"] and "template" in warned["action.0"]
    chosen = {"kind": "send_message", "text": "Hi", "template": "plain/en_US"}
    assert call(who, window_checks.rule_warnings, "stage_changed", [chosen]) == {}
    assert call(who, window_checks.rule_warnings, "message_received", [{"kind": "send_message", "text": "Hi"}]) == {}
    assert actions.parse_action(chosen).has_template


UNITS = (("minutes", 1 / 60), ("hours", 1))


def a_timeline(seed: int) -> tuple[dict[str, Any], list[datetime]]:
    """Return a random sequence of messages, with and without templates, and when the contact writes."""
    chance = random.Random(seed)
    steps: list[dict[str, Any]] = []
    for number in range(chance.randint(1, 6)):
        action = {"kind": "send_message", "text": "Hi"} | chance.choice([{}, {"template": "plain/en_US"}])
        delay = chance.choice(
            [
                {"kind": "none"},
                {"kind": "span", "count": chance.randint(1, 40), "unit": chance.choice(["minutes", "hours", "days"])},
                {"kind": "until", "time": "10:00"},
            ]
        )
        timing: dict[str, Any] = {"delay": delay}
        if chance.random() < 0.2:
            timing["periods"] = [{"days": [1, 3, 5], "start": "09:00", "end": "17:00"}]
        steps.append({"kind": "do", "id": f"s{number}", "action": action, "timing": timing})
    trigger = chance.choice(["message_received", "message_received", "stage_changed", "manual"])
    wrote = sorted(NOON + timedelta(hours=chance.uniform(-60, 200)) for _ in range(chance.randint(0, 4)))
    if trigger == "message_received":
        wrote = sorted([*wrote, NOON])
    return {"trigger": trigger, "leave_on_reply": False, "steps": steps}, wrote


@pytest.mark.parametrize("seeds", [range(start, start + 100) for start in range(0, 500, 100)], ids=str)
def test_no_free_text_goes_out_of_the_window_and_warning_and_simulation_agree_with_the_gate(seeds: range) -> None:
    held = 0
    for seed in seeds:
        data, wrote = a_timeline(seed)
        compiled = compile_sequence(data)
        late = window_checks.late_message_steps(data["trigger"], list(compiled.steps.values()))

        def gate(step_id: str, moment: datetime, data: Any = data, wrote: Any = wrote) -> Decision:
            action = next(step["action"] for step in data["steps"] if step["id"] == step_id)
            before = [one for one in wrote if one <= moment]
            context = SendContext(window=ServiceWindow(before[-1] if before else None))
            asked = OutboundMessage(Sender.AUTOMATION, has_template="template" in action)
            return decide(context, asked, moment)

        context = SimulationContext(Calendar(), {}, lambda moment: Facts({}), gate=gate)
        for line in simulate(compiled, NOON, "key", context).steps:
            action = next(step["action"] for step in data["steps"] if step["id"] == line.step_id)
            is_open = any(one <= line.at < one + timedelta(hours=24) for one in wrote)
            is_free = line.gate.sends and not line.gate.as_template
            assert not is_free or is_open, (seed, line)
            assert line.gate.as_template is (not is_open and "template" in action)
            if line.gate.reason == GateReason.WINDOW:
                held += 1
                assert line.step_id in late and "template" not in action, (seed, line)
    assert held > 20
