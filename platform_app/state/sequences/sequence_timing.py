"""Sequence timing: delay, window and time zone of the open step."""

import copy
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import reflex as rx
from pydantic import ValidationError

from platform_app.automation.calendar import EVERY_DAY, Period, Timing
from platform_app.automation.values import parse_whole
from platform_app.errors import Invalid, LimitReached
from platform_app.i18n import translate
from platform_app.models.person import Role
from platform_app.state.console.base import current_user, handler
from platform_app.state.sequences import sequence_tree as tree
from platform_app.state.sequences.sequence_tree import Data

MOST_PERIODS = 14
_SWITCHES = ("may_be_today", "not_on_holidays")


@dataclass
class PeriodLine:
    """A period of a window: hours on days of the week."""

    place: int
    number: str
    start: str
    end: str
    days: list[int] = field(default_factory=list)


@dataclass
class TimingView:
    """The timing of the open step in the editor."""

    delay: str = "none"
    count: str = "1"
    unit: str = "days"
    time: str = "10:00"
    days: list[int] = field(default_factory=list)
    may_be_today: bool = False
    zone: str = "tenant"
    fixed_zone: str = "UTC"
    not_on_holidays: bool = False
    periods: list[PeriodLine] = field(default_factory=list)
    problem: str = ""


class StepTimingEditor(rx.State, mixin=True):
    """The part of the editor that sets when the open step is taken."""

    timing: TimingView = TimingView()
    zones: list[str] = []
    opened: str = ""
    steps_key: int = 0  # grows when the fields of the open step are to be drawn anew
    _steps: list[Data] = []

    @abstractmethod
    async def _keep(self, steps: list[Data]) -> None:
        """Keep the steps as they stand after a change."""

    @abstractmethod
    async def _draw_open(self) -> None:
        """Update the fields of the open step."""

    @handler(Role.OPERATOR)
    async def set_timing(self, name: str, value: str) -> None:
        """Set a field of the timing. Raises Invalid if the field is unknown."""
        if name in ("kind", "unit", "time"):
            await self._change_timing(lambda timing: timing["delay"].update({name: value}))
        elif name == "count":
            count = parse_whole(value.strip(), 999_999)
            await self._change_timing(lambda timing: timing["delay"].update(count=count))
        elif name in ("zone", "fixed_zone"):
            await self._change_timing(lambda timing: timing.update({name: value[:60]}))
        else:
            raise Invalid("This value isn’t allowed.")

    @handler(Role.OPERATOR)
    async def switch_timing(self, name: str, on: bool) -> None:
        """Switch an option of the timing on or off. Raises Invalid if the option is unknown."""
        if name not in _SWITCHES:
            raise Invalid("This value isn’t allowed.")
        await self._change_timing(
            lambda timing: (timing["delay"] if name == "may_be_today" else timing).update({name: on})
        )

    @handler(Role.OPERATOR)
    async def toggle_day(self, place: int, day: int, selected: bool) -> None:
        """Add a day of the week to a period, or take it out; place -1 is the delay."""

        def change(timing: Data) -> None:
            own = timing["delay"] if place < 0 else timing["periods"][place]
            others = set(own["days"]) - {day}
            own["days"] = sorted(others | {day} if selected and day in EVERY_DAY else others)

        await self._change_timing(change)

    @handler(Role.OPERATOR)
    async def add_period(self) -> None:
        """Add a period to the window of the open step. Raises LimitReached at the maximum number."""
        if len(self.timing.periods) >= MOST_PERIODS:
            raise LimitReached("You can add up to {count} time windows.", count=MOST_PERIODS)
        await self._change_timing(lambda timing: timing["periods"].append(Period().model_dump(mode="json")))
        self.steps_key += 1

    @handler(Role.OPERATOR)
    async def remove_period(self, place: int) -> None:
        """Remove a period from the window."""
        await self._change_timing(lambda timing: timing["periods"].pop(place))
        self.steps_key += 1

    @handler(Role.OPERATOR)
    async def set_period(self, place: int, name: str, value: str) -> None:
        """Set the start or end of a period. Raises Invalid if `name` is neither "start" nor "end"."""
        if name not in ("start", "end"):
            raise Invalid("This value isn’t allowed.")
        shown = "24:00" if name == "end" and value == "00:00" else value
        await self._change_timing(lambda timing: timing["periods"][place].update({name: shown}))

    async def _change_timing(self, change: Callable[[Data], Any]) -> None:
        """Change the timing; an invalid value is shown with its problem and not saved."""
        steps = copy.deepcopy(self._steps)
        step = tree.find(steps, self.opened)
        timing = Timing.model_validate(step.get("timing") or {}).model_dump(mode="json")
        try:
            change(timing)
            step["timing"] = Timing.model_validate(timing).model_dump(mode="json")
        except ValidationError as error:
            language = (await current_user(self)).language
            self.timing.problem = translate(language, _timing_problem(error))
            return
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise Invalid("This value isn’t allowed.") from error
        await self._keep(steps)
        await self._draw_open()


def timing_view(own: Timing) -> TimingView:
    """Return a timing as the editor shows it."""
    periods = [
        PeriodLine(
            place, str(place + 1), period.start, "00:00" if period.end == "24:00" else period.end, list(period.days)
        )
        for place, period in enumerate(own.periods)
    ]
    delay = own.delay
    return TimingView(
        delay.kind.value,
        str(delay.count),
        delay.unit.value,
        delay.time,
        list(delay.days),
        delay.may_be_today,
        own.zone.value,
        own.fixed_zone,
        own.not_on_holidays,
        periods,
    )


def _timing_problem(error: ValidationError) -> str:
    """Return the problem with a timing as a message id."""
    text = " ".join(problem["msg"] for problem in error.errors())
    if "ends later" in text:
        return "The end has to be later than the beginning."
    if "at most" in text:
        return "At most two years."
    if any(problem["loc"][-1] == "days" for problem in error.errors()):
        return "Choose at least one day."
    return (
        "Enter a number."
        if any(problem["loc"][-1] == "count" for problem in error.errors())
        else "Enter a time of day."
    )
