"""Backtest: evaluates drafts of rules on past events. Nothing is changed and nothing is sent."""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from platform_app import fact_snapshots
from platform_app.automation.evaluation import Predicate, compile_condition, fact_names
from platform_app.automation.facts import Catalogue
from platform_app.automation.rules import CompiledRule, PriorRuns, RunReason, run_reason
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.engine.actions.action_base import Action
from platform_app.engine.actions.concurrency_limit import one_at_a_time
from platform_app.engine.actions.past_windows import PastWindows
from platform_app.engine.actions.send_forecasts import SendForecasts, sending_actions
from platform_app.engine.event_matching import matches_trigger
from platform_app.engine.rules import rule_evaluation, rules
from platform_app.errors import Invalid
from platform_app.events import subject_of
from platform_app.models.event import Event
from platform_app.models.person import Identity
from platform_app.services.feed import event_log

MAX_SAMPLES = 12  # of one outcome

_EVENT_COLUMNS: tuple[Any, ...] = (
    Event.id,
    Event.kind,
    Event.at,
    Event.depth,
    Event.agent_id,
    Event.after,
    Event.facts,
)
_EVENT_COLUMNS += (Event.lead_id, Event.contact_id, Event.conversation_id)


@dataclass
class BacktestSample:
    """A past event and what a rule would have done with it."""

    event_id: str
    at: datetime
    reason: str
    live: str  # outcome of the published rule; "": there is none


@dataclass
class RuleBacktest:
    """What a draft would have done with the events of a period."""

    since: datetime
    reasons: Counter[str] = field(default_factory=Counter)
    live_reasons: Counter[str] = field(default_factory=Counter)
    days: Counter[date] = field(default_factory=Counter)  # runs by day
    subjects: set[str] = field(default_factory=set)  # ids of subjects for which it would have run
    held: Counter[str] = field(default_factory=Counter)  # messages that the send gate would hold or drop, by reason
    gained: int = 0  # events on which only the draft would have run
    lost: int = 0
    samples_by_outcome: dict[tuple[str, str], deque[tuple[str, datetime]]] = field(
        default_factory=dict
    )  # the newest events of each outcome

    @property
    def events(self) -> int:
        """The number of evaluated events."""
        return self.reasons.total()

    @property
    def samples(self) -> list[BacktestSample]:
        """Sample events of each outcome, oldest first."""
        samples = (
            BacktestSample(*sample, *outcome) for outcome, some in self.samples_by_outcome.items() for sample in some
        )
        return sorted(samples, key=lambda sample: sample.at)

    def add(self, past: "_PastEvent", says: str, was: str) -> None:
        """Add the outcomes of the draft and of the published rule for an event."""
        self.reasons[says] += 1
        fires, fired = says == RunReason.FIRES, was == RunReason.FIRES
        if was:
            self.live_reasons[was] += 1
        if fires:
            self.days[past.day] += 1
            self.subjects.add(past.subject)
        self.gained += fires and not fired
        self.lost += fired and not fires
        some = self.samples_by_outcome.get((says, was))
        if some is None:
            some = self.samples_by_outcome[says, was] = deque(maxlen=MAX_SAMPLES)
        some.append((past.id, past.at))


class _PastEvent:
    """A past event with the facts and the day it happened; plain values, since they are read many times."""

    __slots__ = (
        "after",
        "agent_id",
        "at",
        "contact_id",
        "conversation_id",
        "day",
        "depth",
        "facts",
        "id",
        "kind",
        "subject",
    )

    def __init__(self, event: Event, names: frozenset[str]) -> None:
        self.id, self.kind, self.at, self.depth = event.id, event.kind, event.at, event.depth
        self.agent_id, self.after, self.contact_id = event.agent_id, event.after, event.contact_id
        self.conversation_id = event.conversation_id
        self.facts, self.subject = fact_snapshots.event_facts(event, only=names), subject_of(event)
        self.day = event.at.astimezone(ZoneInfo(self.facts.zone)).date()


class _Replay:
    """A rule evaluated on past events with its own memory of cooldowns and daily limits."""

    def __init__(self, rule: CompiledRule, own: Catalogue) -> None:
        self.rule, self.own = rule, own
        self._tests: dict[str, Predicate] = {}  # by time zone
        self._last: dict[str, datetime] = {}
        self._days: Counter[date] = Counter()

    def reason(self, past: _PastEvent) -> RunReason:
        """Return the outcome of the rule for an event, and remember it."""
        zone, at = past.facts.zone, past.at
        test = self._tests.get(zone)
        if test is None:
            test = self._tests[zone] = compile_condition(self.rule.tree, self.own, zone)
        reason = run_reason(
            self.rule.definition,
            test(past.facts, at),
            at,
            depth=past.depth,
            prior_runs=lambda: PriorRuns(self._last.get(past.subject), self._days[past.day]),
        )
        if reason == RunReason.FIRES:
            self._last[past.subject] = at
            self._days[past.day] += 1
        return reason


@dataclass
class _DraftComparison:
    """A draft and the published rule, evaluated on the same events."""

    rule_id: str
    agent_id: str | None
    draft_data: dict[str, Any]
    published_data: dict[str, Any]
    draft_replay: _Replay
    published_replay: _Replay | None
    result: RuleBacktest
    sending: list[Action]  # actions of the draft that send something to a contact
    forecasts: SendForecasts
    windows: PastWindows

    def evaluate(self, past: _PastEvent) -> None:
        """Evaluate both on an event, if it triggers them."""
        mine = matches_trigger(self.agent_id, self.rule_id, self.draft_data, event=past)
        theirs = self.published_replay is not None and matches_trigger(
            self.agent_id, self.rule_id, self.published_data, event=past
        )
        if not mine and not theirs:
            return
        says = self.draft_replay.reason(past).value if mine else "agent"
        was = self.published_replay.reason(past).value if self.published_replay is not None and theirs else ""
        self.result.add(past, says, was)
        if says == RunReason.FIRES:
            self._ask_gate(past)

    def _ask_gate(self, past: _PastEvent) -> None:
        """Count the messages that the send gate would hold or drop."""
        for action in self.sending:
            window = self.windows.at(past.conversation_id, past.at) if action.sends == "message" else None
            decision = self.forecasts.request(past.contact_id or past.subject, action, past.at, window=window)
            if decision.reason is not None:
                self.result.held[decision.reason.value] += 1


@one_at_a_time
def backtest(session: Transaction, who: Identity, rule_id: str, *, days: int) -> RuleBacktest:
    """Evaluate a draft on the events of the last days, with the facts of then, and compare the published rule.

    Raises NotFound if there is no such rule, Invalid if `days` is not from 1 to 366 or the draft cannot be parsed.
    """
    return backtest_all(session, who, [rule_id], days=days)[rule_id]


def backtest_all(session: Transaction, who: Identity, rule_ids: list[str], *, days: int) -> dict[str, RuleBacktest]:
    """Evaluate several drafts in one pass over the events. Raises Invalid if `days` is not from 1 to 366."""
    if not 1 <= days <= 366:
        raise Invalid("Choose a number of days from 1 to {count}.", field="days", count=366)
    own, since = fact_snapshots.fact_catalogue(session, who.tenant_id), now() - timedelta(days=days)
    pairs: dict[str, list[_DraftComparison]] = defaultdict(list)
    for rule_id in rule_ids:
        row = rules.DEFINITIONS.get(session, who, rule_id)
        same = row.published.get("trigger") == row.draft["trigger"]
        live = _Replay(rule_evaluation.cached_rule(row.id, row.published), own) if same else None
        draft = _Replay(rule_evaluation.cached_rule(row.id, row.draft), own)
        pairs[row.draft["trigger"]].append(
            _DraftComparison(
                row.id,
                row.agent_id,
                row.draft,
                row.published,
                draft,
                live,
                RuleBacktest(since),
                sending_actions(row.draft["actions"]),
                SendForecasts(session, who),
                PastWindows(session, who),
            )
        )
    walkers = [
        replay
        for some in pairs.values()
        for pair in some
        for replay in (pair.draft_replay, pair.published_replay)
        if replay is not None
    ]
    names = frozenset(name for walker in walkers for name in fact_names(walker.rule.tree))
    for event in event_log.iterate_events(session, who, list(pairs), after=since, columns=_EVENT_COLUMNS):
        past = _PastEvent(event, names)
        for pair in pairs[past.kind]:
            pair.evaluate(past)
    return {pair.rule_id: pair.result for group in pairs.values() for pair in group}
