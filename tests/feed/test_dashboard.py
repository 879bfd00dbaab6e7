"""Dashboard: every number is recounted by hand, over changes of the clock and in zones far apart."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from platform_app.db import session_scope
from platform_app.events import emit
from platform_app.models.agent import Agent
from platform_app.models.conversation import Conversation, ConversationState
from platform_app.models.event import EventKind
from platform_app.models.person import Identity
from platform_app.services.agents import agents
from platform_app.services.crm import leads
from platform_app.services.feed import dashboard
from platform_app.services.feed.dashboard import DashboardSummary, PeriodCount
from platform_app.state.feed.dashboard_view import stage_bars, statistic_cards


def replied(who: Identity, *moments: datetime) -> None:
    with session_scope(who.tenant_id) as session:
        session.enable_cache()
        for at in moments:
            emit(session, who.tenant_id, EventKind.REPLY_SENT).at = at


def count(who: Identity, now: datetime) -> DashboardSummary:
    with session_scope(who.tenant_id, read_only=True) as session:
        return dashboard.get_summary(session, who, now)


def living_in(who: Identity, zone: str) -> Identity:
    return Identity(**(vars(who) | {"time_zone": zone}))


def test_an_empty_tenant_counts_zero(who: Identity) -> None:
    found = count(who, datetime(2026, 3, 29, 12, tzinfo=UTC))
    assert found.today == found.week == found.month == PeriodCount(0, 0)
    assert (found.active_agents, found.all_agents, found.open_conversations, found.stages) == (0, 0, 0, [])
    assert [n for _, n in found.days] == [0] * 14
    assert [str(month) for month, _ in found.months] == [f"{y}-{m:02}-01" for y, m in _six_months_to(2026, 3)]


def _six_months_to(year: int, month: int) -> list[tuple[int, int]]:
    return [
        ((year * 12 + month - 1 - back) // 12, (year * 12 + month - 1 - back) % 12 + 1) for back in range(5, -1, -1)
    ]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Vladivostok", "Asia/Kathmandu", "UTC"])
@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 3, 29, 10, 30, tzinfo=UTC),  # Berlin's short day
        datetime(2026, 10, 25, 22, 59, tzinfo=UTC),  # Berlin's long day
        datetime(2026, 11, 2, 4, 0, tzinfo=UTC),  # New York's long day ends
        datetime(2026, 1, 1, 0, 0, tzinfo=UTC),
        datetime(2026, 3, 31, 20, 0, tzinfo=UTC),  # longer than the month before
    ],
)
def test_counts_are_those_of_a_recount(who: Identity, zone: str, now: datetime) -> None:
    here = living_in(who, zone)
    moments = [now - timedelta(minutes=437 * n) for n in range(600)] + [now + timedelta(minutes=5)]
    moments += [at.replace(hour=23, minute=59, second=59, microsecond=999_999) for at in moments[:60:3]]
    moments = [at for at in moments if at != now]
    replied(here, *moments)
    _assert_recounted(count(here, now), moments, now, ZoneInfo(zone))


def _assert_recounted(found: DashboardSummary, moments: list[datetime], now: datetime, zone: ZoneInfo) -> None:
    past = [at for at in moments if at < now]
    local = [at.astimezone(zone) for at in past]
    today = now.astimezone(zone).date()
    for day, n in found.days:
        assert n == sum(1 for at in local if at.date() == day), day
    assert [day for day, _ in found.days] == [today - timedelta(days=back) for back in range(13, -1, -1)]
    for month, n in found.months:
        assert n == sum(1 for at in local if (at.year, at.month) == (month.year, month.month)), month
    assert [(m.year, m.month) for m, _ in found.months] == _six_months_to(today.year, today.month)
    assert found.today.now == found.days[-1][1]
    assert found.week.now == sum(n for _, n in found.days[-7:])
    assert found.month.now == found.months[-1][1]
    last_month = found.months[-2][0]
    for counted, start, before in (
        (found.today, today, today - timedelta(days=1)),
        (found.week, today - timedelta(days=6), today - timedelta(days=13)),
        (found.month, today.replace(day=1), last_month),
    ):
        begin, begin_before = (datetime(d.year, d.month, d.day, tzinfo=zone).timestamp() for d in (start, before))
        end_before = min(begin_before + now.timestamp() - begin, begin)
        assert counted.before == sum(1 for at in past if begin_before <= at.timestamp() < end_before)


def test_a_day_begins_at_midnight_of_the_tenant(who: Identity) -> None:
    now = datetime(2026, 7, 10, 12, tzinfo=UTC)
    replied(who, datetime(2026, 7, 9, 20, 59, 59, tzinfo=UTC), datetime(2026, 7, 9, 21, 0, tzinfo=UTC))
    assert count(living_in(who, "Europe/Moscow"), now).today == PeriodCount(1, 0)  # midnight is 21:00 UTC
    assert count(living_in(who, "UTC"), now).today == PeriodCount(0, 0)
    assert count(living_in(who, "Asia/Vladivostok"), now).today == PeriodCount(2, 0)


def test_only_replies_of_this_tenant_count(who: Identity, other: Identity) -> None:
    now = datetime(2026, 7, 10, 12, tzinfo=UTC)
    replied(other, now - timedelta(hours=1))
    with session_scope(who.tenant_id) as session:
        emit(session, who.tenant_id, EventKind.MESSAGE_RECEIVED).at = now - timedelta(hours=1)
    assert count(who, now).week == PeriodCount(0, 0)


def test_agents_conversations_and_leads(who: Identity, other: Identity) -> None:
    with session_scope(who.tenant_id) as session:
        made = [agents.create(session, who, {"name": name}) for name in ("on", "off", "gone")]
        for agent in made:
            agents.publish(session, who, agent.id)
        for agent in (made[0], made[2]):
            agents.set_active(session, who, agent.id, active=True)
        agents.delete(session, who, made[2].id)
        for state, deleted in ((ConversationState.OPEN, None), (ConversationState.CLOSED, None), ("open", made[2])):
            session.add(
                Conversation(
                    tenant_id=who.tenant_id,
                    agent_id=made[0].id,
                    state=state,
                    deleted_at=deleted.deleted_at if isinstance(deleted, Agent) else None,
                )
            )
    with session_scope(other.tenant_id) as session:
        agents.create(session, other, {"name": "theirs"})
    found = count(who, datetime(2026, 7, 10, 12, tzinfo=UTC))
    assert (found.active_agents, found.all_agents, found.open_conversations) == (1, 2, 1)


def test_leads_stand_in_the_order_of_pipelines_and_stages(who: Identity) -> None:
    from tests.crm.test_crm import make_pipeline

    service = make_pipeline(who, "Service", "Asked", "Done", position=1)
    sales = make_pipeline(who, "Sales", "New", "Won", position=0)
    with session_scope(who.tenant_id) as session:
        for stage, budget in ((sales[1], "5"), (sales[1], "6"), (service[0], "5")):
            leads.create(session, who, title="x", stage_id=stage, budget=budget)
    found = count(who, datetime(2026, 7, 10, 12, tzinfo=UTC))
    shown = [(stage.name, stage.leads, stage.budget) for stage in found.stages]
    assert shown == [("New", 0, 0), ("Won", 2, 11), ("Asked", 1, 5), ("Done", 0, 0)]
    bars = stage_bars(found, "en", who)
    assert [(bar.leads, bar.width) for bar in bars] == [("—", 0), ("2", 100), ("1", 50), ("—", 0)]
    assert bars[1].link.endswith(f"/leads?view=list&pipeline={found.stages[1].pipeline_id}&stage={sales[1]}")


def test_each_tile_has_its_fourteen_days_and_zero_in_words(who: Identity) -> None:
    now = datetime(2026, 7, 10, 12, tzinfo=UTC)
    cards = statistic_cards(count(who, now), "en", "/manage/acme")
    assert [card.value for card in cards] == ["None"] * 5
    assert {card.bars_words for card in cards} == {"Nothing in 14 days"} and not any(card.bars for card in cards)
    assert (cards[0].note, cards[4].note) == ("none by this time yesterday", "none opened or closed today")
    with session_scope(who.tenant_id) as session:
        for days, agent, kind in (
            (0, "a", EventKind.REPLY_SENT),
            (0, "b", EventKind.REPLY_SENT),
            (0, "b", EventKind.REPLY_SENT),
            (11, "a", EventKind.REPLY_SENT),
            (0, "a", EventKind.CONVERSATION_STARTED),
            (0, "a", EventKind.CONVERSATION_REOPENED),
            (0, "a", EventKind.CONVERSATION_CLOSED),
            (1, "a", EventKind.CONVERSATION_CLOSED),
        ):
            emit(session, who.tenant_id, kind, agent_id=agent).at = now - timedelta(days=days, hours=1)
    found = count(who, now)
    assert found.month_so_far() == [0, 0, 1, 1, 0, *[0] * 8, 3], "June ends, July begins anew"
    assert (found.answering[-1], found.answering[2], found.started[-1]) == (2, 1, 1)
    assert (found.opened_today, found.closed_today) == (2, 1)
    cards = statistic_cards(found, "en", "/manage/acme")
    assert [len(card.bars) for card in cards] == [14] * 5
    assert [sum(bar.is_strong for bar in card.bars) for card in cards] == [1, 7, 10, 1, 1]
    assert cards[0].bars_words == f"Replies by day, 14 days: 0, 0, 1, {'0, ' * 10}3"
    assert (cards[0].change, cards[1].change, cards[4].change) == ("+3", "+2", "+1")
