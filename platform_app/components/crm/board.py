"""Board: leads in columns by stage, moved by dragging or with a select field."""

import reflex as rx

from platform_app.components.console.bulk_actions import tags
from platform_app.components.console.drag import DragArea, draggable, droppable
from platform_app.components.console.parts import READ_ONLY, empty_state
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.crm.leads import BoardColumn, LeadRow, LeadsState


def board() -> rx.Component:
    """Return the stages of the selected pipeline with their leads."""
    return rx.cond(
        LeadsState.columns.length() > 0,
        DragArea.create(
            rx.foreach(LeadsState.columns, _column),
            on_move=LeadsState.move,
            class_name="board",
        ),
        empty_state(
            t("No pipeline yet. Create one with its stages first."),
            rx.link(t("Pipelines and fields"), href=f"/manage/{CurrentUser.slug}/settings/crm"),
            icon="columns-3",
        ),
    )


def _column(column: rx.Var[BoardColumn]) -> rx.Component:
    return rx.el.section(
        rx.el.header(
            rx.el.span(
                rx.cond(column.colour != "", rx.el.span(class_name="dot " + column.colour, aria_hidden="true")),
                rx.el.h2(column.name),
                class_name="status",
            ),
            rx.el.span(column.words, class_name="muted small"),
        ),
        rx.el.ul(rx.foreach(column.leads, _card)),
        rx.cond(
            column.more != "",
            rx.link(
                column.more,
                href=f"/manage/{CurrentUser.slug}/leads?view=list&stage={column.id}",
                size="1",
                underline="always",
            ),
        ),
        aria_label=column.name,
        class_name="column",
        custom_attrs=droppable(column.id),
    )


def _card(lead: rx.Var[LeadRow]) -> rx.Component:
    return rx.el.li(
        rx.link(
            lead.title,
            href=f"/manage/{CurrentUser.slug}/leads/{lead.id}",
            color_scheme="gray",
            high_contrast=True,
            underline="hover",
            size="2",
            custom_attrs={"draggable": "false"},
        ),
        rx.cond(lead.contact != "", rx.el.span(lead.contact, class_name="muted small")),
        rx.cond(lead.budget != "", rx.el.span(lead.budget, class_name="figure-small small lead-budget")),
        tags(lead.tags),
        rx.cond(lead.responsible != "", rx.el.span(lead.responsible, class_name="muted small")),
        rx.el.div(
            rx.el.time(lead.when, title=lead.exact, class_name="muted small"),
            rx.cond(~READ_ONLY, _stage_select(lead)),
            class_name="lead-foot",
        ),
        class_name="lead-card",
        custom_attrs=draggable(lead.id),
        key=lead.id,
    )


def _stage_select(lead: rx.Var[LeadRow]) -> rx.Component:
    """Return a select field with the stages, as an alternative to dragging."""
    return rx.el.select(
        rx.foreach(LeadsState.columns, lambda column: rx.el.option(column.name, value=column.id)),
        value=lead.stage_id,
        on_change=lambda stage: LeadsState.move(lead.id, stage),
        aria_label=t("Stage of “{title}”", title=lead.title),
        class_name="native mover",
    )
