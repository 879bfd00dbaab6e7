"""Card enrollments: the enrollments of a contact or a lead on its card."""

from typing import Any

import reflex as rx

from platform_app.components.console.parts import READ_ONLY, row_link, status, time_ago
from platform_app.components.console.text import t
from platform_app.components.rules.condition_values import native
from platform_app.state.console.base import CurrentUser
from platform_app.state.sequences.enrollments import EnrollmentRow


def enrollments(state: Any) -> rx.Component:
    """Return the enrollments with a select field that starts another sequence."""
    sequence_options = [
        rx.el.option(t("Start a sequence…"), value=""),
        rx.foreach(state.sequences, lambda sequence: rx.el.option(sequence.name, value=sequence.id)),
    ]
    return rx.el.section(
        rx.el.h2(t("Sequences")),
        rx.cond(
            state.enrollments.length() > 0,
            rx.el.ul(rx.foreach(state.enrollments, _enrollment), class_name="plain-list"),
            rx.el.p(t("Not in any sequence."), class_name="muted small"),
        ),
        rx.cond(
            (state.sequences.length() > 0) & ~READ_ONLY,
            native(sequence_options, label=t("Start a sequence…"), value="", on_change=state.enroll),
        ),
        class_name="card section",
    )


def _enrollment(row: rx.Var[EnrollmentRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            row_link(row.sequence, f"/manage/{CurrentUser.slug}/sequences/enrollments/{row.id}"),
            rx.cond(row.step != "", rx.el.div(row.step, class_name="muted small")),
            class_name="grow",
        ),
        rx.flex(
            status(row.colour, row.words),
            rx.cond(row.due != "", time_ago(row.due, row.due_exact)),
            spacing="2",
            wrap="wrap",
            align="center",
        ),
        class_name="card-line",
    )
