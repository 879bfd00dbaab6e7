"""Agent tabs: the bar that leads to every part of an agent, on its own page and on those of its parts."""

from typing import Any

import reflex as rx

from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser

EDITOR_TABS = {  # tabs of the agent's page
    "basics": "Basics",
    "instructions": "Instructions",
    "knowledge": "Knowledge",
    "pipelines": "Pipelines",
    "tools": "Tools",
    "conduct": "Must and never",
    "channels": "Channels",
    "history": "History",
}
PAGES = {"scripts": "Scripts", "rules": "Rules", "sequences": "Sequences"}  # pages of their own


def editor_tabs(agent_id: Any) -> rx.Component:
    """Return the tabs of the agent's page, and beside them the links to the pages of its other parts."""
    tabs = (rx.tabs.trigger(t(words), value=code) for code, words in EDITOR_TABS.items())
    return rx.el.div(rx.tabs.list(*tabs), _links(agent_id, PAGES, "{base}/{code}"), class_name="agent-bar")


def agent_bar(agent_id: Any, current: str) -> rx.Component:
    """Return the same bar for the page of a part, one of PAGES: links, of which `current` is marked."""
    return rx.el.div(
        _links(agent_id, EDITOR_TABS, "{base}?tab={code}", label=t("Tabs of the agent")),
        _links(agent_id, PAGES, "{base}/{code}", current),
        class_name="agent-bar",
    )


def _links(agent_id: Any, parts: dict[str, str], address: str, current: str = "", *, label: Any = None) -> rx.Component:
    base = f"/manage/{CurrentUser.slug}/agents/{agent_id}"
    marked = {"aria-current": "page"}
    return rx.el.nav(
        *(
            rx.link(
                t(words),
                href=address.format(base=base, code=code),
                underline="none",
                color_scheme="gray",
                custom_attrs=marked if code == current else {},
            )
            for code, words in parts.items()
        ),
        aria_label=t("Parts of the agent") if label is None else label,
    )
