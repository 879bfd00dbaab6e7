"""Mapping: the form that says what pipelines, stages, colleagues and fields of a CRM are here."""

import reflex as rx

from platform_app.components.console.parts import IS_ADMIN, problem_line
from platform_app.components.console.text import t
from platform_app.state.integrations.integration import IntegrationState
from platform_app.state.integrations.mapping import MappingGroup, MappingLine


def mapping_form() -> rx.Component:
    """Return the groups of the mapping, each in a section that opens."""
    return rx.el.section(
        rx.el.h2(t("Mapping")),
        rx.el.p(
            t("The CRM is on the left, the platform on the right. Identical names are already matched."),
            class_name="muted small",
        ),
        rx.foreach(IntegrationState.groups, _group),
        class_name="card section",
    )


def _group(group: rx.Var[MappingGroup]) -> rx.Component:
    return rx.el.details(
        rx.el.summary(rx.el.span(group.title), " ", rx.el.span(group.lines.length(), class_name="muted small")),
        rx.el.div(rx.foreach(group.lines, lambda line: _line(line, group)), class_name="mapping-lines"),
        open=group.id == "pipeline",
        key=group.id,
    )


def _line(line: rx.Var[MappingLine], group: rx.Var[MappingGroup]) -> rx.Component:
    choice = rx.el.select(
        rx.foreach(group.options, lambda option: rx.el.option(option.name, value=option.id)),
        value=line.value,
        on_change=lambda value: IntegrationState.set_counterpart(line.id, value),
        aria_label=t("Match for “{title}”", title=line.name),
        disabled=~IS_ADMIN,
        class_name="native",
    )
    return rx.el.div(
        rx.el.div(
            rx.el.span(line.name, class_name="break"),
            rx.cond(line.note != "", rx.el.span(line.note, class_name="muted small break")),
            class_name="mapping-name",
        ),
        rx.icon("arrow-right", size=16, aria_hidden="true", class_name="muted"),
        rx.el.div(
            choice,
            problem_line(rx.cond(IntegrationState.mapping_problem_at == line.id, IntegrationState.mapping_problem, "")),
        ),
        class_name="mapping-line",
        key=line.id,
    )
