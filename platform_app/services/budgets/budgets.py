"""Budgets: what a tenant may spend on replies: add, change, remove, and what was spent."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func
from sqlmodel import col

from platform_app.db import Transaction, owned, owned_delete
from platform_app.errors import Forbidden, Invalid, LimitReached, NotFound
from platform_app.form_fields import parse_typed
from platform_app.models.agent import Agent
from platform_app.models.budget import (
    BUDGET_FORM,
    Budget,
    BudgetPeriod,
    BudgetScope,
    BudgetUnit,
    BudgetUse,
)
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity, Role, Tenant
from platform_app.services.crm.crm_values import clean_line
from platform_app.services.feed import activity

MAX_BUDGETS = 50  # of a tenant
MICROS = 1_000_000  # of a US dollar, in which money is counted
PAGE = "/settings/budgets"


def list_budgets(session: Transaction, who: Identity) -> list[Budget]:
    """Return the tenant's budgets, sorted by name."""
    rows: list[Budget] = list(session.exec(owned(Budget, who.tenant_id)).all())
    return sorted(rows, key=lambda row: (row.name.casefold(), row.id))


def get(session: Transaction, who: Identity, budget_id: str, *, lock: bool = False) -> Budget:
    """Return a budget. Raises NotFound if there is none."""
    query = owned(Budget, who.tenant_id).where(Budget.id == budget_id)
    row: Budget | None = session.exec(query.with_for_update() if lock else query).first()
    if row is None:
        raise NotFound("Budget not found.")
    return row


def save(session: Transaction, who: Identity, budget_id: str, form: dict[str, str]) -> Budget:
    """Store a budget from a form; without an id a new one. What was spent in this period stays.

    Raises Forbidden unless `who` is an owner or admin, NotFound if there is no such budget, LimitReached if the tenant
    has MAX_BUDGETS, and Invalid with the field's name for a wrong value.
    """
    _require_admin(who)
    row = get(session, who, budget_id, lock=True) if budget_id else _new(session, who)
    before = (row.scope, row.unit, row.period, row.agent_id)
    row.name = clean_line(form.get("name", ""), "name", max_length=80, required=True)
    row.scope = BudgetScope(_choice(form, "scope", BudgetScope))
    row.unit = BudgetUnit(_choice(form, "unit", BudgetUnit))
    row.period = BudgetPeriod(_choice(form, "period", BudgetPeriod))
    row.hard_limit, row.soft_percent = _number(form, "hard_limit"), int(_number(form, "soft_percent"))
    if row.unit == BudgetUnit.MESSAGES and row.hard_limit != int(row.hard_limit):
        raise Invalid("Enter a whole number of replies.", field="hard_limit")
    row.sentence = clean_line(form.get("sentence", ""), "sentence", max_length=500)
    row.agent_id = _agent_id(session, who, form.get("agent_id", "")) if row.scope == BudgetScope.AGENT else None
    if budget_id and before != (row.scope, row.unit, row.period, row.agent_id):  # it counts something else
        session.execute(owned_delete(BudgetUse, who.tenant_id).where(col(BudgetUse.budget_id) == row.id))
    session.add(row)
    session.flush()
    sentence = "Budget “{name}” changed" if budget_id else "Budget “{name}” added"
    activity.record_by(session, who, ActivityKind.PERSON, sentence, link=PAGE, name=row.name)
    return row


def remove(session: Transaction, who: Identity, budget_id: str) -> Budget:
    """Delete a budget with what was spent of it; its replies are limited no more.

    Raises Forbidden unless `who` is an owner or admin, NotFound if there is no such budget.
    """
    _require_admin(who)
    row = get(session, who, budget_id, lock=True)
    session.execute(owned_delete(Budget, who.tenant_id).where(col(Budget.id) == row.id))
    activity.record_by(session, who, ActivityKind.PERSON, "Budget “{name}” removed", link=PAGE, name=row.name)
    return row


def spent(session: Transaction, row: Budget, at: datetime) -> tuple[int, int]:
    """Return what was spent of a budget in the period of a time, and how many of its replies have no known price.

    Of a budget that counts each agent or contact by itself it is the most that one has spent.
    """
    period = period_of(session, row, at)
    query = owned(BudgetUse, row.tenant_id).where(BudgetUse.budget_id == row.id, BudgetUse.period == period)
    most, unpriced = session.execute(
        query.with_only_columns(func.max(BudgetUse.spent), func.sum(BudgetUse.unpriced))
    ).one()
    return int(most or 0), int(unpriced or 0)


def period_of(session: Transaction, row: Budget, at: datetime) -> str:
    """Return the period that a time belongs to in the tenant's zone: its date, or its month."""
    tenant = session.get(Tenant, row.tenant_id)
    day = at.astimezone(ZoneInfo(tenant.time_zone if tenant else "UTC")).date().isoformat()
    return day if row.period == BudgetPeriod.DAY else day[:7]


def limit_of(row: Budget) -> int:
    """Return the hard line of a budget in the unit that is counted: replies, or millionths of a dollar."""
    return round(row.hard_limit * (MICROS if row.unit == BudgetUnit.MONEY else 1))


def _new(session: Transaction, who: Identity) -> Budget:
    if len(list_budgets(session, who)) >= MAX_BUDGETS:
        raise LimitReached("You can add up to {count} budgets.", count=MAX_BUDGETS)
    return Budget(
        tenant_id=who.tenant_id,
        name="",
        scope=BudgetScope.TENANT,
        unit=BudgetUnit.MONEY,
        period=BudgetPeriod.DAY,
        hard_limit=1,
    )


def _require_admin(who: Identity) -> None:
    if not who.role.includes(Role.ADMIN):
        raise Forbidden("Only an owner or an admin may change this.")


def _choice(form: dict[str, str], field: str, kinds: Any) -> str:
    if form.get(field) not in list(kinds):
        raise Invalid(BUDGET_FORM[field].problem, field=field)
    return form[field]


def _number(form: dict[str, str], field: str) -> float:
    shown, given = BUDGET_FORM[field], form.get(field, "")
    number = parse_typed(shown, given[:40]) if isinstance(given, str) else None
    if isinstance(number, bool) or not isinstance(number, int | float) or not shown.allows(number):
        raise Invalid(shown.problem, field=field)
    return number


def _agent_id(session: Transaction, who: Identity, given: str) -> str | None:
    """Return the id of an agent of the tenant, or None for each of them. Raises Invalid if there is no such agent."""
    if not given:
        return None
    query = owned(Agent, who.tenant_id).where(Agent.id == given, col(Agent.deleted_at).is_(None))
    if session.exec(query).first() is None:
        raise Invalid("Agent not found. It may have been deleted.", field="agent_id")
    return given
