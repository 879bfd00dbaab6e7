"""Window warnings: which messages of a rule or sequence may come when a channel takes no free text any more.

Where nothing is warned of, the contact has written less than the window before: the gate then never holds for it.
"""

from datetime import timedelta
from typing import Any

from platform_app.automation.calendar import Delay, DelayKind, Timing, Unit
from platform_app.automation.send_gate import DAY
from platform_app.automation.step_base import Step
from platform_app.automation.steps import ActionStep, WaitStep
from platform_app.automation.values import parse_duration

AFTER_MESSAGE = "message_received"  # the trigger that is itself a message of the contact
_SPANS = {Unit.MINUTES: timedelta(minutes=1), Unit.HOURS: timedelta(hours=1)}  # that no clock change makes longer


def rule_may_be_late(trigger: str) -> bool:
    """Return whether the actions of a rule may come when the window is closed."""
    return trigger != AFTER_MESSAGE


def late_steps(trigger: str, steps: list[Step], unbounded: frozenset[str] = frozenset()) -> set[str]:
    """Return the ids of steps that may be taken when the window is closed.

    `unbounded` are the ids of steps after which an enrollment goes on at a time that nobody knows.
    """
    late: set[str] = set()
    _walk(steps, None if rule_may_be_late(trigger) else timedelta(0), late, unbounded)
    return late


def _walk(steps: list[Any], elapsed: timedelta | None, late: set[str], unbounded: frozenset[str]) -> timedelta | None:
    """Add the late ones of steps; return the longest time at their end, None if it may be any."""
    for step in steps:
        elapsed = _plus(elapsed, _longest_wait(step.timing))
        if step.off:
            continue
        if isinstance(step, ActionStep) and (elapsed is None or elapsed >= DAY):
            late.add(step.id)
        if isinstance(step, WaitStep):
            elapsed = _plus(elapsed, parse_duration(step.at_most))
        ends = [_walk(branch, elapsed, late, unbounded) for branch in step.branches().values()]
        if step.id in unbounded or None in ends:
            elapsed = None
        elif elapsed is not None:
            elapsed = max([elapsed, *(end for end in ends if end is not None)])
    return elapsed


def _plus(elapsed: timedelta | None, wait: timedelta | None) -> timedelta | None:
    return elapsed + wait if elapsed is not None and wait is not None else None


def _longest_wait(timing: Timing) -> timedelta | None:
    """Return how long a step waits at most, None if that depends on the calendar."""
    delay: Delay = timing.delay
    if timing.periods or timing.not_on_holidays or delay.kind == DelayKind.UNTIL:
        return None
    if delay.kind == DelayKind.NONE:
        return timedelta(0)
    return delay.count * _SPANS[delay.unit] if delay.unit in _SPANS else None
