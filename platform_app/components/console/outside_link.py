"""Outside link: a link to an address that is not the platform's."""

from typing import Any

import reflex as rx

from platform_app.components.console.text import t


def outside_link(words: Any, address: Any) -> rx.Component:
    """Return a link to an address outside of the console, which opens in a tab of its own and learns nothing of us."""
    return rx.link(
        words,
        rx.icon("external-link", size=14, aria_label=t("Opens in a new tab")),
        href=address,
        is_external=True,
        rel="noopener noreferrer nofollow",
        size="2",
        underline="always",
        display="inline-flex",
        align_items="center",
        gap="4px",
        min_height="24px",
        overflow_wrap="anywhere",
    )
