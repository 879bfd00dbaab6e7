"""Alone: a tenant has one trial over the past at a time, whoever asks; tenants do not wait for each other."""

import pytest

from platform_app.db import Transaction, session_scope
from platform_app.engine.actions.concurrency_limit import one_at_a_time
from platform_app.engine.rules import backtest
from platform_app.engine.sequences import sequence_backtest
from platform_app.errors import Invalid, LimitReached
from platform_app.models.person import Identity
from tests.talking import call


def test_one_of_a_tenant_at_a_time(who: Identity, other: Identity) -> None:
    seen: list[str] = []

    @one_at_a_time
    def inner(session: Transaction, who: Identity) -> None:
        seen.append(who.tenant_id)

    @one_at_a_time
    def outer(session: Transaction, mine: Identity, theirs: Identity, *, days: int) -> int:
        with pytest.raises(LimitReached):
            inner(session, mine)
        for trial in (backtest.backtest, sequence_backtest.backtest):
            with pytest.raises(LimitReached):
                trial(session, mine, "none", days=7)
        with session_scope(theirs.tenant_id, read_only=True) as their_session:
            inner(their_session, theirs)
        return days

    assert call(who, outer, other, days=3) == 3 and seen == [other.tenant_id]
    call(who, inner)
    assert seen == [other.tenant_id, who.tenant_id]


def test_what_failed_holds_nobody_up(who: Identity) -> None:
    for _ in range(2):
        with pytest.raises(Invalid):
            call(who, backtest.backtest, "none", days=0)
