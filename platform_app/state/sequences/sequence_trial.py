"""Sequence trial: simulation of a draft for a lead, and backtest on past events."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import reflex as rx

from platform_app.automation.simulation import SimulatedStep, Simulation, SimulationEnd
from platform_app.automation.values import parse_whole
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.engine.enrollments import enrollment_progress
from platform_app.engine.sequences import sequence_backtest, sequence_trial
from platform_app.engine.sequences.sequence_backtest import SequenceBacktest
from platform_app.engine.sequences.sequence_trial import AssumedEvent, SequenceTrial
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.errors import Invalid, PlatformError
from platform_app.i18n import exact_time, plural, sentence_case, translate
from platform_app.models.crm import Contact
from platform_app.models.event import Event
from platform_app.models.person import Identity, Role
from platform_app.services.crm import leads
from platform_app.services.feed import event_log
from platform_app.state.console.base import current_identity, error_toast, fetch, fetch_as, handler
from platform_app.state.console.option_lists import Option, stage_options
from platform_app.state.console.send_gate_words import count_words, gate_words
from platform_app.state.console.setting_text import names_by_id
from platform_app.state.rules.proof_view import ProofLine, ViewContext, proof_lines, view_context
from platform_app.state.sequences.sequence_words import (
    BRANCHES,
    ENDED,
    ENDS,
    ENTRIES,
    STEP_STATES,
    describe_step,
    format_clock,
    wait_text,
)

DAYS = ("7", "30", "90", "365")
MOST_DAYS = 730


@dataclass
class SimulatedStepLine:
    """A step of a simulation: time in both zones, action, and the reasons for the time."""

    when: str
    contact_time: str  # by the contact's clock, where that differs
    words: str
    result: str
    waits: list[str] = field(default_factory=list)
    colour: str = ""
    outcome: str = ""
    gate: str = ""  # why the send gate would hold or drop what the step sends
    proof: list[ProofLine] = field(default_factory=list)


@dataclass
class BacktestSampleLine:
    """A past event and the simulation that starts with it."""

    event_id: str
    when: str
    subject: str
    end: str
    steps: list[SimulatedStepLine] = field(default_factory=list)


class SequenceTrialState(rx.State):
    """The simulation and the backtest of the sequence in the address."""

    leads: list[Option] = []
    stages: list[Option] = []
    lead: str = ""
    at: str = ""
    reply_day: str = ""
    stage_day: str = ""
    stage: str = ""
    calendar: list[SimulatedStepLine] = []
    end: str = ""
    problem: str = ""
    days: str = "30"
    busy: bool = False
    summary: list[str] = []
    samples: list[BacktestSampleLine] = []
    opened: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch leads and stages, and clear earlier results."""
        identity = await current_identity(self)
        self.calendar, self.summary, self.samples, self.busy = [], [], [], False
        self.end = self.problem = self.opened = self.lead = self.reply_day = self.stage_day = self.stage = ""
        self.at = now().astimezone(ZoneInfo(identity.time_zone)).strftime("%Y-%m-%dT%H:%M")
        self.leads, self.stages = await fetch(self, _offered)

    @handler(Role.VIEWER)
    async def simulate(self, form: dict[str, Any]) -> None:
        """Show the steps of somebody who enters at the selected time."""
        identity, context = await current_identity(self), await view_context(self)
        given = {name: str(form.get(name) or "")[:60] for name in ("at", "lead", "reply_day", "stage_day", "stage")}
        self.problem = ""
        try:
            at = _moment(given["at"], identity.time_zone)
            what_ifs = _what_ifs(given)
            tried = await fetch(
                self, sequence_trial.try_sequence, self._id(), at=at, subject_id=given["lead"], assumed=what_ifs
            )
        except PlatformError as error:
            self.problem = translate(context.language, error.sentence, **error.values)
            self.calendar, self.end = [], ""
            return
        step_data = await fetch(self, _read_step_data, self._id(), given["lead"])
        somebody = tried if given["lead"] else None  # of nobody in particular it cannot be said what a step would do
        self.calendar = _simulated_lines(tried.simulation, somebody, step_data, context=context, identity=identity)
        self.end = _end_text(tried.simulation, context, identity)
        if tried.exits_at_entry:
            self.end = f"{self.end} · {translate(context.language, ENDED)}"

    @handler(Role.VIEWER)
    async def set_days(self, days: str) -> None:
        """Set the number of days the backtest covers."""
        self.days = days if days in DAYS else "30"

    @handler(Role.VIEWER)
    async def open_sample(self, event_id: str) -> None:
        """Expand a sample of the backtest, or collapse it."""
        self.opened = "" if self.opened == event_id else event_id[:32]

    @handler(Role.VIEWER, background=True)
    async def backtest(self) -> Any:
        """Simulate the draft for the events of the last days."""
        async with self:
            if self.busy:
                return None
            identity, context, days = await current_identity(self), await view_context(self), int(self.days)
            sequence_id, self.busy = self._id(), True
        try:
            result, subjects, step_data = await fetch_as(identity, _backtest, sequence_id, days)
        except PlatformError as error:
            async with self:
                self.busy = False
                return await error_toast(self, error)
        async with self:
            self.busy = False
            self.summary = _summary(result, context.language, step_data)
            self.samples = [
                BacktestSampleLine(
                    past.event_id,
                    exact_time(context.language, past.at, identity.time_zone),
                    subjects.get(past.event_id, ""),
                    _end_text(past.simulation, context, identity),
                    _simulated_lines(past.simulation, None, step_data, context=context, identity=identity),
                )
                for past in result.samples[::-1]
            ]
        return None

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]


@dataclass(frozen=True)
class _StepData:
    """What steps are drawn with: what each does, by id, and the contact's time zone."""

    steps: dict[str, Any]
    names: dict[str, str]
    zone: str = ""


def _offered(session: Transaction, who: Identity) -> tuple[list[Option], list[Option]]:
    listed, _ = leads.list_leads(session, who, page_size=100)
    return [Option(lead.id, lead.title) for lead in listed], stage_options(session, who)


def _read_step_data(session: Transaction, who: Identity, sequence_id: str, subject_id: str = "") -> _StepData:
    row = DEFINITIONS.get(session, who, sequence_id)
    zone = ""
    if subject_id:
        contact_id = enrollment_progress.get_subject(session, who, subject_id).contact_id
        contact = session.get(Contact, contact_id) if contact_id else None
        zone = contact.time_zone if contact else ""
    return _StepData(enrollment_progress.cached_sequence(row.id, row.draft).steps, names_by_id(session, who), zone)


def _backtest(
    session: Transaction, who: Identity, sequence_id: str, days: int
) -> tuple[SequenceBacktest, dict[str, str], _StepData]:
    result = sequence_backtest.backtest(session, who, sequence_id, days=days)
    events: list[Event] = [event_log.get(session, who, past.event_id) for past in result.samples]
    return result, event_log.subject_names(session, who, events), _read_step_data(session, who, sequence_id)


def _moment(text: str, zone: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except ValueError as error:
        raise Invalid("Enter a date and a time of day.", field="at") from error


def _what_ifs(given: dict[str, str]) -> list[AssumedEvent]:
    assumed = []
    for field_, kind in (("reply_day", "reply"), ("stage_day", "stage")):
        if not given[field_]:
            continue
        days = parse_whole(given[field_].strip(), MOST_DAYS)
        if days is None:
            raise Invalid("Enter a number of days.", field=field_)
        if kind == "stage" and not given["stage"]:
            raise Invalid("Choose a stage.", field="stage")
        assumed.append(AssumedEvent(timedelta(days=days), kind, given["stage"] if kind == "stage" else ""))
    return assumed


def _simulated_lines(
    simulation: Simulation,
    tried: SequenceTrial | None,
    step_data: _StepData,
    *,
    context: ViewContext,
    identity: Identity,
) -> list[SimulatedStepLine]:
    return [_simulated_line(line, tried, step_data, context=context, identity=identity) for line in simulation.steps]


def _simulated_line(
    line: SimulatedStep, tried: SequenceTrial | None, step_data: _StepData, *, context: ViewContext, identity: Identity
) -> SimulatedStepLine:
    language, step = context.language, step_data.steps[line.step_id]
    result, possible = "", True
    if tried is not None and line.step_id in tried.previews:
        sentence, values, possible = tried.previews[line.step_id]
        result = translate(language, sentence, **values)
    outcome, colour = "", "" if possible else "red"
    if line.decision.is_off:
        outcome = translate(language, STEP_STATES["off"][0])
    elif line.decision.is_skipped:
        outcome = translate(language, STEP_STATES["skipped"][0])
    elif line.decision.branch:
        outcome = translate(language, BRANCHES[line.decision.branch])
    return SimulatedStepLine(
        when=format_clock(line.at, language, identity.time_zone),
        contact_time=format_clock(line.at, language, step_data.zone)
        if step_data.zone and step_data.zone != identity.time_zone
        else "",
        words=sentence_case(describe_step(step, context, step_data.names)),
        result=result,
        waits=[wait_text(wait, format_clock(at, language, identity.time_zone), language) for wait, at in line.waits],
        colour=colour,
        outcome=outcome,
        gate=gate_words(line.gate.as_json(), language, identity.time_zone),
        proof=proof_lines(line.decision.proof.as_json(), context) if line.decision.proof else [],
    )


def _end_text(simulation: Simulation, context: ViewContext, identity: Identity) -> str:
    words = translate(context.language, ENDS[simulation.end.value])
    if simulation.ended_at is None or simulation.end == SimulationEnd.NEVER:
        return words
    return f"{words} · {format_clock(simulation.ended_at, context.language, identity.time_zone)}"


def _summary(result: SequenceBacktest, language: str, step_data: _StepData) -> list[str]:
    lines = [
        plural(language, "{count} event looked at", "{count} events looked at", result.events),
        plural(language, "{count} person would have entered", "{count} people would have entered", result.entered),
    ]
    lines += [f"{translate(language, ENTRIES[why][0])}: {count}" for why, count in result.refused.most_common()]
    lines += [f"{translate(language, ENDS[end])}: {count}" for end, count in result.ends.most_common()]
    lines += count_words(result.held, language)
    context = ViewContext(language, "UTC", {})
    for step_id, count in result.steps.items():
        words = sentence_case(describe_step(step_data.steps[step_id], context, step_data.names))
        one, many = "Would have run “{step}” {count} time", "Would have run “{step}” {count} times"
        lines.append(plural(language, one, many, count, step=words))
    return lines
