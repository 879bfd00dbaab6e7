"""Source state: the state of a source with what there is to say about it."""

import reflex as rx

from platform_app.components.console.parts import status
from platform_app.state.knowledge.source_view import SourceRow


def source_state(source: rx.Var[SourceRow]) -> rx.Component:
    """Return the state of a source with progress, error and remarks."""
    return rx.fragment(
        status(source.colour, source.state),
        rx.cond(
            (source.state_code == "reading") | (source.state_code == "indexing"),
            rx.progress(value=source.progress, size="1", max_width="160px", aria_label=source.state),
        ),
        rx.cond(source.error != "", rx.el.div(source.error, class_name="muted small", max_width="380px")),
        rx.foreach(
            source.remarks,
            lambda remark: rx.el.div(remark, class_name="muted small source-remark", max_width="380px"),
        ),
    )
