"""Analytics: the figures of a period beside those of the one before, and their breakdown."""

from dataclasses import dataclass, field
from datetime import date

from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.errors import Invalid
from platform_app.models.agent import Agent, Channel
from platform_app.models.person import Identity, Member, User
from platform_app.services.analytics import member_figures, outcome_figures, talk_figures
from platform_app.services.analytics.outcome_figures import Approvals, Usage, WonLeads
from platform_app.services.analytics.periods import Period, Range
from platform_app.services.analytics.selection import Dimension, Narrowing, Scope
from platform_app.services.analytics.talk_figures import TalkFigures

MAX_ROWS = 200  # of a breakdown


@dataclass(frozen=True)
class Figures:
    """The figures of a range of time."""

    talks: TalkFigures
    usage: Usage
    approvals: Approvals
    won: WonLeads
    ratings: int  # conversations that were rated
    stars: float | None  # their mean


@dataclass(frozen=True)
class BreakdownRow:
    """A row of a breakdown: an agent, a channel, a member or a tag, with its figures.

    `is_known` is false for an agent that was deleted and a member who was removed; `name` is then what is still known
    of it, or "". For a member `talks` has conversations, their replies and their response times only.
    """

    key: str
    name: str
    is_known: bool
    talks: TalkFigures
    usage: Usage = field(default_factory=Usage)
    won: int = 0  # leads won to which the agent replied; 0 for other rows
    decisions: int = 0  # of a member


@dataclass(frozen=True)
class Report:
    """The figures of a period, of the one before, and the replies in each part of it."""

    period: Period
    now: Figures
    before: Figures
    series: list[tuple[date, int, int]]  # first day, replies of agents, replies of people


def get_report(session: Transaction, who: Identity, period: Period, narrowing: Narrowing) -> Report:
    """Return the figures of a period. Raises Invalid for an unknown channel."""
    scope = _scope(session, who, period.range, narrowing)
    counts = talk_figures.series(scope, period)
    return Report(
        period=period,
        now=_figures(scope),
        before=_figures(_scope(session, who, period.range_before, narrowing)),
        series=[(day, *count) for day, count in zip(period.parts, counts, strict=True)],
    )


def get_breakdown(
    session: Transaction, who: Identity, period: Period, narrowing: Narrowing, *, dimension: Dimension
) -> list[BreakdownRow]:
    """Return the rows of a dimension that have figures, those with the most conversations first; up to MAX_ROWS.

    Raises Invalid for an unknown channel.
    """
    scope = _scope(session, who, period.range, narrowing)
    rows = _members(scope) if dimension == Dimension.MEMBER else _rows(scope, dimension)
    rows.sort(key=lambda row: (-row.talks.conversations, -row.usage.input_tokens, row.name.casefold(), row.key))
    return rows[:MAX_ROWS]


def _scope(session: Transaction, who: Identity, chosen: Range, narrowing: Narrowing) -> Scope:
    if narrowing.channel and narrowing.channel not in list(Channel):
        raise Invalid("This value isn’t allowed.", field="channel")
    return Scope(session, who, chosen, narrowing)


def _figures(scope: Scope) -> Figures:
    rated, stars = outcome_figures.ratings(scope)
    return Figures(
        talks=talk_figures.count(scope),
        usage=outcome_figures.usage(scope).get("", Usage()),
        approvals=outcome_figures.approvals(scope),
        won=outcome_figures.won_leads(scope),
        ratings=rated,
        stars=stars,
    )


def _rows(scope: Scope, dimension: Dimension) -> list[BreakdownRow]:
    talks = talk_figures.count_by(scope, dimension)
    usage = outcome_figures.usage(scope, dimension)
    won = outcome_figures.won_by_agent(scope) if dimension == Dimension.AGENT else {}
    names = _agent_names(scope) if dimension == Dimension.AGENT else {}
    rows = []
    for key in {*talks, *usage, *won}:
        name, is_known = names.get(key, ("", False)) if dimension == Dimension.AGENT else (key, bool(key))
        figures = talks.get(key, TalkFigures()), usage.get(key, Usage())
        rows.append(BreakdownRow(key, name, is_known, *figures, won=won.get(key, 0)))
    return rows


def _agent_names(scope: Scope) -> dict[str, tuple[str, bool]]:
    """Return the names of the tenant's agents by id, and whether each is still there."""
    query = owned(Agent, scope.who.tenant_id).with_only_columns(Agent.id, Agent.name, Agent.deleted_at)
    return {agent_id: (name, deleted_at is None) for agent_id, name, deleted_at in scope.session.execute(query).all()}


def _members(scope: Scope) -> list[BreakdownRow]:
    people = member_figures.count_by_member(scope)
    names = _member_names(scope, list(people))
    rows = []
    for key, figures in people.items():
        talks = TalkFigures(
            conversations=figures.conversations,
            member_replies=figures.replies,
            member_median=figures.median,
            member_90=figures.longest_90,
        )
        name = names.get(key, figures.name)
        rows.append(BreakdownRow(key, name, key in names, talks, decisions=figures.decisions))
    return rows


def _member_names(scope: Scope, user_ids: list[str]) -> dict[str, str]:
    """Return the names of those who are members now, by user id."""
    query = owned(Member, scope.who.tenant_id).join(User, col(User.id) == Member.user_id)
    query = query.where(col(Member.user_id).in_(user_ids))
    rows = scope.session.execute(query.with_only_columns(Member.user_id, User.name)).all()
    return {user_id: name for user_id, name in rows}  # noqa: C416
