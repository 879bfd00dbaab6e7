"""Dashboard: figures of a tenant, counted in the days of its time zone."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, case, func
from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.models.agent import Agent
from platform_app.models.conversation import Conversation, ConversationState
from platform_app.models.crm import Lead, Pipeline, Stage
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity

DAYS, MONTHS = 14, 6
Range = tuple[datetime, datetime]  # in UTC; the end is exclusive


@dataclass
class PeriodCount:
    """A count in a period so far, and in the same length of time of the period before."""

    now: int
    before: int


@dataclass
class StageLeads:
    """The leads of a stage, and the sum of their budgets."""

    stage_id: str
    pipeline_id: str
    name: str
    leads: int
    budget: Decimal


@dataclass
class DashboardSummary:
    """The figures of a tenant's dashboard."""

    today: PeriodCount
    week: PeriodCount  # the last 7 days, of which today is one
    month: PeriodCount
    active_agents: int
    all_agents: int
    open_conversations: int
    opened_today: int = 0  # conversations started or reopened
    closed_today: int = 0
    stages: list[StageLeads] = field(default_factory=list)  # in the order of the pipelines
    days: list[tuple[date, int]] = field(default_factory=list)  # the last 14, oldest first
    months: list[tuple[date, int]] = field(default_factory=list)  # first days of the last 6, oldest first
    answering: list[int] = field(default_factory=list)  # agents that replied, for each of `days`
    started: list[int] = field(default_factory=list)  # conversations started, for each of `days`

    def month_so_far(self) -> list[int]:
        """Return for each of `days` the replies of its month up to its end."""
        totals, so_far = {(day.year, day.month): count for day, count in self.months}, []
        for day, count in reversed(self.days):
            so_far.append(totals[day.year, day.month])
            totals[day.year, day.month] -= count
        return so_far[::-1]


def get_summary(session: Transaction, who: Identity, now: datetime) -> DashboardSummary:
    """Return the figures of the dashboard at `now` (aware); days begin at midnight in the tenant's time zone."""
    zone = ZoneInfo(who.time_zone)
    today = now.astimezone(zone).date()
    month = today.replace(day=1)
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    months = [_months_before(month, back) for back in range(MONTHS - 1, -1, -1)]
    compared = [
        *_with_previous_period(today, today - timedelta(days=1), now, zone),
        *_with_previous_period(today - timedelta(days=6), today - timedelta(days=13), now, zone),
        *_with_previous_period(month, _months_before(month, 1), now, zone),
    ]
    periods = [*compared, *_consecutive_periods(days, now, zone), *_consecutive_periods(months, now, zone)]
    counts = _count_events(session, who, periods, EventKind.REPLY_SENT)
    first, rest = counts[: len(compared)], counts[len(compared) :]
    by_day = _consecutive_periods(days, now, zone)
    started = _count_events(session, who, by_day, EventKind.CONVERSATION_STARTED)
    reopened, closed = (
        _count_events(session, who, by_day[-1:], kind)[0]
        for kind in (EventKind.CONVERSATION_REOPENED, EventKind.CONVERSATION_CLOSED)
    )
    return DashboardSummary(
        today=PeriodCount(*first[0:2]),
        week=PeriodCount(*first[2:4]),
        month=PeriodCount(*first[4:6]),
        active_agents=_count_agents(session, who, active=True),
        all_agents=_count_agents(session, who, active=False),
        open_conversations=_count_open_conversations(session, who),
        opened_today=started[-1] + reopened,
        closed_today=closed,
        stages=_leads_by_stage(session, who),
        days=list(zip(days, rest[:DAYS], strict=True)),
        months=list(zip(months, rest[DAYS:], strict=True)),
        answering=_count_answering_agents(session, who, by_day),
        started=started,
    )


def _months_before(first: date, count: int) -> date:
    """Return the first day of the month `count` months before another first day."""
    years, month = divmod(first.year * 12 + first.month - 1 - count, 12)
    return date(years, month + 1, 1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the beginning of a day in UTC, so that durations are right across clock changes."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _with_previous_period(start: date, start_before: date, now: datetime, zone: ZoneInfo) -> list[Range]:
    """Return the period from `start` to now, and the same length of time from `start_before`."""
    begin, begin_before = _midnight(start, zone), _midnight(start_before, zone)
    return [(begin, now), (begin_before, min(begin_before + (now - begin), begin))]


def _consecutive_periods(starts: list[date], now: datetime, zone: ZoneInfo) -> list[Range]:
    """Return the consecutive periods that begin on these days; the last one ends now."""
    begins = [_midnight(start, zone) for start in starts]
    return list(zip(begins, [*begins[1:], now], strict=True))


def _count_events(session: Transaction, who: Identity, ranges: list[Range], kind: EventKind) -> list[int]:
    """Return the number of events of a kind in each period, with one query."""
    columns = [
        func.coalesce(func.sum(case((and_(col(Event.at) >= start, col(Event.at) < end), 1), else_=0)), 0)
        for start, end in ranges
    ]
    query = _events_in(who, ranges, kind).with_only_columns(*columns)
    return [int(count) for count in session.execute(query).one()]


def _count_answering_agents(session: Transaction, who: Identity, ranges: list[Range]) -> list[int]:
    """Return the number of agents that replied in each period, with one query."""
    columns = [
        func.count(case((and_(col(Event.at) >= start, col(Event.at) < end), col(Event.agent_id))).distinct())
        for start, end in ranges
    ]
    query = _events_in(who, ranges, EventKind.REPLY_SENT).with_only_columns(*columns)
    return [int(count) for count in session.execute(query).one()]


def _events_in(who: Identity, ranges: list[Range], kind: EventKind) -> Any:
    """Return the query of the events of a kind from the first period to the last."""
    return owned(Event, who.tenant_id).where(
        Event.kind == kind,
        Event.at >= min(start for start, _ in ranges),
        Event.at < max(end for _, end in ranges),
    )


def _count_agents(session: Transaction, who: Identity, *, active: bool) -> int:
    query = owned(Agent, who.tenant_id).where(col(Agent.deleted_at).is_(None))
    if active:
        query = query.where(col(Agent.active).is_(True))
    return int(session.exec(query.with_only_columns(func.count())).one())


def _count_open_conversations(session: Transaction, who: Identity) -> int:
    query = owned(Conversation, who.tenant_id).where(
        Conversation.state == ConversationState.OPEN,
        col(Conversation.is_live).is_(True),
        col(Conversation.deleted_at).is_(None),
    )
    return int(session.exec(query.with_only_columns(func.count())).one())


def _leads_by_stage(session: Transaction, who: Identity) -> list[StageLeads]:
    """Return every stage with its leads, in the order of pipelines and stages."""
    query = owned(Lead, who.tenant_id).where(col(Lead.deleted_at).is_(None))
    query = query.with_only_columns(Lead.stage_id, func.count(), func.sum(Lead.budget)).group_by(Lead.stage_id)
    counted = {stage_id: (count, Decimal(budget or 0)) for stage_id, count, budget in session.execute(query).all()}
    pipelines = session.exec(owned(Pipeline, who.tenant_id).order_by(Pipeline.position, Pipeline.id)).all()
    stages = session.exec(owned(Stage, who.tenant_id).order_by(Stage.position, Stage.id)).all()
    return [
        StageLeads(stage.id, pipeline.id, stage.name, *counted.get(stage.id, (0, Decimal(0))))
        for pipeline in pipelines
        for stage in stages
        if stage.pipeline_id == pipeline.id
    ]
