"""Exchange log: changes that a CRM does not accept, and the last calls."""

import reflex as rx

from platform_app.components.console.listing import columns, framed_table
from platform_app.components.console.parts import IS_ADMIN, row_link, status, time_ago
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.integrations.exchange_view import CallLine, FailedLine
from platform_app.state.integrations.integration import IntegrationState


def failed_table() -> rx.Component:
    """Return the changes that the CRM does not accept, if there are any."""
    return rx.cond(
        IntegrationState.failed.length() > 0,
        rx.el.section(
            rx.el.h2(t("Rejected by the CRM")),
            framed_table(
                columns(t("Event"), t("Reason"), None), rx.table.body(rx.foreach(IntegrationState.failed, _failed))
            ),
            class_name="card section",
        ),
    )


def _failed(line: rx.Var[FailedLine]) -> rx.Component:
    again = rx.button(
        t("Resend"),
        variant="soft",
        size="1",
        aria_label=t("Resend “{title}”", title=line.title),
        on_click=IntegrationState.send_again(line.id),
    )
    title = rx.cond(line.path != "", row_link(line.title, f"/manage/{CurrentUser.slug}{line.path}"), line.title)
    return rx.table.row(
        rx.table.row_header_cell(title, rx.el.p(line.kind, class_name="muted small")),
        rx.table.cell(rx.el.span(line.reason, class_name="small reason")),
        rx.table.cell(rx.cond(IS_ADMIN, again)),
        align="center",
        key=line.id,
    )


def call_table() -> rx.Component:
    """Return the last calls between the platform and the CRM."""
    return rx.el.section(
        rx.el.h2(t("Call log")),
        rx.cond(
            IntegrationState.calls.length() > 0,
            framed_table(
                columns(t("Call"), t("Response"), t("Duration"), t("When")),
                rx.table.body(rx.foreach(IntegrationState.calls, _call)),
            ),
            rx.el.p(t("No calls yet."), class_name="muted small"),
        ),
        class_name="card section",
    )


def _call(line: rx.Var[CallLine]) -> rx.Component:
    way = rx.cond(line.is_incoming, t("from the CRM"), t("to the CRM"))
    return rx.table.row(
        rx.table.row_header_cell(
            rx.el.span(line.what, class_name="small break"), rx.el.p(way, class_name="muted small")
        ),
        rx.table.cell(
            status(rx.cond(line.is_bad, "red", "green"), line.status),
            rx.cond(line.reason != "", rx.el.p(line.reason, class_name="muted small")),
        ),
        rx.table.cell(line.took, class_name="figure-small"),
        rx.table.cell(time_ago(line.when, line.exact)),
        align="center",
        key=line.id,
    )
