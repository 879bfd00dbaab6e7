"""Analytics: the figures of the dashboard, and those of a period with their breakdown."""

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel

from platform_app.api.rest.fields import Id, View
from platform_app.api.rest.operations import Call, Query, operation
from platform_app.clock import now
from platform_app.errors import Invalid
from platform_app.models.agent import Channel
from platform_app.services.analytics import analytics, analytics_table, periods
from platform_app.services.analytics.analytics import BreakdownRow, Figures
from platform_app.services.analytics.periods import Period
from platform_app.services.analytics.selection import Dimension, Narrowing
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.feed import dashboard


class AnalyticsQuery(Query):
    """A period and what is counted in it; without any of it only the figures of the dashboard are read."""

    period: Literal["7", "30", "90", "year"] | None = None  # days up to today; a year has 52 weeks
    first_day: date | None = None  # with `last_day` in place of `period`
    last_day: date | None = None
    agent_id: Id | None = None
    channel: Channel | None = None
    by: Dimension | None = None  # the rows of the breakdown


class PeriodView(View):
    """Replies in a period so far, and in the same length of time of the period before."""

    now: int
    before: int


class StageCount(BaseModel):
    """Leads in a stage."""

    stage: str
    leads: int


class DayCount(BaseModel):
    """Replies of a day, or of the month that begins with it."""

    day: date
    replies: int


class AnalyticsView(BaseModel):
    """The figures of the dashboard; days begin at midnight in the company's time zone."""

    today: PeriodView
    week: PeriodView
    month: PeriodView
    active_agents: int
    all_agents: int
    open_conversations: int
    stages: list[StageCount]
    days: list[DayCount]
    months: list[DayCount]
    report: "ReportView | None"  # of the period that is asked for


class TalksView(View):
    """Conversations and replies; times are medians and 90th percentiles in seconds."""

    conversations: int
    replies: int
    automatic: int
    member_replies: int
    without_person: int
    handed_over: int
    agent_median: float | None
    agent_90: float | None
    member_median: float | None
    member_90: float | None


class UsageView(View):
    """Tokens, their cost in US dollars, and questions without an answer."""

    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost: float
    unpriced: int
    unanswered: int


class ApprovalsView(View):
    """Replies that were approved, and the seconds that they waited."""

    count: int
    median: float | None
    longest_90: float | None


class WonLeadsView(View):
    """Leads that were won, with their value in the company's currency, and what touched them."""

    count: int
    value: Decimal
    by_agent: int
    agent_value: Decimal
    by_rule: int
    rule_value: Decimal
    by_sequence: int
    sequence_value: Decimal


class FiguresView(View):
    """The figures of a period."""

    talks: TalksView
    usage: UsageView
    approvals: ApprovalsView
    won: WonLeadsView
    ratings: int
    stars: float | None


class SeriesPart(BaseModel):
    """The replies of a day, or of the week that begins with it."""

    day: date
    replies: int
    member_replies: int


class BreakdownView(BaseModel):
    """The figures of an agent, a channel, a member or a tag; `key` is its id, code or text."""

    key: str
    name: str
    talks: TalksView
    usage: UsageView
    leads_won: int
    decisions: int


class ReportView(BaseModel):
    """The figures of a period and of the one before, the replies in each part of it, and the breakdown."""

    first_day: date
    last_day: date
    now: FiguresView
    before: FiguresView
    series: list[SeriesPart]
    rows: list[BreakdownView]


@operation("GET", "/analytics", Scope.ANALYTICS_READ, query=AnalyticsQuery, answer=AnalyticsView)
def get_analytics(call: Call) -> AnalyticsView:
    """Read the figures of the dashboard, and those of a period if one is named."""
    summary = dashboard.get_summary(call.session, call.who, now())
    compared = {name: PeriodView.model_validate(getattr(summary, name)) for name in ("today", "week", "month")}
    is_asked = any(value is not None for value in vars(call.query).values())
    return AnalyticsView(
        **compared,
        active_agents=summary.active_agents,
        all_agents=summary.all_agents,
        open_conversations=summary.open_conversations,
        stages=[StageCount(stage=stage.name, leads=stage.leads) for stage in summary.stages],
        days=[DayCount(day=day, replies=count) for day, count in summary.days],
        months=[DayCount(day=day, replies=count) for day, count in summary.months],
        report=_report(call) if is_asked else None,
    )


def _report(call: Call) -> ReportView:
    query: AnalyticsQuery = call.query
    period, narrowing = _period(call), Narrowing(query.agent_id or "", query.channel or "")
    report = analytics.get_report(call.session, call.who, period, narrowing)
    rows: list[BreakdownRow] = []
    if query.by is not None:
        rows = analytics.get_breakdown(call.session, call.who, period, narrowing, dimension=query.by)
    return ReportView(
        first_day=period.first,
        last_day=period.last,
        now=_figures(report.now),
        before=_figures(report.before),
        series=[SeriesPart(day=day, replies=agents, member_replies=people) for day, agents, people in report.series],
        rows=[_row(call.who.language, query.by, row) for row in rows if query.by is not None],
    )


def _period(call: Call) -> Period:
    query: AnalyticsQuery = call.query
    if query.first_day is None and query.last_day is None:
        return periods.latest(query.period or periods.DEFAULT_SPAN, call.who.time_zone, now())
    if query.first_day is None or query.last_day is None or query.period is not None:
        raise Invalid("Enter both dates of the period.", field="first_day")
    return periods.between(query.first_day, query.last_day, call.who.time_zone, now())


def _figures(figures: Figures) -> FiguresView:
    return FiguresView.model_validate(figures)


def _row(language: str, dimension: Dimension, row: BreakdownRow) -> BreakdownView:
    return BreakdownView(
        key=row.key,
        name=analytics_table.row_name(language, dimension, row),
        talks=TalksView.model_validate(row.talks),
        usage=UsageView.model_validate(row.usage),
        leads_won=row.won,
        decisions=row.decisions,
    )
