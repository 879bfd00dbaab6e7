"""Budgets: the list of a tenant's budgets with what was spent, and the form of one."""

from dataclasses import dataclass
from typing import Any

import reflex as rx
from babel.numbers import format_decimal

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import PlatformError
from platform_app.form_fields import format_typed
from platform_app.i18n import plural, translate
from platform_app.models.budget import BUDGET_FORM, Budget, BudgetScope, BudgetUnit
from platform_app.models.person import Identity, Role
from platform_app.services.budgets import budgets
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_user, fetch, handler, success_toast
from platform_app.state.console.option_lists import Option, agent_options

_NEW = {"scope": "tenant", "unit": "money", "period": "month", "soft_percent": "80", "agent_id": ""}


@dataclass
class BudgetRow:
    """A budget in the list; `width` is the part that is spent, as a width."""

    id: str
    name: str
    counts: str
    spent: str
    width: str
    is_spent: bool
    note: str  # how many replies have no known price


class BudgetsState(rx.State):
    """The list of budgets, and the form of the one that is edited."""

    rows: list[BudgetRow] = []
    agents: list[Option] = []
    loaded: bool = False
    is_open: bool = False
    edited_id: str = ""
    initial: dict[str, str] = {}
    problem: str = ""
    problem_field: str = ""
    form_key: int = 0

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the list."""
        self.is_open = False
        await self._fetch()
        self.loaded = True

    @handler(Role.ADMIN)
    async def edit(self, budget_id: str) -> None:
        """Open the form of a budget; "" is a new one."""
        self.edited_id, self.problem, self.problem_field = budget_id[:32], "", ""
        row = await fetch(self, budgets.get, self.edited_id) if budget_id else None
        self.initial = _values(row)
        self.is_open, self.form_key = True, self.form_key + 1

    @handler(Role.ADMIN)
    async def set_open(self, is_open: bool) -> None:
        """Close the form when its dialog closes."""
        self.is_open = is_open and self.is_open

    @handler(Role.ADMIN)
    async def save(self, form: dict[str, Any]) -> Any:
        """Save the budget, or show the problem at its field."""
        self.problem = self.problem_field = ""
        given = {name: str(form.get(name, ""))[:1_000] for name in (*BUDGET_FORM, "agent_id")}
        try:
            await call(self, budgets.save, self.edited_id, given)
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field or "name"
            return browser.focus(self.problem_field)
        self.is_open = False
        await self._fetch()
        return await success_toast(self, "Budget saved.")

    @handler(Role.ADMIN)
    async def remove(self, budget_id: str) -> Any:
        """Delete a budget."""
        await call(self, budgets.remove, budget_id)
        await self._fetch()
        return await success_toast(self, "Budget removed.")

    async def _fetch(self) -> None:
        language = (await current_user(self)).language
        found, self.agents = await fetch(self, _read)
        names = {agent.id: agent.name for agent in self.agents}
        self.rows = [_row(row, spent, names, language) for row, spent in found]


def _read(session: Transaction, who: Identity) -> tuple[list[tuple[Budget, tuple[int, int]]], list[Option]]:
    rows = budgets.list_budgets(session, who)
    return [(row, budgets.spent(session, row, now())) for row in rows], agent_options(session, who)


def _values(row: Budget | None) -> dict[str, str]:
    if row is None:
        return dict.fromkeys(BUDGET_FORM, "") | _NEW
    return {name: format_typed(getattr(row, name)) for name in BUDGET_FORM} | {"agent_id": row.agent_id or ""}


def _row(row: Budget, spent: tuple[int, int], names: dict[str, str], language: str) -> BudgetRow:
    amount, unpriced = spent
    limit = budgets.limit_of(row)
    part = min(round(100 * amount / max(limit, 1)), 100)
    one, many = "{count} reply has no known price", "{count} replies have no known price"
    return BudgetRow(
        row.id,
        row.name,
        _counts(row, names, language),
        translate(
            language, "{spent} of {limit}", spent=_amount(row, amount, language), limit=_amount(row, limit, language)
        ),
        f"{part}%",
        amount >= limit,
        plural(language, one, many, unpriced) if unpriced else "",
    )


def _counts(row: Budget, names: dict[str, str], language: str) -> str:
    """Return what a budget counts, in words."""
    scope = translate(language, BUDGET_FORM["scope"].options[row.scope])
    if row.scope == BudgetScope.AGENT and row.agent_id:
        scope = names.get(row.agent_id, "")
    unit, period = (translate(language, BUDGET_FORM[name].options[getattr(row, name)]) for name in ("unit", "period"))
    return f"{unit} · {period} · {scope}"


def _amount(row: Budget, amount: int, language: str) -> str:
    if row.unit == BudgetUnit.MESSAGES:
        return format_decimal(amount, locale=language)
    return f"${format_decimal(amount / budgets.MICROS, '#,##0.00##', locale=language)}"
