"""Rule trial: dry run of a rule's draft on one event, and backtest on past events."""

from dataclasses import dataclass, field
from typing import Any

import reflex as rx
from babel.dates import format_date

from platform_app.automation.rules import RunReason
from platform_app.db import Transaction
from platform_app.engine.rules import backtest, dry_run, rule_runs, rules
from platform_app.engine.rules.backtest import BacktestSample, RuleBacktest
from platform_app.engine.rules.dry_run import ActionPreview, DryRun
from platform_app.engine.rules.why_not import Note
from platform_app.errors import PlatformError
from platform_app.i18n import exact_time, plural, translate
from platform_app.models.event import Event
from platform_app.models.person import Identity, Role
from platform_app.services.feed import event_log
from platform_app.state.console.base import current_identity, current_user, error_toast, fetch, fetch_as, handler
from platform_app.state.console.option_lists import Option
from platform_app.state.console.send_gate_words import count_words, gate_words
from platform_app.state.rules.proof_view import ProofLine, ViewContext, describe_change, proof_lines, view_context
from platform_app.state.rules.rule_words import STATES, TRIGGERS, describe_result

DAYS = ("7", "30", "90", "365")


@dataclass
class DryRunView:
    """The result of a dry run."""

    words: str = ""
    colour: str = ""
    proof: list[ProofLine] = field(default_factory=list)
    change: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class BacktestSampleLine:
    """A past event with the result of the draft."""

    event_id: str
    when: str
    subject: str
    words: str
    colour: str
    live: str


class RuleTrialState(rx.State):
    """The dry run and the backtest of the rule in the address."""

    rule: str = ""
    events: list[Option] = []
    event: str = ""
    result: DryRunView = DryRunView()
    days: str = "30"
    busy: bool = False
    summary: list[str] = []
    by_day: list[dict[str, str | int]] = []
    samples: list[BacktestSampleLine] = []

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the latest events of the draft's trigger."""
        self.rule = self.router.url.path.rstrip("/").rsplit("/", 1)[-1]
        self.event, self.result, self.summary, self.samples, self.by_day = "", DryRunView(), [], [], []
        self.busy = False
        await self._load_events()

    @handler(Role.VIEWER)
    async def load_events(self) -> None:
        """Fetch the events again, since the draft's trigger may have changed."""
        await self._load_events()

    @handler(Role.VIEWER)
    async def dry_run_event(self, event_id: str) -> None:
        """Show the result of the draft on an event, without effects."""
        self.event = event_id[:32]
        if not event_id:
            self.result = DryRunView()
            return
        result = await fetch(self, dry_run.dry_run, self.rule, self.event, draft=True)
        self.result = dry_run_view(result, await view_context(self))

    @handler(Role.VIEWER)
    async def dry_run_message(self, form: dict[str, Any]) -> None:
        """Show the result of the draft on a message with this text now, for a lead if one is selected."""
        text, lead = str(form.get("text", "")), str(form.get("lead", ""))[:32]
        self.event = ""
        result = await fetch(self, dry_run.dry_run_message, self.rule, text, lead_id=lead)
        self.result = dry_run_view(result, await view_context(self))

    @handler(Role.VIEWER)
    async def set_days(self, days: str) -> None:
        """Set the number of days the backtest covers."""
        self.days = days if days in DAYS else "30"

    @handler(Role.VIEWER, background=True)
    async def backtest(self) -> Any:
        """Run the draft on the events of the last days, without effects."""
        async with self:
            if self.busy:
                return
            self.busy, self.summary, self.samples = True, [], []
            identity, rule, days = await current_identity(self), self.rule, int(self.days)
        try:
            result, names = await fetch_as(identity, _backtest, rule, days)
        except PlatformError as error:
            async with self:
                self.busy = False
                yield await error_toast(self, error)
            return
        async with self:
            language = (await current_user(self)).language
            self.busy = False
            self.summary = summarize_backtest(result, language)
            self.by_day = [
                {"day": format_date(day, "d MMM", locale=language), "count": count}
                for day, count in sorted(result.days.items())
            ]
            self.samples = [_sample(sample, names, identity, language=language) for sample in reversed(result.samples)]

    async def _load_events(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        events, subjects = await fetch(self, _recent, self.rule)
        self.events = [
            Option(
                event.id,
                " · ".join(
                    part for part in (exact_time(language, event.at, identity.time_zone), subjects[event.id]) if part
                ),
            )
            for event in events
        ]


def _recent(session: Transaction, who: Identity, rule_id: str) -> tuple[list[Event], dict[str, str]]:
    row = rules.DEFINITIONS.get(session, who, rule_id)
    events = event_log.list_events(session, who, kind=row.draft["trigger"], size=40)
    return events, event_log.subject_names(session, who, events)


def _backtest(session: Transaction, who: Identity, rule_id: str, days: int) -> tuple[RuleBacktest, dict[str, str]]:
    result = backtest.backtest(session, who, rule_id, days=days)
    events = [event_log.get(session, who, sample.event_id) for sample in result.samples]
    return result, event_log.subject_names(session, who, events)


def dry_run_view(result: DryRun, context: ViewContext) -> DryRunView:
    """Return a trial in words."""
    words, colour = STATES[result.reason]
    language = context.language
    actions = [_describe_preview(action, context) for action in result.actions]
    return DryRunView(
        translate(language, words),
        colour,
        proof_lines(result.proof, context),
        [describe_change(change, context) for change in result.change],
        actions,
        [_describe_note(note, context) for note in result.notes],
    )


def _describe_preview(preview: ActionPreview, context: ViewContext) -> str:
    """Return what an action would do, and what the send gate would say to its message."""
    language = context.language
    if preview.is_off:
        action = translate(language, rule_runs.action_label(preview.kind))
        return translate(language, "{words} (turned off)", words=action)
    if not preview.possible:
        return translate(
            language,
            "{action}: not possible. {reason}",
            action=translate(language, rule_runs.action_label(preview.kind)),
            reason=translate(language, preview.sentence, **preview.values),
        )
    words, gate = (
        describe_result(preview.sentence, preview.values, language),
        gate_words(preview.gate, language, context.zone),
    )
    return f"{words} · {gate}" if gate else words


def _describe_note(note: Note, context: ViewContext) -> str:
    values = dict(note.values)
    if "kind" in values:
        values["kind"] = translate(context.language, TRIGGERS[str(values["kind"])])
    if "at" in values:
        values["at"] = exact_time(context.language, values["at"], context.zone)
    return translate(context.language, note.sentence, **values)


def summarize_backtest(result: RuleBacktest, language: str) -> list[str]:
    """Return what a backtest found, a sentence each."""
    fired = result.reasons[RunReason.FIRES]
    lines = [
        plural(language, "{count} event looked at", "{count} events looked at", result.events),
        plural(language, "It would have run {count} time", "It would have run {count} times", fired),
        plural(language, "for {count} lead or contact", "for {count} leads or contacts", len(result.subjects - {""})),
    ]
    for reason in (RunReason.CONDITION, RunReason.COOLDOWN, RunReason.CAPPED, RunReason.TOO_DEEP):
        if result.reasons[reason]:
            words = translate(language, STATES[reason.value][0])
            lines.append(f"{words}: {result.reasons[reason]}")
    lines += count_words(result.held, language)
    if result.live_reasons:
        lines.append(
            translate(
                language,
                "Compared with the published version: {gained} more, {lost} fewer",
                gained=result.gained,
                lost=result.lost,
            )
        )
    return lines


def _sample(sample: BacktestSample, names: dict[str, str], identity: Identity, *, language: str) -> BacktestSampleLine:
    words, colour = STATES[sample.reason]
    live = translate(language, STATES[sample.live][0]) if sample.live and sample.live != sample.reason else ""
    return BacktestSampleLine(
        sample.event_id,
        exact_time(language, sample.at, identity.time_zone),
        names.get(sample.event_id, ""),
        translate(language, words),
        colour,
        live,
    )
