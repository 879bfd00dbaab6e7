"""Enrollment: the page of an enrollment."""

from typing import Any

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, confirm, skeleton_rows, status, time_ago
from platform_app.components.console.text import t
from platform_app.components.rules.conditions import proof
from platform_app.state.console.base import CurrentUser
from platform_app.state.sequences.enrollment import EnrollmentPageState, StepHistoryLine

STATE = EnrollmentPageState


def show() -> rx.Component:
    """Return the page on which members see the steps of an enrollment, and operators pause, skip or retry them."""
    return frame(
        rx.cond(STATE.loaded, _enrollment(), skeleton_rows(6)),
        section="Sequences",
        up=(t("Enrollments"), "/sequences/enrollments"),
    )


def _enrollment() -> rx.Component:
    row = STATE.row
    tools = [
        (STATE.can_retry, "retry", "Try again"),
        (STATE.can_resume, "resume", "Resume"),
        (STATE.can_pause, "pause", "Pause"),
        (STATE.can_skip, "skip", "Skip the next step"),
        (STATE.can_remove, "remove", "Remove"),
    ]
    return rx.fragment(
        page_head(
            row.subject,
            status(row.colour, row.words),
            rx.cond(
                STATE.has_held_email & ~READ_ONLY,
                rx.button(rx.icon("send", size=16), t("Send the held email now"), on_click=STATE.release_email),
            ),
            *(rx.cond(may & ~READ_ONLY, _tool(what, words)) for may, what, words in tools),
        ),
        rx.el.div(
            rx.el.section(
                rx.el.h2(t("History")),
                rx.el.ol(rx.foreach(STATE.history, _step), class_name="plain-list", id="history"),
                rx.cond(STATE.history.length() == 0, rx.el.p(t("No steps run yet."), class_name="muted small")),
                class_name="card section",
            ),
            rx.el.div(_facts(), _why(), class_name="script-side"),
            class_name="grid cols-2-1",
        ),
    )


def _tool(what: str, words: str) -> rx.Component:
    if what != "remove":
        return rx.button(t(words), on_click=STATE.act(what), variant="soft", color_scheme="gray", high_contrast=True)
    return confirm(
        rx.button(t(words), variant="soft", color_scheme="red", high_contrast=True),
        title=t("Remove from the sequence?"),
        sentence=t("No further steps will run. Completed steps are kept."),
        verb=t(words),
        on_confirm=STATE.act(what),
    )


def _facts() -> rx.Component:
    base, row = f"/manage/{CurrentUser.slug}", STATE.row
    return rx.el.section(
        rx.el.dl(
            *_line(
                t("Sequence"), rx.link(row.sequence, href=f"{base}/sequences/{row.sequence_id}", underline="always")
            ),
            *_line(t("Version"), STATE.version),
            *_line(t("Lead or contact"), rx.link(row.subject, href=f"{base}/{row.subject_path}", underline="always")),
            *_line(t("Enrolled"), time_ago(row.entered, row.entered_exact)),
            *_line(t("Next step"), rx.cond(row.step != "", row.step, "—")),
            *_line(t("Due"), rx.cond(row.due_exact != "", row.due_exact, "—")),
            class_name="facts",
        ),
        rx.cond(
            STATE.due_contact_time != "",
            rx.el.p(t("By the contact’s clock: "), STATE.due_contact_time, class_name="muted small"),
        ),
        rx.cond(
            STATE.planned != "",
            rx.el.p(t("Put off by a stop; it was planned for {when}.", when=STATE.planned), class_name="muted small"),
        ),
        rx.cond(STATE.waits, rx.el.p(t("Waits for the condition, no later than this time."), class_name="muted small")),
        class_name="card section",
    )


def _line(words: Any, value: Any) -> list[rx.Component]:
    return [rx.el.dt(words), rx.el.dd(value)]


def _why() -> rx.Component:
    """Return the reasons for entry and exit: user, event and proof."""
    event = rx.link(
        t("The event"), href=f"/manage/{CurrentUser.slug}/events/{STATE.event_id}", size="2", underline="always"
    )
    return rx.el.section(
        rx.el.h2(t("Why")),
        rx.cond(STATE.entered_by != "", rx.el.p(t("Enrolled by {name}", name=STATE.entered_by), class_name="small")),
        rx.cond(STATE.event_id != "", event),
        rx.cond(STATE.proof.length() > 0, proof(STATE.proof)),
        class_name="card section",
    )


def _step(step: rx.Var[StepHistoryLine]) -> rx.Component:
    return rx.el.li(
        rx.flex(
            rx.el.strong(step.words),
            time_ago(step.when, step.exact),
            justify="between",
            spacing="3",
        ),
        rx.flex(
            status(step.colour, step.state),
            rx.cond(step.branch != "", rx.badge(step.branch, variant="surface", high_contrast=True)),
            spacing="3",
        ),
        rx.el.div(t("due {when}", when=step.due), class_name="muted small"),
        rx.cond(step.result != "", rx.el.div(step.result, class_name="small")),
        rx.cond(step.error != "", rx.el.div(step.error, class_name="problem")),
        rx.cond(step.followed != "", rx.el.div(step.followed, class_name="small")),
        rx.cond(step.proof.length() > 0, proof(step.proof)),
        class_name="sample",
    )


PAGES = [tenant_page("/sequences/enrollments/[enrollment_id]", "Active|enrollment", show, STATE.load, STATE.watch)]
