"""Demo button: the button that loads demo data, with its progress."""

from typing import Any

import reflex as rx

from platform_app.components.console.text import t
from platform_app.state.feed.dashboard import DashboardState


def load_demo_button(*then: Any) -> rx.Component:
    """Return the button that loads demo data; while it works it says so and cannot be pressed. `then` follows."""
    is_busy = DashboardState.is_loading_demo
    return rx.button(
        rx.cond(is_busy, rx.spinner(size="1"), rx.fragment()),
        rx.cond(is_busy, t("Loading demo data…"), t("Load demo data")),
        variant="soft",
        on_click=[DashboardState.load_demo, *then],
        disabled=is_busy,
        aria_live="polite",
    )
