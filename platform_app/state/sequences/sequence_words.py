"""Sequence words: sequences, steps and enrollments as translated texts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from platform_app.automation.calendar import Delay, DelayKind, Period, Timing, WaitReason, ZoneSource
from platform_app.automation.input_fields import InputField, input_fields
from platform_app.automation.sequences import SequenceDefinition
from platform_app.automation.step_base import Step, StepInput
from platform_app.automation.steps import STEPS
from platform_app.engine.actions.actions import ACTIONS
from platform_app.i18n import clause, plural, translate
from platform_app.models.sequence import Enrollment, EnrollmentState
from platform_app.state.rules.named_variables import BRACKETS
from platform_app.state.rules.proof_view import ViewContext
from platform_app.state.rules.rule_words import CLAUSES, TRIGGERS, describe_action, describe_conditions, mark_off

_WITHOUT_SUBJECT = ("member_invited", "invitation_revoked", "member_joined", "member_changed", "member_removed")
OFFERED = [kind for kind in TRIGGERS if kind not in ("schedule", "no_reply", *_WITHOUT_SUBJECT)]
SHORT_DAYS = {1: "Mon", 2: "Tue", 3: "Wed", 4: "Thu", 5: "Fri", 6: "Sat", 7: "Sun"}
ZONES = {
    "tenant": "Company time zone",
    "contact": "The contact’s time zone",
    "fixed": "Other time zone…",
}
UNITS = {"minutes": "minutes", "hours": "hours", "days": "days", "weeks": "weeks"}
DELAYS = {"none": "Immediately", "span": "After a delay", "until": "On a schedule"}
STATES = {
    "active": ("Active|enrollment", "blue"),
    "paused": ("Paused", "amber"),
    "held": ("The sequence is turned off", ""),
    "finished": ("Completed", "green"),
    "goal": ("Goal reached", "green"),
    "left": ("Exited", ""),
    "failed": ("A step failed", "red"),
}
EXIT_REASONS = {
    "replied": "Replied",
    "stage": "The stage changed",
    "condition": "Exit condition met",
    "awaited": "Wait timed out",
    "again": "Restarted",
    "removed": "Removed by a teammate",
    "stopped": "Removed by automation",
    "deleted": "Deleted",
    "member": "A member wrote",
}
STEP_STATES = {
    "done": ("Completed", "green"),
    "skipped": ("Skipped: condition not met", ""),
    "off": ("Skipped: turned off", ""),
    "held": ("Not sent: stopped before sending", "amber"),
    "late": ("Skipped: due during downtime", "amber"),
    "passed": ("Skipped by a teammate", ""),
    "outside": ("Running", "blue"),
    "retrying": ("Retrying", "amber"),
    "failed": ("Failed", "red"),
    "uncertain": ("Delivery unconfirmed", "amber"),
    "cancelled": ("Not done: they had left before", ""),
}
ENTRIES = {
    "enters": ("Would enter", "green"),
    "condition": ("Condition not met", ""),
    "leaves": ("Would enroll and exit right away: an exit condition or the goal is already met", "amber"),
    "inside": ("Is in it already", ""),
    "before": ("Has been in it before", ""),
    "too_deep": ("Stopped: automation loop (5 levels)", "amber"),
    "nobody": ("Not a lead or contact", ""),
}
ENDED = "An exit condition or the goal is already met at enrollment, so they’d exit before the first step."
ENDS = {
    "finished": "Completed",
    "goal": "Goal reached",
    "replied": "Replied",
    "stage": "The stage changed",
    "condition": "Exit condition met",
    "awaited": "Wait timed out",
    "never": "Step’s time window never opens",
    "on the way": "Active|enrollment",
}
BRANCHES = {name: words for step_class in STEPS.values() for name, words in step_class.branch_labels.items()}
ICONS = {kind: step_class.icon for kind, step_class in STEPS.items()}
ACTION_ICONS = {kind: action.icon for kind, action in ACTIONS.items()}
_WAITS = {
    WaitReason.DELAY: "waits until {when}",
    WaitReason.UNTIL: "waits until {when}",
    WaitReason.WINDOW: "waits for its window: {when}",
    WaitReason.HOLIDAY: "a holiday: waits until {when}",
}


def enrollment_status(row: Enrollment, language: str) -> tuple[str, str]:
    """Return the state of an enrollment as text and colour."""
    words, colour = STATES[row.state.value]
    if row.state == EnrollmentState.LEFT and row.leaving is not None:
        words = EXIT_REASONS[row.leaving.value]
    return translate(language, words), colour


def format_clock(at: datetime, language: str, zone: str) -> str:
    """Return a time as day and time of day in a zone."""
    pattern = "EEE, d MMM, HH:mm" if language == "ru" else "EEE, MMM d, HH:mm"
    return str(format_datetime(at, pattern, tzinfo=ZoneInfo(zone), locale=language))


def wait_text(wait: WaitReason, when: str, language: str) -> str:
    """Return the reason for waiting as text."""
    return translate(language, _WAITS[wait], when=when)


def describe_delay(delay: Delay, language: str) -> str:
    """Return a delay as text, "" for none."""
    if delay.kind == DelayKind.NONE:
        return ""
    if delay.kind == DelayKind.UNTIL:
        return translate(language, "{days} at {time}", days=describe_days(delay.days, language), time=delay.time)
    count = delay.count
    return {
        "minutes": lambda: plural(language, "after {count} minute", "after {count} minutes", count),
        "hours": lambda: plural(language, "after {count} hour", "after {count} hours", count),
        "days": lambda: plural(language, "after {count} day", "after {count} days", count),
        "weeks": lambda: plural(language, "after {count} week", "after {count} weeks", count),
    }[delay.unit.value]()


def describe_days(days: list[int], language: str) -> str:
    """Return days of the week as text, with ranges joined."""
    if len(days) == len(SHORT_DAYS):
        return translate(language, "every day")
    parts: list[list[int]] = []
    for day in sorted(days):
        if parts and parts[-1][-1] == day - 1:
            parts[-1].append(day)
        else:
            parts.append([day])
    named = {day: translate(language, words) for day, words in SHORT_DAYS.items()}
    return ", ".join(
        f"{named[part[0]]}–{named[part[-1]]}" if len(part) > 2 else ", ".join(named[day] for day in part)
        for part in parts
    )


def describe_period(period: Period, language: str) -> str:
    """Return a period of a window as text."""
    return f"{describe_days(period.days, language)} {period.start}–{period.end}"


def describe_timing(timing: Timing, language: str) -> str:
    """Return a timing as text."""
    parts = [describe_delay(timing.delay, language)]
    if timing.periods:
        shown = "; ".join(describe_period(period, language) for period in timing.periods)
        parts.append(translate(language, "within {periods}", periods=shown))
    if timing.not_on_holidays:
        parts.append(clause(translate(language, "Skip holidays")))
    if timing.zone == ZoneSource.CONTACT:
        parts.append(translate(language, "by the contact’s clock"))
    elif timing.zone == ZoneSource.FIXED:
        parts.append(timing.fixed_zone)
    return ", ".join(part for part in parts if part) or translate(language, "immediately")


def describe_step(step: Any, context: ViewContext, named: Mapping[str, str], *, marks: str = BRACKETS) -> str:
    """Return a step as a clause; `marks` are the two characters around the name of a variable."""
    language = context.language
    if step.kind == "do":
        unnamed = clause(translate(language, "Actions"))
        return describe_action(step.action, language, named, marks=marks) if step.action else unnamed
    shown = {
        field.name: _shown(getattr(step, field.name), field, context, named=named) for field in input_fields(type(step))
    }
    return clause(translate(language, step.sentence, **shown))


def _shown(value: Any, field: InputField, context: ViewContext, *, named: Mapping[str, str]) -> str:
    if field.input == StepInput.CONDITION:
        return describe_conditions(value, context, named) or "…"
    return clause(translate(context.language, field.options.get(str(value), str(value))))


def step_icon(step: Mapping[str, Any]) -> str:
    """Return the icon of a step from its JSON values: that of its action, if it has one."""
    action = (step.get("action") or {}).get("kind")
    return ACTION_ICONS.get(str(action)) or ICONS.get(str(step.get("kind")), "zap")


def describe_trigger(own: SequenceDefinition, language: str) -> str:
    """Return the trigger of a sequence as a clause."""
    return translate(language, CLAUSES[own.trigger])


def describe_sequence(
    own: SequenceDefinition, steps: list[Step], context: ViewContext, named: Mapping[str, str]
) -> str:
    """Return a sequence as sentences."""
    language = context.language
    parts = [translate(language, "Starts when {trigger},", trigger=describe_trigger(own, language))]
    if condition := describe_conditions(own.condition, context, named):
        parts.append(translate(language, "if {condition},", condition=condition))
    told = "; ".join(
        f"{describe_timing(step.timing, language)} — "
        f"{mark_off(describe_step(step, context, named), language, is_off=step.off)}"
        for step in steps
    )
    parts.append(translate(language, "then {actions}.", actions=told or translate(language, "nothing yet")))
    out = [
        translate(language, words)
        for words, holds in (("they reply", own.leave_on_reply), ("the stage changes", own.leave_on_stage))
        if holds
    ]
    if leave := describe_conditions(own.leave_if, context, named):
        out.append(leave)
    if out:
        parts.append(translate(language, "Ends when {reasons}.", reasons=translate(language, " or ").join(out)))
    if goal := describe_conditions(own.goal, context, named):
        parts.append(translate(language, "The goal: {condition}.", condition=goal))
    return " ".join(parts)
