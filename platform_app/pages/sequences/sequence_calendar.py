"""Sequence calendar: the page with due steps and holidays."""

import reflex as rx

from platform_app.components.console.date_input import date_input
from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, icon_button, problem_line, row_link, skeleton_rows
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.sequences.sequence_calendar import DueDay, DueLine, HolidayLine, SequenceCalendarState

STATE = SequenceCalendarState


def show() -> rx.Component:
    """Return the page on which members see the steps of the next two weeks, and operators keep holidays."""
    return frame(
        rx.fragment(
            page_head(t("Calendar"), t("Steps scheduled for the next two weeks, company time.")),
            rx.cond(STATE.loaded, _calendar(), skeleton_rows(6)),
        ),
        section="Sequences",
    )


def _calendar() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.foreach(STATE.days, _day),
            rx.cond(STATE.is_full, rx.el.p(t("Only the first 500 steps are shown."), class_name="muted small")),
            class_name="stack",
        ),
        rx.el.div(_holidays(), class_name="script-side"),
        class_name="grid cols-2-1",
    )


def _day(day: rx.Var[DueDay]) -> rx.Component:
    return rx.el.section(
        rx.flex(
            rx.el.h2(day.words),
            rx.cond(day.holiday != "", rx.badge(day.holiday, color_scheme="amber", variant="soft", high_contrast=True)),
            rx.cond(day.count != "", rx.badge(day.count, variant="soft")),
            spacing="3",
            align="center",
        ),
        rx.cond(
            day.steps.length() > 0,
            rx.el.ul(rx.foreach(day.steps, _step), class_name="plain-list"),
            rx.el.p(t("Nothing scheduled."), class_name="muted small"),
        ),
        class_name="card section",
    )


def _step(step: rx.Var[DueLine]) -> rx.Component:
    return rx.el.li(
        rx.el.strong(step.clock),
        row_link(step.subject, f"/manage/{CurrentUser.slug}/sequences/enrollments/{step.id}"),
        rx.el.span(step.sequence, " · ", step.step, class_name="muted small grow"),
        class_name="card-line",
    )


def _holidays() -> rx.Component:
    form = rx.el.form(
        date_input(name="day", label=t("Day"), required=True),
        rx.el.input(
            name="name",
            max_length=100,
            placeholder=t("Name"),
            aria_label=t("Holiday name"),
            class_name="native wide",
        ),
        problem_line(STATE.problem),
        rx.box(rx.button(t("Add holiday"), type="submit", size="2", variant="soft")),
        on_submit=STATE.add_holiday,
        class_name="stack-small",
        key=STATE.form_key.to_string(),
    )
    return rx.el.section(
        rx.el.h2(t("Holidays")),
        rx.el.p(t("Steps with “Skip holidays” don’t run on these days."), class_name="muted small"),
        rx.el.ul(rx.foreach(STATE.holidays, _holiday), class_name="plain-list"),
        rx.cond(~READ_ONLY, form),
        class_name="card section",
    )


def _holiday(holiday: rx.Var[HolidayLine]) -> rx.Component:
    return rx.el.li(
        rx.el.span(holiday.words, rx.cond(holiday.name != "", rx.fragment(" · ", holiday.name)), class_name="grow"),
        rx.cond(
            ~READ_ONLY,
            icon_button("x", t("Remove “{name}”", name=holiday.words), STATE.remove_holiday(holiday.id), small=True),
        ),
        class_name="card-line",
    )


PAGES = [tenant_page("/sequences/calendar", "Calendar", show, STATE.load, STATE.watch)]
