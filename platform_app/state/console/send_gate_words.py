"""Gate words: why the send gate kept a message back, in words for people."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from platform_app.clock import now
from platform_app.i18n import exact_time, translate
from platform_app.models.sending import GateReason

HANDED_OFF = "Held: the conversation was handed off to a person at {since}"
SENTENCES = {
    GateReason.PERSON: "Held: {by} took over at {since}",
    GateReason.WINDOW: "Held: the contact last wrote too long ago, so the channel accepts templates only",
    GateReason.QUIET_HOURS: "Held until {until}: quiet hours",
    GateReason.DAILY_CAP: "Held until {until}: limit of automatic messages in 24 hours ({limit})",
    GateReason.WEEKLY_CAP: "Held until {until}: limit of automatic messages in 7 days ({limit})",
    GateReason.CLOSED: "Not sent: the conversation is closed",
    GateReason.OPTED_OUT: "Not sent: the contact opted out",
    GateReason.TEST: "Not sent: caused by a test chat",
    GateReason.AGENT_OFF: "Not sent: the agent is turned off",
    GateReason.SHADOW: "Not sent: shadow mode",
    GateReason.CHANNEL: "Not sent: the agent isn’t active on this channel",
}

COUNTED = {  # in sums of backtests
    GateReason.QUIET_HOURS: "Held by quiet hours",
    GateReason.DAILY_CAP: "Held by the 24-hour limit",
    GateReason.WEEKLY_CAP: "Held by the 7-day limit",
    GateReason.OPTED_OUT: "Not sent: the contact opted out",
}


def count_words(held: Mapping[str, int], language: str) -> list[str]:
    """Return how many messages of a backtest the gate would hold or drop, a sentence for each reason."""
    named = {reason.value: words for reason, words in COUNTED.items()}
    return [f"{translate(language, named[reason])}: {count}" for reason, count in sorted(held.items())]


def gate_words(gate: Mapping[str, Any], language: str, zone: str) -> str:
    """Return a stored decision of the send gate as a sentence with times in `zone`; "" if the message was sent.

    Of a reply that waits for a decision on a tool call it is what the call would do.
    """
    if gate.get("tool_call"):
        asked = translate(language, str(gate["sentence"]), **gate["values"])
        return translate(
            language, "The agent asks to do this: {sentence}. Its arguments can be changed.", sentence=asked
        )
    doubts = []
    if gate.get("unfounded"):
        doubts.append(translate(language, "It says that something was done, but the agent has done nothing."))
    if gate.get("figures"):
        doubts.append(figure_words(gate["figures"], language))
    if doubts:
        return " ".join(doubts)
    reason = gate.get("reason")
    if reason not in list(GateReason):
        return ""
    values = {name: _shown(gate[name], language, zone) for name in ("by", "since", "until", "limit") if name in gate}
    sentence = SENTENCES[GateReason(reason)]
    if reason == GateReason.PERSON and not gate.get("by"):
        sentence = HANDED_OFF
    return translate(language, sentence, **{"until": "", "since": "", "by": "", "limit": ""} | values)


def figure_words(figures: Sequence[str], language: str) -> str:
    """Return the figures of a message that stand in no source as a sentence; "" if there are none."""
    if not figures:
        return ""
    return translate(language, "Figures without a source: {figures}.", figures="; ".join(figures))


def _shown(value: Any, language: str, zone: str) -> str:
    """Return a value as people read it: a moment of today as its time of day, another one with its date."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        return str(value)
    there = at.astimezone(ZoneInfo(zone))
    if there.date() == now().astimezone(ZoneInfo(zone)).date():
        return there.strftime("%H:%M")
    return exact_time(language, at, zone)
