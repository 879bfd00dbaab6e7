"""Difference: the former and present value of a field, by line if it is long."""

import reflex as rx

from platform_app.state.console.versioned_editor import FieldDiff


def difference(change: rx.Var[FieldDiff]) -> rx.Component:
    """Return the difference of one field."""
    return rx.el.div(
        rx.el.div(change.field, class_name="label"),
        rx.cond(
            change.lines.length() > 0,
            rx.el.pre(
                rx.foreach(
                    change.lines,
                    lambda line: rx.el.span(
                        line,
                        "\n",
                        class_name=rx.cond(line.startswith("+"), "added", rx.cond(line.startswith("-"), "gone", "")),
                    ),
                ),
                class_name="difference",
            ),
            rx.el.p(rx.el.del_(change.before), " → ", rx.el.ins(change.after)),
        ),
    )
