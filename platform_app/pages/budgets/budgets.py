"""Budgets: the page with what may be spent on replies, and what was."""

from typing import Any

import reflex as rx

from platform_app.components.console.form import submitted_field
from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import columns, framed_table, listing
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import IS_ADMIN, RETURN_FOCUS, confirm, empty_state, field, icon_button
from platform_app.components.console.text import t
from platform_app.models.budget import BUDGET_FORM
from platform_app.state.budgets.budgets import BudgetRow, BudgetsState


def show() -> rx.Component:
    """Return the page on which admins set budgets, and members see what was spent."""
    return frame(
        rx.fragment(
            page_head(
                t("Budgets"),
                t("What may be spent on replies. At the hard limit the agent says so and hands over to a person."),
                rx.cond(IS_ADMIN & (BudgetsState.rows.length() > 0), _add()),
            ),
            listing(
                loaded=BudgetsState.loaded,
                total=BudgetsState.rows.length(),
                filtered=False,
                table=framed_table(
                    columns(t("Name"), t("Counts"), t("Spent in this period"), None),
                    rx.table.body(rx.foreach(BudgetsState.rows, _row)),
                ),
                empty=empty_state(
                    t("No budgets yet. Agents may spend any amount."), rx.cond(IS_ADMIN, _add()), icon="wallet"
                ),
            ),
            _dialog(),
        ),
        section="Settings",
    )


def _add() -> rx.Component:
    return rx.button(rx.icon("plus", size=16), t("Add a budget"), on_click=BudgetsState.edit(""))


def _row(budget: rx.Var[BudgetRow]) -> rx.Component:
    remove = confirm(
        icon_button("trash-2", t("Remove “{title}”", title=budget.name)),
        title=t("Remove the budget?"),
        sentence=t("Replies are no longer limited and its spending history is deleted."),
        verb=t("Remove"),
        on_confirm=BudgetsState.remove(budget.id),
    )
    edit = icon_button("pencil", t("Change “{title}”", title=budget.name), BudgetsState.edit(budget.id))
    return rx.table.row(
        rx.table.row_header_cell(budget.name),
        rx.table.cell(budget.counts, class_name="muted"),
        rx.table.cell(
            budget.spent,
            rx.el.div(
                rx.el.span(class_name="bar-fill", style={"width": budget.width}), class_name="bar", aria_hidden="true"
            ),
            rx.cond(budget.is_spent, rx.el.p(t("Used up"), class_name="small reason")),
            rx.cond(budget.note != "", rx.el.p(budget.note, class_name="muted small")),
        ),
        rx.table.cell(rx.cond(IS_ADMIN, rx.flex(edit, remove, spacing="2", justify="end"))),
        align="center",
        key=budget.id,
    )


def _dialog() -> rx.Component:
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(rx.cond(BudgetsState.edited_id == "", t("Add a budget"), t("Change the budget")), size="4"),
            rx.dialog.description(
                t("All replies count, including test chats and suggestions."), size="2", margin_bottom="16px"
            ),
            rx.el.form(
                *(_field(name) for name in BUDGET_FORM),
                rx.flex(
                    rx.dialog.close(rx.button(t("Cancel"), variant="soft", color_scheme="gray", type="button")),
                    rx.button(t("Save"), type="submit"),
                    spacing="3",
                    justify="end",
                ),
                on_submit=BudgetsState.save,
                class_name="form",
                no_validate=True,
                key=BudgetsState.form_key,
            ),
            max_width="560px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=BudgetsState.is_open,
        on_open_change=BudgetsState.set_open,
    )


def _field(name: str) -> rx.Component:
    """Return the field of a budget; after whose replies it counts, the choice of an agent."""
    control = submitted_field(BUDGET_FORM[name], BudgetsState)
    return rx.fragment(control, _agent()) if name == "scope" else control


def _agent() -> Any:
    is_wrong = BudgetsState.problem_field == "agent_id"
    select = rx.el.select(
        rx.el.option(t("Each agent"), value=""),
        rx.foreach(BudgetsState.agents, lambda agent: rx.el.option(agent.name, value=agent.id)),
        id="agent_id",
        name="agent_id",
        default_value=BudgetsState.initial["agent_id"],
        class_name="native",
    )
    return field(
        t("Agent"),
        select,
        name="agent_id",
        help_text=t("Only for a budget that counts each agent separately."),
        problem=rx.cond(is_wrong, BudgetsState.problem, ""),
    )


PAGES = [tenant_page("/settings/budgets", "Budgets", show, BudgetsState.load)]
