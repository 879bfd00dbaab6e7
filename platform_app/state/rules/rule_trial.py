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
        found = await fetch(self, dry_run.dry_run, self.rule, self.event, draft=True)
        self.result = dry_run_view(found, await view_context(self))

    @handler(Role.VIEWER)
    async def dry_run_message(self, form: dict[str, Any]) -> None:
        """Show the result of the draft on a message with this text now, for a lead if one is selected."""
        text, lead = str(form.get("text", "")), str(form.get("lead", ""))[:32]
        self.event = ""
        found = await fetch(self, dry_run.dry_run_message, self.rule, text, lead_id=lead)
        self.result = dry_run_view(found, await view_context(self))

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
            found, names = await fetch_as(identity, _backtest, rule, days)
        except PlatformError as error:
            async with self:
                self.busy = False
                yield await error_toast(self, error)
            return
        async with self:
            language = (await current_user(self)).language
            self.busy = False
            self.summary = summarize_backtest(found, language)
            self.by_day = [
                {"day": format_date(day, "d MMM", locale=language), "count": count}
                for day, count in sorted(found.days.items())
            ]
            self.samples = [_sample(one, names, identity, language=language) for one in reversed(found.samples)]

    async def _load_events(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        found, subjects = await fetch(self, _recent, self.rule)
        self.events = [
            Option(
                one.id,
                " · ".join(
                    part for part in (exact_time(language, one.at, identity.time_zone), subjects[one.id]) if part
                ),
            )
            for one in found
        ]


def _recent(session: Transaction, who: Identity, rule_id: str) -> tuple[list[Event], dict[str, str]]:
    row = rules.DEFINITIONS.get(session, who, rule_id)
    found = event_log.list_events(session, who, kind=row.draft["trigger"], size=40)
    return found, event_log.subject_names(session, who, found)


def _backtest(session: Transaction, who: Identity, rule_id: str, days: int) -> tuple[RuleBacktest, dict[str, str]]:
    found = backtest.backtest(session, who, rule_id, days=days)
    events = [event_log.get(session, who, one.event_id) for one in found.samples]
    return found, event_log.subject_names(session, who, events)


def dry_run_view(found: DryRun, context: ViewContext) -> DryRunView:
    """Return a trial in words."""
    words, colour = STATES[found.reason]
    language = context.language
    actions = [_describe_preview(one, context) for one in found.actions]
    return DryRunView(
        translate(language, words),
        colour,
        proof_lines(found.proof, context),
        [describe_change(one, context) for one in found.change],
        actions,
        [_describe_note(note, context) for note in found.notes],
    )


def _describe_preview(one: ActionPreview, context: ViewContext) -> str:
    """Return what an action would do, and what the send gate would say to its message."""
    language = context.language
    if not one.possible:
        return translate(
            language,
            "{action}: not possible. {reason}",
            action=translate(language, rule_runs.action_label(one.kind)),
            reason=translate(language, one.sentence, **one.values),
        )
    words, gate = describe_result(one.sentence, one.values, language), gate_words(one.gate, language, context.zone)
    return f"{words} · {gate}" if gate else words


def _describe_note(note: Note, context: ViewContext) -> str:
    values = dict(note.values)
    if "kind" in values:
        values["kind"] = translate(context.language, TRIGGERS[str(values["kind"])])
    if "at" in values:
        values["at"] = exact_time(context.language, values["at"], context.zone)
    return translate(context.language, note.sentence, **values)


def summarize_backtest(found: RuleBacktest, language: str) -> list[str]:
    """Return what a backtest found, a sentence each."""
    fired = found.reasons[RunReason.FIRES]
    lines = [
        plural(language, "{count} event looked at", "{count} events looked at", found.events),
        plural(language, "It would have run {count} time", "It would have run {count} times", fired),
        plural(language, "for {count} lead or contact", "for {count} leads or contacts", len(found.subjects - {""})),
    ]
    for reason in (RunReason.CONDITION, RunReason.COOLDOWN, RunReason.CAPPED, RunReason.TOO_DEEP):
        if found.reasons[reason]:
            words = translate(language, STATES[reason.value][0])
            lines.append(f"{words}: {found.reasons[reason]}")
    lines += count_words(found.held, language)
    if found.live_reasons:
        lines.append(
            translate(
                language,
                "Against the published version: {gained} more, {lost} fewer",
                gained=found.gained,
                lost=found.lost,
            )
        )
    return lines


def _sample(one: BacktestSample, names: dict[str, str], identity: Identity, *, language: str) -> BacktestSampleLine:
    words, colour = STATES[one.reason]
    live = translate(language, STATES[one.live][0]) if one.live and one.live != one.reason else ""
    return BacktestSampleLine(
        one.event_id,
        exact_time(language, one.at, identity.time_zone),
        names.get(one.event_id, ""),
        translate(language, words),
        colour,
        live,
    )
