"""Sessions: a ticket works once, a token is looked up at every event, and what has ended is dead."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from platform_app.db import session_scope, unscoped
from platform_app.errors import Forbidden
from platform_app.models.person import Identity, Member, Role, Session, SignInTicket, User
from platform_app.services.accounts import sessions
from tests.api_client import sign_in, ticket_for

START = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture
def at() -> Iterator[time_machine.Traveller]:
    """A clock that stands still until it is moved."""
    with time_machine.travel(START, tick=False) as clock:
        yield clock


def claim(ticket: str, agent: str = "") -> str:
    with session_scope(reason="tests") as session:
        return sessions.redeem_ticket(session, ticket, agent)


def test_a_ticket_works_once(who: Identity) -> None:
    ticket = ticket_for(who)
    token = claim(ticket)
    for wrong in (ticket, "made-up", "", "half \ud83d"):
        with pytest.raises(Forbidden):
            claim(wrong)
    found = sessions.get_identity(token, "acme")
    assert found is not None
    assert (found.user_id, found.role, found.slug) == (who.user_id, Role.OWNER, "acme")


def test_of_many_who_come_at_once_one_gets_in(who: Identity) -> None:
    ticket = ticket_for(who)

    def attempt(_: int) -> int:
        try:
            claim(ticket)
        except Forbidden:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


def test_a_ticket_lasts_a_minute(at: time_machine.Traveller, who: Identity) -> None:
    good, late = ticket_for(who), ticket_for(who)
    at.shift(timedelta(seconds=59))
    assert sessions.get_identity(claim(good), "acme") is not None
    at.shift(timedelta(seconds=2))
    with pytest.raises(Forbidden):
        claim(late)


def test_the_database_holds_hashes_only(who: Identity) -> None:
    ticket, token = ticket_for(who), sign_in(who)
    with session_scope(reason="tests", read_only=True) as session:
        tickets, kept = session.exec(unscoped(SignInTicket)).all(), session.exec(unscoped(Session)).all()
    assert [row.ticket_hash for row in tickets] == [hashlib.sha256(ticket.encode()).hexdigest()]
    assert [row.token_hash for row in kept] == [hashlib.sha256(token.encode()).hexdigest()]
    assert not any(secret in str(row) for row in [*tickets, *kept] for secret in (ticket, token))
    assert len(token) >= 43


def test_a_session_ends_two_weeks_after_the_last_visit(at: time_machine.Traveller, who: Identity) -> None:
    token = sign_in(who)
    for _ in range(6):
        at.shift(timedelta(days=13, hours=23))
        assert sessions.get_identity(token, "acme") is not None
    at.shift(timedelta(days=14, seconds=1))
    assert sessions.get_identity(token, "acme") is None


def test_a_session_ends_after_three_months(at: time_machine.Traveller, who: Identity) -> None:
    token = sign_in(who)
    lived = 0
    while sessions.get_identity(token, "acme") is not None:
        lived += 1
        at.shift(timedelta(days=1))
    assert lived == 90


def test_a_look_writes_once_a_day_at_most(at: time_machine.Traveller, who: Identity) -> None:
    token = sign_in(who)
    until = []
    for hours in (1, 22, 2, 1, 20):
        at.shift(timedelta(hours=hours))
        assert sessions.get_identity(token, "acme") is not None
        with session_scope(reason="tests", read_only=True) as session:
            until.append(session.exec(unscoped(Session)).one().expires_at - START)
    day, life = timedelta(days=1), timedelta(days=14)
    assert until == [life, life, life + day + timedelta(hours=1)] + [life + day + timedelta(hours=1)] * 2


def test_ended_ones_are_dead(who: Identity) -> None:
    first, second, third = sign_in(who), sign_in(who), sign_in(who)
    sessions.end_session(first)
    sessions.end_session("made-up")
    assert [sessions.get_identity(token, "acme") is not None for token in (first, second, third)] == [False, True, True]
    mine = sessions.get_identity(second, "acme")
    assert mine is not None
    with session_scope(reason="tests") as session:
        sessions.end_all_sessions(session, who.user_id, except_id=mine.session_id)
    assert [sessions.get_identity(token, "acme") is not None for token in (second, third)] == [True, False]
    with session_scope(reason="tests") as session:
        assert [row.id for row in sessions.list_sessions(session, mine)] == [mine.session_id]
        sessions.end_all_sessions(session, who.user_id)
    assert sessions.get_identity(second, "acme") is None


def test_others_keep_theirs(who: Identity, other: Identity) -> None:
    theirs = sign_in(other)
    with session_scope(reason="tests") as session:
        sessions.end_all_sessions(session, who.user_id)
        assert sessions.list_sessions(session, who) == []
    assert sessions.get_identity(theirs, "globex") is not None


def test_a_token_opens_the_persons_tenants_only(who: Identity, other: Identity) -> None:
    token = sign_in(who)
    assert sessions.get_identity(token, "globex") is None
    assert sessions.get_identity(token, "none") is None
    assert sessions.get_identity("", "acme") is None
    with session_scope(reason="tests") as session:
        session.add(Member(tenant_id=other.tenant_id, user_id=who.user_id, role=Role.VIEWER))
    first, guest = sessions.get_identity(token, None), sessions.get_identity(token, "globex")
    assert first is not None
    assert guest is not None
    assert (first.slug, guest.tenant_id, guest.role) == ("acme", other.tenant_id, Role.VIEWER)


def test_a_role_or_a_person_changed_is_seen_at_the_next_look(who: Identity) -> None:
    token = sign_in(who)
    with session_scope(reason="tests") as session:
        member = session.exec(unscoped(Member).where(Member.user_id == who.user_id)).one()
        member.role = Role.VIEWER
    found = sessions.get_identity(token, "acme")
    assert found is not None
    assert found.role == Role.VIEWER
    with session_scope(reason="tests") as session:
        session.exec(unscoped(User).where(User.id == who.user_id)).one().disabled_at = START
    assert sessions.get_identity(token, "acme") is None
    with session_scope(reason="tests") as session:
        session.exec(unscoped(User).where(User.id == who.user_id)).one().disabled_at = None
        session.delete(session.exec(unscoped(Member).where(Member.user_id == who.user_id)).one())
    assert sessions.get_identity(token, "acme") is None
    assert sessions.get_identity(token, None) is None


def test_a_look_that_is_no_visit_does_not_let_it_live_on(at: time_machine.Traveller, who: Identity) -> None:
    token = sign_in(who)
    at.shift(timedelta(days=13))
    assert sessions.get_identity(token, "acme", extend=False) is not None
    at.shift(timedelta(days=2))
    assert sessions.get_identity(token, "acme") is None
