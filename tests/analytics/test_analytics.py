"""Analytics: every figure against what was counted by hand, and against a recount in Python."""

import random
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from platform_app.db import owned, session_scope
from platform_app.errors import Invalid
from platform_app.models.conversation import Conversation
from platform_app.models.crm import Lead, StageKind
from platform_app.models.event import EventKind
from platform_app.models.person import Identity, Member, Role
from platform_app.models.sequence import Enrollment, Sequence
from platform_app.services.agents import agents
from platform_app.services.analytics.outcome_figures import Approvals, Usage, WonLeads
from platform_app.services.analytics.talk_figures import TalkFigures
from platform_app.services.crm import leads, pipelines
from tests.analysing import Talk, breakdown, report
from tests.conftest import make_member
from tests.talking import add_agent, call

DAYS = date(2026, 7, 6), date(2026, 7, 10)
NOW = datetime(2026, 7, 20, 12, tzinfo=UTC)
TEN = datetime(2026, 7, 8, 10, tzinfo=UTC)


def after(**passed: float) -> datetime:
    return TEN + timedelta(**passed)


def test_a_period_with_nothing(who: Identity) -> None:
    made = report(who, *DAYS, NOW)
    assert made.now == made.before
    assert (made.now.talks, made.now.usage, made.now.approvals) == (TalkFigures(), Usage(), Approvals())
    assert (made.now.won, made.now.ratings, made.now.stars) == (WonLeads(), 0, None)
    assert made.series == [(date(2026, 7, day), 0, 0) for day in range(6, 11)]
    for dimension in ("agent", "channel", "member", "tag"):
        assert breakdown(who, dimension, DAYS, NOW) == {}


def three_talks(who: Identity) -> tuple[Identity, str]:
    """Write a conversation that an agent alone answered, one handed over, and one of automatic messages only."""
    mate, agent_id = make_member(who, Role.OPERATOR), add_agent(who, name="Vera")
    alone = Talk(who, agent_id, tags=["vip", "new"])
    alone.asked(TEN)
    reply_id = alone.answered(after(seconds=30))
    alone.asked(after(hours=1))
    alone.answered(after(hours=2))
    alone.used(after(seconds=30), reply_id, prompt_tokens=100, cached_tokens=40, completion_tokens=20, cost=0.5)
    shared = Talk(who, add_agent(who, name="Boris"), channel="telegram", tags=["vip"])
    shared.asked(TEN)
    shared.answered(after(seconds=10))
    shared.note(EventKind.HANDED_OFF, after(minutes=1))
    shared.note(EventKind.TAKEN_OVER, after(minutes=2))
    shared.helped(after(minutes=5), mate)
    shared.helped(after(minutes=6))
    Talk(who, agent_id).automatic(TEN)
    return mate, agent_id


def test_what_was_counted_by_hand(who: Identity, other: Identity) -> None:
    mate, agent_id = three_talks(who)
    Talk(other, add_agent(other)).asked(TEN)
    now = report(who, *DAYS, NOW).now
    assert now.talks == TalkFigures(
        conversations=3,
        replies=3,
        automatic=1,
        member_replies=2,
        without_person=1,
        handed_over=1,
        agent_median=pytest.approx(20, abs=0.01),
        agent_90=pytest.approx(30, abs=0.01),
        member_median=pytest.approx(300, abs=0.01),
        member_90=pytest.approx(300, abs=0.01),
    )
    assert now.usage == Usage(100, 40, 20, 0.5)
    assert report(who, *DAYS, NOW, agent_id=agent_id).now.talks.conversations == 2
    narrow = report(who, *DAYS, NOW, channel="telegram").now
    assert (narrow.talks.conversations, narrow.talks.replies, narrow.usage) == (1, 1, Usage())
    assert report(who, date(2026, 7, 11), date(2026, 7, 15), NOW).before.talks == now.talks
    with pytest.raises(Invalid):
        report(who, *DAYS, NOW, channel="pigeon")


def test_breakdowns(who: Identity) -> None:
    mate, agent_id = three_talks(who)
    rows = breakdown(who, "agent", DAYS, NOW)
    assert {name: (row.talks.conversations, row.talks.replies) for name, row in rows.items()} == {
        "Vera": (2, 2),
        "Boris": (1, 1),
    }
    assert (rows["Vera"].talks.without_person, rows["Boris"].talks.without_person) == (1, 0)
    assert (rows["Vera"].usage.cost, rows["Boris"].usage.cost) == (0.5, 0)
    rows = breakdown(who, "channel", DAYS, NOW)
    assert {name: row.talks.conversations for name, row in rows.items()} == {"api": 2, "telegram": 1}
    assert rows["api"].usage == Usage(100, 40, 20, 0.5) and rows["telegram"].talks.handed_over == 1
    rows = breakdown(who, "tag", DAYS, NOW)
    assert {name: row.talks.conversations for name, row in rows.items()} == {"vip": 2, "new": 1}
    assert rows["vip"].talks.agent_median == pytest.approx(20, abs=0.01) and rows["new"].usage.input_tokens == 100
    rows = breakdown(who, "member", DAYS, NOW)
    assert {name: row.talks.member_replies for name, row in rows.items()} == {who.name: 1, mate.name: 1}
    assert rows[who.name].talks.member_median == pytest.approx(360, abs=0.01)


def test_a_removed_member_and_a_deleted_agent_keep_their_numbers(who: Identity) -> None:
    mate, agent_id = three_talks(who)
    call(who, agents.delete, agent_id)
    elsewhere = replace(who, user_id="", name="Manager in Kommo")
    with session_scope(who.tenant_id) as session:
        session.delete(session.exec(owned(Member, who.tenant_id).where(Member.user_id == mate.user_id)).one())
        talk = session.exec(owned(Conversation, who.tenant_id).where(Conversation.channel == "telegram")).one()
    Talk.helped(_at(who, talk), after(minutes=9), elsewhere)
    people = breakdown(who, "member", DAYS, NOW)
    assert {name: row.is_known for name, row in people.items()} == {
        who.name: True,
        mate.name: False,
        "Manager in Kommo": False,
    }
    rows = breakdown(who, "agent", DAYS, NOW)
    assert (rows["Vera"].is_known, rows["Vera"].talks.replies, rows["Boris"].is_known) == (False, 2, True)
    with session_scope(who.tenant_id) as session:  # deleted permanently: its events stay
        for row in session.exec(owned(Conversation, who.tenant_id).where(Conversation.channel == "telegram")).all():
            session.delete(row)
    rows = breakdown(who, "channel", DAYS, NOW)
    assert {key: row.is_known for key, row in rows.items()} == {"api": True, "": False}
    assert report(who, *DAYS, NOW).now.talks.conversations == 3


def _at(who: Identity, row: Conversation) -> Talk:
    talk = Talk.__new__(Talk)
    talk.who, talk.id, talk.agent_id, talk.lead_id = who, row.id, row.agent_id, None
    return talk


def test_approvals_ratings_and_unanswered_questions(who: Identity) -> None:
    mate, talk = make_member(who, Role.OPERATOR), Talk(who, add_agent(who), rating=4)
    for minutes in (1, 2, 9):
        talk.approved(TEN, after(minutes=minutes), mate)
    talk.approved(TEN, after(minutes=50), who, "reply_rejected")
    talk.note(EventKind.CONVERSATION_RATED, TEN)
    talk.note(EventKind.CONVERSATION_RATED, after(minutes=1))  # changed their mind
    Talk(who, add_agent(who), rating=1).note(EventKind.CONVERSATION_RATED, TEN)
    reply_id = talk.answered(TEN)
    talk.used(TEN, reply_id, is_unanswered=True, cost=None)
    now = report(who, *DAYS, NOW).now
    assert now.approvals == Approvals(3, pytest.approx(120, abs=0.01), pytest.approx(540, abs=0.01))
    assert (now.ratings, now.stars) == (2, 2.5)
    assert (now.usage.unanswered, now.usage.unpriced, now.usage.cost) == (1, 1, 0)
    rows = breakdown(who, "member", DAYS, NOW)
    assert {name: row.decisions for name, row in rows.items()} == {mate.name: 3, who.name: 1}


def test_leads_won_and_who_touched_them(who: Identity) -> None:
    pipeline = call(who, pipelines.create, "Sales", [("New", StageKind.OPEN), ("Won", StageKind.WON)])
    ((_, stages),) = [pair for pair in call(who, pipelines.list_pipelines) if pair[0].id == pipeline.id]
    new, won = (stage.id for stage in stages)
    agent_id = add_agent(who, name="Vera")

    def win(title: str, budget: int, at: datetime) -> str:
        lead_id = str(call(who, leads.create, title=title, stage_id=new, budget=budget).id)
        call(who, leads.move_to_stage, lead_id, won)
        with session_scope(who.tenant_id) as session:
            session.exec(owned(Lead, who.tenant_id).where(Lead.id == lead_id)).one().in_stage_since = at
        talk = Talk(who, agent_id)
        talk.lead_id = lead_id
        talk.note(EventKind.STAGE_CHANGED, at)
        return lead_id

    talked = Talk(who, agent_id, lead_id=win("talked", 100, TEN))
    talked.answered(TEN)
    talked.answered(after(hours=1))
    talked.note(EventKind.TASK_CREATED, TEN, run_id="1" * 32)
    with session_scope(who.tenant_id) as session:
        sequence = Sequence(tenant_id=who.tenant_id, name="Follow-up")
        session.add(sequence)
        session.flush()
        subject = {"lead_id": talked.lead_id, "subject_id": talked.lead_id}
        session.add(Enrollment(tenant_id=who.tenant_id, sequence_id=sequence.id, version=1, entered_at=TEN, **subject))
    win("alone", 50, TEN)
    win("earlier", 7, TEN - timedelta(days=9))
    back = win("lost again", 1_000, TEN)
    call(who, leads.move_to_stage, back, new)
    made = report(who, *DAYS, NOW).now.won
    assert made == WonLeads(2, Decimal("150.00"), 1, Decimal("100.00"), 1, Decimal("100.00"), 1, Decimal("100.00"))
    assert report(who, *DAYS, NOW, agent_id=agent_id).now.won.count == 1
    assert report(who, *DAYS, NOW, channel="telegram").now.won == WonLeads()
    assert breakdown(who, "agent", DAYS, NOW)["Vera"].won == 1


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC"])
@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2026, 3, 23), date(2026, 4, 5)),  # Berlin's short day
        (date(2026, 10, 20), date(2026, 11, 6)),  # long days of both
        (date(2026, 1, 1), date(2026, 12, 30)),  # by week
    ],
)
def test_a_recount_says_the_same(who: Identity, zone: str, first: date, last: date) -> None:
    here, chance = replace(who, time_zone=zone), random.Random(7)
    agent_id, begin = add_agent(who), datetime(first.year, first.month, first.day, tzinfo=UTC)
    said: list[tuple[str, str, datetime]] = []
    for _ in range(12):
        talk = Talk(who, agent_id)
        for _ in range(8):
            at = begin + timedelta(days=chance.uniform(-(last - first).days, (last - first).days + 2))
            do = chance.choice([talk.asked, talk.answered, talk.helped])
            do(at)
            said.append((talk.id, do.__name__, at))
    made = report(here, first, last, datetime(2027, 6, 1, tzinfo=UTC))
    _assert_recounted(made, said, here, first, last)


def _assert_recounted(made: Any, said: list[tuple[str, str, datetime]], here: Identity, *days: date) -> None:
    zone, (first, last) = ZoneInfo(here.time_zone), days
    length = last - first + timedelta(days=1)
    for figures, begin in ((made.now, first), (made.before, first - length)):
        there = [one for one in said if begin <= one[2].astimezone(zone).date() < begin + length]
        talks: dict[str, dict[str, list[datetime]]] = defaultdict(lambda: defaultdict(list))
        for talk, kind, at in there:
            talks[talk][kind].append(at)
        assert figures.talks.conversations == len(talks)
        assert figures.talks.replies == sum(1 for one in there if one[1] == "answered")
        assert figures.talks.member_replies == sum(1 for one in there if one[1] == "helped")
        alone = [one for one in talks.values() if one["answered"] and not one["helped"]]
        assert figures.talks.without_person == len(alone)
        times = sorted(
            (min(one["answered"]) - min(one["asked"])).total_seconds()
            for one in talks.values()
            if one["answered"] and one["asked"] and min(one["answered"]) >= min(one["asked"])
        )
        assert figures.talks.agent_median == (pytest.approx(median(times), abs=0.01) if times else None)
        longest = times[-(-len(times) * 9 // 10) - 1] if times else None
        assert figures.talks.agent_90 == (pytest.approx(longest, abs=0.01) if times else None)
    ends = [day for day, _, _ in made.series[1:]] + [last + timedelta(days=1)]
    for (day, replies, helped), end in zip(made.series, ends, strict=True):
        there = [one for one in said if day <= one[2].astimezone(zone).date() < end]
        assert replies == sum(1 for one in there if one[1] == "answered"), day
        assert helped == sum(1 for one in there if one[1] == "helped"), day
