"""Definition list: what the lists of rules and sequences share: templates, marks, switch and menu of a row."""

from collections.abc import Mapping
from typing import Any

import reflex as rx

from platform_app.components.console.listing import row_menu, switch_cell
from platform_app.components.console.parts import READ_ONLY, status
from platform_app.components.console.text import t
from platform_app.state.rules.definition_list import NO_AGENT


def create_menu(state: Any, label: Any, templates: Mapping[str, Any]) -> rx.Component:
    """Return the button that creates a definition, empty or from a template; `templates` are by code."""
    return rx.menu.root(
        rx.menu.trigger(rx.button(rx.icon("plus", size=16), label)),
        rx.menu.content(
            rx.menu.item(t("Start from scratch"), on_select=state.create("")),
            rx.menu.separator(),
            *(rx.menu.item(t(template.name), on_select=state.create(code)) for code, template in templates.items()),
        ),
    )


def example_button(state: Any, code: str) -> rx.Component:
    """Return the button of an empty list that creates the definition of a template."""
    return rx.button(t("Insert an example"), variant="soft", on_click=state.create(code))


def draft_mark(row: Any) -> rx.Component:
    """Return the mark of a definition that was never published or whose draft differs."""
    return rx.match(
        row.state,
        ("draft", status("amber", t("Draft"))),
        ("differs", status("amber", t("Unpublished changes"))),
        ("outdated", status("red", t("Uses something deleted"))),
        rx.fragment(),
    )


def enabled_cell(state: Any, row: Any) -> rx.Component:
    """Return the cell with the switch of a definition; one that was never published stays off."""
    disabled = READ_ONLY | (row.state == "draft")
    return switch_cell(row.name, row.enabled, lambda enabled: state.switch(row.id, enabled), disabled=disabled)


def definition_menu(state: Any, row: Any) -> rx.Component:
    """Return the menu of a definition: copies, also for another agent, and deletion."""
    copies = rx.menu.sub(
        rx.menu.sub_trigger(t("Copy to agent")),
        rx.menu.sub_content(
            rx.menu.item(t("All agents"), on_select=state.copy_to(row.id, NO_AGENT)),
            rx.foreach(state.agents, lambda agent: rx.menu.item(agent.name, on_select=state.copy_to(row.id, agent.id))),
        ),
    )
    return row_menu(
        row.name,
        rx.menu.item(t("Duplicate"), on_select=state.duplicate(row.id)),
        copies,
        rx.menu.separator(),
        rx.menu.item(t("Delete"), color_scheme="red", on_select=state.delete(row.id)),
    )
