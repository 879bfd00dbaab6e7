"""Process table: a line about the worker and the other processes of the platform, and the table that opens."""

import reflex as rx

from platform_app.components.console.listing import columns, framed_table
from platform_app.components.console.parts import status, time_ago
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.feed.dashboard import DashboardState
from platform_app.state.feed.dashboard_reads import Figure
from platform_app.state.feed.process_rows import ProcessRow


def processes() -> rx.Component:
    """Return one line while all is well, what is wrong else, and a table that opens below the line."""
    return rx.el.section(
        rx.el.h2(t("Background worker"), class_name="visually-hidden"),
        rx.el.div(
            rx.cond(DashboardState.processes.length() > 0, rx.el.details(rx.el.summary(_line()), _table()), _line()),
            rx.link(t("Background jobs"), href=f"/manage/{CurrentUser.slug}/jobs", size="1", underline="always"),
            class_name="process-line",
        ),
        rx.cond(
            ~DashboardState.worker_ok,
            rx.fragment(
                rx.cond(
                    DashboardState.worker_reason != "", rx.el.p(DashboardState.worker_reason, class_name="muted small")
                ),
                rx.el.dl(rx.foreach(DashboardState.worker_figures, _figure), class_name="figures"),
            ),
        ),
        rx.foreach(DashboardState.process_problems, lambda sentence: rx.el.p(sentence, class_name="small")),
        class_name="card section",
        margin_top="16px",
    )


def _line() -> rx.Component:
    has_problems = DashboardState.process_problems.length() > 0
    colour = rx.cond(DashboardState.worker_ok, rx.cond(has_problems, "amber", "green"), "red")
    return status(colour, DashboardState.worker_status)


def _figure(row: rx.Var[Figure]) -> rx.Component:
    return rx.el.div(rx.el.dt(row.label), rx.el.dd(row.value))


def _table() -> rx.Component:
    heads = ("Process", "Machine", "Process ID", "Version", "Started", "Clock", "Memory", "Now|processes")
    return framed_table(
        columns(*map(t, heads)), rx.table.body(rx.foreach(DashboardState.processes, _row)), label=t("Processes")
    )


def _row(process: rx.Var[ProcessRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(process.kind),
        rx.table.cell(process.machine),
        rx.table.cell(process.pid, class_name="figure-small"),
        rx.table.cell(process.version),
        rx.table.cell(rx.cond(process.since != "", time_ago(process.since, process.since_exact))),
        rx.table.cell(rx.cond(process.has_wrong_clock, status("amber", process.clock), process.clock)),
        rx.table.cell(process.memory),
        rx.table.cell(process.doing),
        align="center",
        key=process.id,
    )
