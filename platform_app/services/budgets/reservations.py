"""Reservations: reserve what a reply may cost before it is written, and settle what it did cost afterwards."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_delete
from platform_app.models.budget import Budget, BudgetReservation, BudgetScope, BudgetUnit, BudgetUse
from platform_app.models.event import ActivityKind
from platform_app.models.notification import NotificationKind
from platform_app.models.person import Role
from platform_app.services.budgets.budgets import MICROS, PAGE, limit_of, period_of
from platform_app.services.feed import activity
from platform_app.services.notifications import notifications
from platform_app.services.notifications.notifications import Notice

LIFETIME = timedelta(minutes=15)  # of a reservation whose writer died; longer than any reply takes
SOFT_SENTENCE = "Budget “{name}”: {percent} % used"
HARD_SENTENCE = "Budget “{name}” is used up: conversations are handed to people"


@dataclass(frozen=True)
class Demand:
    """A reply to be paid for: what it may cost at most in US dollars, and for whom it is written."""

    tenant_id: str
    reply_id: str
    agent_id: str
    contact_id: str = ""
    dollars: float = 0.0
    is_message: bool = True  # it counts as a reply


@dataclass(frozen=True)
class SpentBudget:
    """A budget that has no room for a reply: its name, and what the agent is to say ("": the usual sentence)."""

    name: str
    sentence: str


def is_counted(session: Transaction, demand: Demand) -> bool:
    """Return whether a budget counts a reply."""
    return bool(_counting(session, demand))


def reserve(session: Transaction, demand: Demand) -> SpentBudget | None:
    """Reserve what a reply may cost in every budget that counts it; return the first that has no room, or None.

    Reserving again for the same reply replaces its reservation. Nothing is reserved if one has no room; then its
    hard line is told to owners and admins, once a period. Uses are locked in order until the transaction ends.
    """
    uses = [(row, _locked_use(session, row, counted)) for row, counted in _counting(session, demand)]
    for row, use in uses:
        if use.spent + _reserved(session, use, demand.reply_id) + _amount(row, demand) > limit_of(row):
            _tell_hard_line(session, row, use)
            return SpentBudget(row.name, row.sentence)
    _release(session, demand.tenant_id, demand.reply_id)
    for row, use in uses:
        session.add(
            BudgetReservation(
                tenant_id=demand.tenant_id, use_id=use.id, reply_id=demand.reply_id, amount=_amount(row, demand)
            )
        )
    return None


def settle(
    session: Transaction, tenant_id: str, reply_id: str, *, dollars: float, is_message: bool, is_priced: bool = True
) -> None:
    """Turn the reservations of a reply that has ended into what it cost; a second call changes nothing.

    `dollars` is what is known of its cost, `is_priced` whether that is all; `is_message` whether there was a reply.
    Owners and admins are notified of a soft line that is reached, once a period.
    """
    query = owned(BudgetReservation, tenant_id).where(BudgetReservation.reply_id == reply_id)
    held = sorted(session.exec(query.with_for_update()).all(), key=lambda row: row.use_id)
    for reservation in held:
        found = owned(BudgetUse, tenant_id).where(BudgetUse.id == reservation.use_id).with_for_update()
        use: BudgetUse | None = session.exec(found).first()
        if use is None:
            continue
        budget: Budget = session.exec(owned(Budget, tenant_id).where(Budget.id == use.budget_id)).one()
        if budget.unit == BudgetUnit.MESSAGES:
            use.spent += int(is_message)
        else:
            use.spent += round(dollars * MICROS)
            use.unpriced += int(not is_priced)
        _tell_soft_line(session, budget, use)
    _release(session, tenant_id, reply_id)


def _counting(session: Transaction, demand: Demand) -> list[tuple[Budget, str]]:
    """Return the budgets that count a reply, each with what it is counted by, in the order of their ids."""
    of_agent = or_(col(Budget.agent_id).is_(None), col(Budget.agent_id) == demand.agent_id)
    rows: list[Budget] = list(session.exec(owned(Budget, demand.tenant_id).where(of_agent).order_by(Budget.id)).all())
    by = {BudgetScope.TENANT: "", BudgetScope.AGENT: demand.agent_id, BudgetScope.CONTACT: demand.contact_id}
    return [(row, by[row.scope]) for row in rows if row.scope == BudgetScope.TENANT or by[row.scope]]


def _amount(row: Budget, demand: Demand) -> int:
    return int(demand.is_message) if row.unit == BudgetUnit.MESSAGES else round(demand.dollars * MICROS)


def _locked_use(session: Transaction, row: Budget, counted: str) -> BudgetUse:
    """Return the locked row of what was spent in this period; it is added if there is none."""
    period = period_of(session, row, now())
    query = owned(BudgetUse, row.tenant_id).where(
        BudgetUse.budget_id == row.id, BudgetUse.counted == counted, BudgetUse.period == period
    )
    use: BudgetUse | None = session.exec(query.with_for_update()).first()
    if use is not None:
        return use
    try:
        with session.savepoint():
            session.add(BudgetUse(tenant_id=row.tenant_id, budget_id=row.id, counted=counted, period=period))
            session.flush()
    except IntegrityError:  # another reply has added it meanwhile
        pass
    added: BudgetUse = session.exec(query.with_for_update()).one()
    return added


def _reserved(session: Transaction, use: BudgetUse, reply_id: str) -> int:
    """Return what other replies that are being written have reserved."""
    query = owned(BudgetReservation, use.tenant_id).where(
        BudgetReservation.use_id == use.id,
        BudgetReservation.reply_id != reply_id,
        col(BudgetReservation.created_at) > now() - LIFETIME,
    )
    return int(session.execute(query.with_only_columns(func.sum(BudgetReservation.amount))).scalar() or 0)


def _release(session: Transaction, tenant_id: str, reply_id: str) -> None:
    session.execute(owned_delete(BudgetReservation, tenant_id).where(col(BudgetReservation.reply_id) == reply_id))


def _tell_soft_line(session: Transaction, row: Budget, use: BudgetUse) -> None:
    if use.soft_at is None and use.spent * 100 >= limit_of(row) * row.soft_percent:
        use.soft_at = now()
        _tell_admins(session, row, use, SOFT_SENTENCE, cause=f"budget soft {use.id}")


def _tell_hard_line(session: Transaction, row: Budget, use: BudgetUse) -> None:
    if use.hard_at is None:
        use.hard_at = now()
        _tell_admins(session, row, use, HARD_SENTENCE, cause=f"budget hard {use.id}")


def _tell_admins(session: Transaction, row: Budget, use: BudgetUse, sentence: str, *, cause: str) -> None:
    percent = min(use.spent * 100 // max(limit_of(row), 1), 100)
    values: dict[str, Any] = {"name": row.name} | ({"percent": percent} if sentence == SOFT_SENTENCE else {})
    admins = {
        user_id
        for user_id, role in notifications.active_members(session, row.tenant_id).items()
        if role.includes(Role.ADMIN)
    }
    notice = Notice(sentence, PAGE, values)
    notifications.notify(session, row.tenant_id, admins, NotificationKind.BUDGET, notice=notice, cause=cause)
    activity.record(session, row.tenant_id, ActivityKind.AGENT, sentence, link=PAGE, **values)
