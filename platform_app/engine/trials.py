"""Trials: rules tried on events that have happened already. Nothing is changed and nothing is sent."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from platform_app import known
from platform_app.automation.facts import Catalogue
from platform_app.automation.rules import Before, Compiled, Reason, Verdict, judge
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.engine import actions, judging, log, rules
from platform_app.engine.scene import Scene
from platform_app.errors import Conflict, Invalid, PlatformError
from platform_app.events import subject_of
from platform_app.models.event import Event
from platform_app.models.person import Identity
from platform_app.models.rule import Rule
from platform_app.services import event_log

SAMPLES = 50
_AT_ONCE = 1_000  # events in memory


@dataclass(frozen=True)
class Told:
    """What an action would do, or why it could not: a message id with what fills its places."""

    kind: str
    sentence: str
    values: dict[str, str]
    possible: bool


@dataclass(frozen=True)
class Trial:
    """What becomes of an event at a rule."""

    reason: str  # a Reason, or why it is not weighed at all: trigger, agent
    proof: dict[str, Any] = field(default_factory=dict)
    change: list[dict[str, Any]] = field(default_factory=list)
    actions: list[Told] = field(default_factory=list)


def dry_run(session: Transaction, who: Identity, rule_id: str, event_id: str, *, draft: bool) -> Trial:
    """Return what a rule, as it is edited or as it is published, would do on an event, and why."""
    row, happened = rules.get(session, who, rule_id), event_log.get(session, who, event_id)
    data = row.draft if draft else row.published
    if not data:
        raise Conflict("Publish the rule first.")
    if data["trigger"] != happened.kind:
        return Trial("trigger")
    if not judging.concerns(row.agent_id, row.id, data, event=happened):
        return Trial("agent")
    own = known.catalogue_of(session, who.tenant_id)
    facts = known.of_event(happened, known.names(session, who.tenant_id))
    verdict = judge(
        judging.ready_rule(row.id, data),
        facts,
        own,
        happened.at,
        depth=happened.depth,
        before=lambda: judging.before(session, row, happened, zone=facts.zone),
    )
    told = _told(session, row, happened, listed=data["actions"]) if verdict.fires else []
    return Trial(verdict.reason.value, verdict.proof.as_json(), judging.changes_of(verdict), told)


def _told(session: Transaction, row: Rule, happened: Event, *, listed: list[dict[str, Any]]) -> list[Told]:
    scene = Scene(session, log.acting(session, row), happened, known.of_event(happened))
    found: list[Told] = []
    for data in listed:
        kind = str(data.get("kind"))
        try:
            plan = actions.action(data).plan(scene)
            found.append(Told(kind, plan.sentence, plan.values, True))
        except PlatformError as error:
            values = {name: str(value) for name, value in error.values.items()}
            found.append(Told(kind, error.sentence, values, False))
            break  # those behind it would not be done
    return found


@dataclass
class Sample:
    """An event of the past with what a rule would have made of it."""

    event_id: str
    at: datetime
    subject_id: str
    reason: str
    live: str  # what the published rule makes of it; empty: there is none


@dataclass
class Backtest:
    """What a draft would have done with the events of a time."""

    since: datetime
    events: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    live_reasons: Counter[str] = field(default_factory=Counter)
    days: Counter[date] = field(default_factory=Counter)  # on which it would have run
    subjects: set[str] = field(default_factory=set)  # for whom it would have run
    gained: int = 0  # it would have run, the published one not
    lost: int = 0
    samples: list[Sample] = field(default_factory=list)  # the latest that run; then of those that differ


class _Past:
    """A rule going through the past with a memory of its own: what it did for whom, and how often a day."""

    def __init__(self, ready: Compiled) -> None:
        self.ready = ready
        self._last: dict[str, datetime] = {}
        self._days: Counter[date] = Counter()

    def judge(self, happened: Event, known_facts: Catalogue, names: dict[str, str]) -> Verdict:
        """Return what the rule would have said then, and remember it."""
        facts = known.of_event(happened, names)
        subject, day = subject_of(happened), happened.at.astimezone(ZoneInfo(facts.zone)).date()
        verdict = judge(
            self.ready,
            facts,
            known_facts,
            happened.at,
            depth=happened.depth,
            before=lambda: Before(self._last.get(subject), self._days[day]),
        )
        if verdict.fires:
            self._last[subject] = happened.at
            self._days[day] += 1
        return verdict


def backtest(session: Transaction, who: Identity, rule_id: str, *, days: int) -> Backtest:
    """Run a draft over the events of the last days, each with what was known then, beside the published rule."""
    if not 1 <= days <= 366:
        raise Invalid("Choose between 1 and {count} days.", field="days", count=366)
    row = rules.get(session, who, rule_id)
    zone = ZoneInfo(who.time_zone)
    found = Backtest(now() - timedelta(days=days))
    draft = _Past(judging.ready_rule(row.id, row.draft))
    same = row.published.get("trigger") == row.draft["trigger"]
    live = _Past(judging.ready_rule(row.id, row.published)) if same else None
    own, names = known.catalogue_of(session, who.tenant_id), known.names(session, who.tenant_id)
    for happened in _events(session, who, row.draft["trigger"], since=found.since):
        mine = judging.concerns(row.agent_id, row.id, row.draft, event=happened)
        theirs = live is not None and judging.concerns(row.agent_id, row.id, row.published, event=happened)
        if not mine and not theirs:
            continue
        verdict = draft.judge(happened, own, names) if mine else None
        was = live.judge(happened, own, names) if live is not None and theirs else None
        _count(found, happened, verdict, was=was, zone=zone)
    return found


def _count(found: Backtest, happened: Event, verdict: Verdict | None, *, was: Verdict | None, zone: ZoneInfo) -> None:
    found.events += 1
    reason, live = verdict.reason.value if verdict else "agent", was.reason.value if was else ""
    found.reasons[reason] += 1
    if was:
        found.live_reasons[live] += 1
    fires, fired = reason == Reason.FIRES, live == Reason.FIRES
    found.gained += fires and not fired
    found.lost += fired and not fires
    if fires:
        found.days[happened.at.astimezone(zone).date()] += 1
        found.subjects.add(subject_of(happened))
    sample = Sample(happened.id, happened.at, subject_of(happened), reason, live)
    alike = [one for one in found.samples if (one.reason, one.live) == (reason, live)]
    if len(alike) >= SAMPLES // 5:
        found.samples.remove(alike[0])
    if len(found.samples) < SAMPLES:
        found.samples.append(sample)


def _events(session: Transaction, who: Identity, kind: str, *, since: datetime) -> Iterator[Event]:
    """Yield the events of a kind, the oldest first, few of them in memory at once."""
    last: tuple[datetime, str] = (since, "")
    while True:
        query = owned(Event, who.tenant_id).where(Event.kind == kind, Event.at >= last[0])
        page = list(session.exec(query.order_by(Event.at, Event.id).limit(_AT_ONCE)).all())
        fresh = [one for one in page if (one.at, one.id) > last]
        yield from fresh
        if len(page) < _AT_ONCE or not fresh:
            return
        last = (fresh[-1].at, fresh[-1].id)
        session.expunge_all()
