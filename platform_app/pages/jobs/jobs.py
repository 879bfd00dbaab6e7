"""Jobs: the list page."""

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import columns, framed_table, listing, select_filter
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import empty_state, pager, status, time_ago
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.jobs.jobs import KIND_LABELS, STATE_LABELS, JobRow, JobsState


def show() -> rx.Component:
    """Return the page on which members see jobs by kind and state, and operators retry or cancel them."""
    return frame(
        rx.fragment(
            page_head(
                t("Background jobs"),
                t("Background work: queued, running and failed. Completed jobs are kept for 30 days."),
            ),
            rx.el.div(
                select_filter(
                    t("State"),
                    JobsState.state,
                    [("all", t("All states")), *((code, t(words)) for code, words in STATE_LABELS.items())],
                    JobsState.filter_state,
                ),
                select_filter(
                    t("Kind"),
                    JobsState.kind,
                    [("all", t("All kinds")), *((code, t(words)) for code, words in KIND_LABELS.items())],
                    JobsState.filter_kind,
                ),
                class_name="filters",
            ),
            listing(
                loaded=JobsState.loaded,
                total=JobsState.total,
                filtered=(JobsState.state != "all") | (JobsState.kind != "all"),
                table=_table(),
                empty=empty_state(t("No jobs yet. Upload a document to create the first one."), icon="list-checks"),
            ),
        ),
        section="Background jobs",
    )


def _table() -> rx.Component:
    return rx.fragment(
        framed_table(
            columns(t("Job"), t("State"), t("Attempts"), t("When"), None),
            rx.table.body(rx.foreach(JobsState.rows, _row)),
        ),
        pager(JobsState.page, JobsState.pages, JobsState.total_words, JobsState.go_to_page),
    )


def _row(job: rx.Var[JobRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(job.kind),
        rx.table.cell(
            status(job.colour, job.state),
            rx.cond(job.error != "", rx.el.div(job.error, class_name="muted small", max_width="420px")),
        ),
        rx.table.cell(job.attempts),
        rx.table.cell(time_ago(job.when, job.exact)),
        rx.table.cell(
            rx.cond(
                CurrentUser.role != "viewer",
                rx.flex(
                    rx.cond(job.is_uncertain, _button(t("Mark as delivered"), JobsState.resolve_uncertain(job.id))),
                    rx.cond(job.can_retry, _button(t("Retry"), JobsState.retry(job.id))),
                    rx.cond(job.can_cancel, _button(t("Cancel"), JobsState.cancel(job.id))),
                    spacing="2",
                    justify="end",
                ),
            )
        ),
        align="center",
    )


def _button(words: rx.Var[str], event: rx.event.EventSpec) -> rx.Component:
    return rx.button(words, on_click=event, size="1", variant="soft", color_scheme="gray", high_contrast=True)


PAGES = [tenant_page("/jobs", "Background jobs", show, JobsState.load, JobsState.watch)]
