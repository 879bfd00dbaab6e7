"""Outcome figures: tokens and cost, unanswered questions, approvals, ratings and leads won."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import String, and_, case, cast, func, literal
from sqlalchemy.orm import aliased
from sqlmodel import col

from platform_app.db import owned
from platform_app.models.agent import Channel
from platform_app.models.conversation import Conversation, ConversationTag, Message, Trace
from platform_app.models.crm import Lead, Stage, StageKind
from platform_app.models.event import Event, EventKind
from platform_app.models.sequence import Enrollment
from platform_app.services.analytics import selection
from platform_app.services.analytics.selection import Dimension, Scope, total


@dataclass(frozen=True)
class Usage:
    """What requests to models took, those of test chats included. Money is in US dollars."""

    input_tokens: int = 0
    cached_tokens: int = 0  # among those of the input
    output_tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0  # replies whose cost is not known
    unanswered: int = 0  # questions to which an agent had no answer, outside test chats


@dataclass(frozen=True)
class Approvals:
    """Replies that people approved, and the seconds that they waited."""

    count: int = 0
    median: float | None = None
    longest_90: float | None = None  # nine of ten are not longer


@dataclass(frozen=True)
class WonLeads:
    """Leads that were won in a period and still are, and their value; some were touched by several."""

    count: int = 0
    value: Decimal = Decimal(0)
    by_agent: int = 0  # an agent replied in one of their conversations
    agent_value: Decimal = Decimal(0)
    by_rule: int = 0  # a rule did something for them
    rule_value: Decimal = Decimal(0)
    by_sequence: int = 0  # they were in a sequence
    sequence_value: Decimal = Decimal(0)


def usage(scope: Scope, dimension: Dimension | None = None) -> dict[str, Usage]:
    """Return what models took by agent id, channel or tag; without a dimension all of it by ""."""
    tenant, narrowing = scope.who.tenant_id, scope.narrowing
    query = owned(Trace, tenant).where(scope.during(col(Trace.created_at)))
    if narrowing.agent_id:
        query = query.where(Trace.agent_id == narrowing.agent_id)
    if narrowing.channel or dimension in (Dimension.CHANNEL, Dimension.TAG):
        query = query.join(Message, and_(col(Message.id) == Trace.message_id, col(Message.tenant_id) == tenant))
        talk = and_(col(Conversation.id) == Message.conversation_id, col(Conversation.tenant_id) == tenant)
        query = query.join(Conversation, talk)
    if narrowing.channel:
        query = query.where(Conversation.channel == Channel(narrowing.channel))
    if dimension == Dimension.TAG:
        query = scope.with_tags(query, Message.conversation_id)
    columns: dict[Dimension | None, Any] = {
        Dimension.AGENT: Trace.agent_id,
        Dimension.CHANNEL: cast(Conversation.channel, String),
        Dimension.TAG: ConversationTag.tag,
    }
    sums = [func.coalesce(func.sum(column), 0) for column in _SUMMED]
    counted = [*sums, total(col(Trace.cost).is_(None)), total(col(Trace.is_unanswered).is_(True))]
    if dimension is None:
        rows = [("", *row) for row in scope.session.execute(query.with_only_columns(*counted)).all()]
    else:
        key = columns[dimension]
        rows = [tuple(row) for row in scope.session.execute(query.with_only_columns(key, *counted).group_by(key)).all()]
    return {
        row[0] or "": Usage(int(row[1]), int(row[2]), int(row[3]), float(row[4]), int(row[5]), int(row[6]))
        for row in rows
    }


_SUMMED = (Trace.prompt_tokens, Trace.cached_tokens, Trace.completion_tokens, Trace.cost)


def approvals(scope: Scope) -> Approvals:
    """Return the replies that were approved, and how long they waited since approval was requested."""
    request: Any = aliased(Event)
    asked = owned(request, scope.who.tenant_id).where(
        request.kind == EventKind.APPROVAL_REQUESTED, request.message_id == Event.message_id, request.at <= Event.at
    )
    since = asked.with_only_columns(func.max(request.at)).correlate(Event).scalar_subquery()
    query = scope.events([EventKind.REPLY_APPROVED])
    waits = query.with_only_columns(col(Event.at).label("at"), since.label("since")).subquery()
    seconds = scope.seconds(waits.c.since, waits.c.at).label("seconds")
    timed = waits.select().with_only_columns(seconds).subquery()
    rank, number = selection.ranked(literal(""), timed.c.seconds)
    ranked = timed.select().add_columns(rank.label("rank"), number.label("number")).subquery()
    times = (ranked.c.seconds, ranked.c.rank, ranked.c.number)
    columns = (func.count(), selection.median(*times), selection.percentile_90(*times))
    return Approvals(*scope.session.execute(ranked.select().with_only_columns(*columns)).one())


def ratings(scope: Scope) -> tuple[int, float | None]:
    """Return how many conversations contacts rated in the period, and the mean number of stars, None if none."""
    query = scope.events([EventKind.CONVERSATION_RATED], has_channel=True)
    rated = query.with_only_columns(col(Conversation.id), col(Conversation.rating).label("stars")).distinct().subquery()
    row = scope.session.execute(rated.select().with_only_columns(func.count(rated.c.stars), func.avg(rated.c.stars)))
    number, mean = row.one()
    return int(number), None if mean is None else float(mean)


def won_leads(scope: Scope) -> WonLeads:
    """Return the leads that were won. Narrowed, those to which the agent replied, or somebody on the channel."""
    by_agent = _replied(scope).exists()
    tenant = scope.who.tenant_id
    automated = owned(Event, tenant).where(Event.lead_id == Lead.id, col(Event.run_id).is_not(None))
    enrollments = owned(Enrollment, tenant).where(Enrollment.lead_id == Lead.id)
    touches = [
        by_agent,
        automated.with_only_columns(Event.id).correlate(Lead).exists(),
        enrollments.with_only_columns(Enrollment.id).correlate(Lead).exists(),
    ]
    columns: list[Any] = [func.count(), func.coalesce(func.sum(Lead.budget), 0)]
    for touch in touches:
        columns += [total(touch), func.coalesce(func.sum(case((touch, col(Lead.budget)))), 0)]
    query = _won(scope)
    if scope.narrowing.agent_id or scope.narrowing.channel:
        query = query.where(by_agent)
    row = scope.session.execute(query.with_only_columns(*columns)).one()
    given = [Decimal(str(value)).quantize(Decimal("0.01")) if at % 2 else int(value) for at, value in enumerate(row)]
    return WonLeads(*given)  # type: ignore[arg-type]  # counts and values by turns


def won_by_agent(scope: Scope) -> dict[str, int]:
    """Return the number of leads won by the agents that replied to them."""
    won = _won(scope).with_only_columns(Lead.id)
    replied = owned(Event, scope.who.tenant_id).where(Event.kind == EventKind.REPLY_SENT)
    query = replied.where(col(Event.lead_id).in_(won))
    counted = query.with_only_columns(Event.agent_id, func.count(col(Event.lead_id).distinct()))
    return {
        agent_id or "": number for agent_id, number in scope.session.execute(counted.group_by(Event.agent_id)).all()
    }


def _won(scope: Scope) -> Any:
    """Return the query of leads that came into their won stage in the period and are still in it."""
    tenant = scope.who.tenant_id
    won = owned(Stage, tenant).where(Stage.kind == StageKind.WON)
    return owned(Lead, tenant).where(
        col(Lead.stage_id).in_(won.with_only_columns(Stage.id)),
        scope.during(col(Lead.in_stage_since)),
        col(Lead.deleted_at).is_(None),
    )


def _replied(scope: Scope) -> Any:
    """Return the query of replies of agents in conversations of a lead, narrowed as the scope is."""
    tenant, narrowing = scope.who.tenant_id, scope.narrowing
    query = owned(Event, tenant).where(Event.lead_id == Lead.id, Event.kind == EventKind.REPLY_SENT)
    if narrowing.agent_id:
        query = query.where(Event.agent_id == narrowing.agent_id)
    if narrowing.channel:
        talk = and_(col(Conversation.id) == Event.conversation_id, col(Conversation.tenant_id) == tenant)
        query = query.join(Conversation, talk).where(Conversation.channel == Channel(narrowing.channel))
    return query.with_only_columns(Event.id).correlate(Lead)
