"""Site state: the state of a web address with its progress."""

import reflex as rx

from platform_app.components.console.parts import status
from platform_app.state.knowledge.site_view import SiteRow


def site_state(site: rx.Var[SiteRow]) -> rx.Component:
    """Return the state of a web address with progress, error and remark."""
    progress = rx.fragment(
        rx.progress(value=site.progress, size="1", max_width="160px", aria_label=site.state),
        rx.el.div(site.progress_words, class_name="muted small"),
    )
    return rx.fragment(
        status(site.colour, site.state),
        rx.cond(site.is_reading, progress),
        rx.cond(site.error != "", rx.el.div(site.error, class_name="muted small", max_width="380px")),
        rx.cond(site.remark != "", rx.el.div(site.remark, class_name="muted small", max_width="380px")),
    )
