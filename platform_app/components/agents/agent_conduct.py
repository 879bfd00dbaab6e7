"""Agent conduct: the editor tab for the must and never list of an agent."""

from collections.abc import Mapping
from typing import Any

import reflex as rx

from platform_app.components.console.listing import columns, framed_table
from platform_app.components.console.parts import READ_ONLY, field, icon_button
from platform_app.components.console.text import t
from platform_app.models.conduct import LineOutcome
from platform_app.state.agents.agent import AgentState
from platform_app.state.agents.agent_conduct import CHECKS, KINDS, OUTCOMES, ConductLineRow


def tab() -> rx.Component:
    """Return the tab with what each reply of an agent must and must never be."""
    return rx.el.div(
        rx.el.p(
            t("Each reply is checked before it is sent. What breaks a line is written again, handed over or stopped."),
            class_name="muted small",
        ),
        rx.cond(AgentState.conduct_rows.length() > 0, _table()),
        rx.cond(~READ_ONLY, _form()),
        class_name="form",
    )


def _table() -> rx.Component:
    return framed_table(
        columns(t("A reply"), t("What is checked"), t("Else"), t("Fired"), None),
        rx.table.body(rx.foreach(AgentState.conduct_rows, _row)),
        label=t("Must and never"),
    )


def _row(line: rx.Var[ConductLineRow], place: rx.Var[int]) -> rx.Component:
    remove = icon_button("trash-2", t("Remove “{title}”", title=line.rule), AgentState.remove_line(place))
    return rx.table.row(
        rx.table.row_header_cell(line.rule),
        rx.table.cell(line.value),
        rx.table.cell(line.outcome),
        rx.table.cell(line.fired),
        rx.table.cell(rx.cond(~READ_ONLY, rx.flex(remove, justify="end"))),
        align="center",
        key=place,
    )


def _form() -> rx.Component:
    add = rx.button(t("Add the line"), on_click=AgentState.add_line, type="button")
    value = rx.input(id="value", name="value", max_length=500, auto_complete="off")
    return rx.el.form(
        _choice("kind", t("A reply"), KINDS),
        _choice("check", t("Check"), CHECKS),
        field(
            t("What is checked"),
            value,
            name="value",
            help_text=t("Words separated by commas, a pattern, or a sentence. Nothing for numbers."),
            problem=AgentState.conduct_problem,
        ),
        _choice("outcome", t("Else"), OUTCOMES),
        rx.flex(
            rx.button(t("Try it on stored replies"), type="submit"),
            rx.cond(AgentState.is_line_tried, add),
            spacing="3",
            wrap="wrap",
        ),
        rx.el.div(AgentState.conduct_trial, role="status", aria_live="polite", class_name="muted small"),
        on_submit=AgentState.try_line,
        class_name="form",
        key=AgentState.conduct_rows.length(),
    )


def _choice(name: str, label: Any, options: Mapping[Any, str]) -> rx.Component:
    chosen = LineOutcome.REWRITE.value if name == "outcome" else next(iter(options)).value
    select = rx.el.select(
        *(rx.el.option(t(words), value=option.value) for option, words in options.items()),
        id=name,
        name=name,
        default_value=chosen,
        class_name="native",
    )
    return field(label, select, name=name)
