"""Agent: the editor page of an agent."""

import reflex as rx

from platform_app.components.agents import agent_channels, agent_conduct, agent_models, agent_stages, agent_tools
from platform_app.components.agents.agent_tabs import editor_tabs
from platform_app.components.console.form import autosaved_field, autosaved_section
from platform_app.components.console.layout import frame
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, link_button, skeleton_rows, status
from platform_app.components.console.text import t
from platform_app.components.console.versioned_editor import conflict, differences, version_buttons
from platform_app.models.agent import AGENT_FORM
from platform_app.state.agents.agent import AgentState
from platform_app.state.console.versioned_editor import VersionLine
from platform_app.state.knowledge.categories import CategoryState


def show() -> rx.Component:
    """Return the page on which operators edit the draft of an agent, publish it and restore versions."""
    return frame(
        # what an earlier visit left in the tab is not drawn: it would be replaced while somebody types
        rx.cond(rx.State.is_hydrated & (AgentState.agent_key != ""), _editor(), skeleton_rows(8)),
        section="Agents",
    )


def _editor() -> rx.Component:
    return rx.fragment(
        _head(),
        conflict(
            AgentState,
            t("Someone else has changed this agent since you opened it."),
            rx.button(t("Keep my version"), size="1", variant="soft", on_click=AgentState.keep_own_changes),
        ),
        rx.tabs.root(
            editor_tabs(AgentState.agent_key.split("-")[0]),
            rx.tabs.content(_basics(), value="basics", padding_top="20px"),
            rx.tabs.content(_instructions(), value="instructions", padding_top="20px"),
            rx.tabs.content(_knowledge(), value="knowledge", padding_top="20px"),
            rx.tabs.content(agent_stages.tab(), value="pipelines", padding_top="20px"),
            rx.tabs.content(agent_tools.tab(), value="tools", padding_top="20px"),
            rx.tabs.content(agent_conduct.tab(), value="conduct", padding_top="20px"),
            rx.tabs.content(agent_channels.tab(), value="channels", padding_top="20px"),
            rx.tabs.content(_history(), value="history", padding_top="20px"),
            value=AgentState.tab,
            on_change=AgentState.show_tab,
            key=AgentState.agent_key,
        ),
    )


def _head() -> rx.Component:
    quiet = {"variant": "soft", "color_scheme": "gray", "high_contrast": True}
    return rx.el.div(
        rx.el.div(
            rx.el.h1(AgentState.name),
            rx.flex(
                _status_switch(),
                rx.cond(AgentState.is_published & AgentState.has_changes, _changes_button()),
                rx.el.span(AgentState.saved, class_name="muted small"),
                spacing="4",
                align="center",
                wrap="wrap",
            ),
            rx.cond(
                ~AgentState.is_published,
                rx.el.p(
                    t("Customers get no replies until you publish this agent. Try it in the test chat first."),
                    class_name="muted small",
                ),
            ),
        ),
        rx.flex(
            link_button(t("Test|agent"), f"/test-chat?agent={AgentState.agent_key.split('-')[0]}", **quiet),
            rx.button(
                rx.cond(AgentState.is_published, t("Publish changes"), t("Publish and turn on")),
                on_click=AgentState.publish,
                disabled=READ_ONLY | ~AgentState.has_changes,
            ),
            spacing="3",
            align="center",
            wrap="wrap",
        ),
        class_name="page-head",
    )


def _changes_button() -> rx.Component:
    """Return the mark of a draft that differs from the published version, which opens the difference."""
    return rx.button(
        rx.icon("file-diff", size=14),
        t("Unpublished changes"),
        on_click=AgentState.show_changes,
        color_scheme="amber",
        variant="soft",
        high_contrast=True,
        size="1",
    )


def _status_switch() -> rx.Component:
    """Return the status of the agent: the switch with its word once it is published."""
    switch = rx.switch(
        checked=AgentState.active,
        on_change=AgentState.switch,
        disabled=READ_ONLY,
        aria_label=t("Turn “{title}” on or off", title=AgentState.name),
    )
    return rx.cond(
        AgentState.status == "draft",
        status("amber", t("Draft")),
        rx.flex(switch, rx.cond(AgentState.active, t("Active"), t("Inactive")), spacing="2", align="center"),
    )


def _basics() -> rx.Component:
    return rx.el.div(
        *autosaved_section(AGENT_FORM, "basics", AgentState, agent_models.model_fields()),
        rx.el.details(
            rx.el.summary(t("Advanced")),
            rx.el.div(*autosaved_section(AGENT_FORM, "advanced", AgentState, {}), class_name="form"),
            class_name="advanced",
        ),
        class_name="form",
    )


def _instructions() -> rx.Component:
    own = {
        "instructions": lambda: autosaved_field(
            AGENT_FORM["instructions"], AgentState, help_values={"count": AgentState.instruction_length}
        ),
    }
    return rx.el.div(*autosaved_section(AGENT_FORM, "instructions", AgentState, own), class_name="form")


def _knowledge() -> rx.Component:
    own = {"categories": lambda: rx.cond(AgentState.choices["knowledge"] == "chosen", _categories())}
    return rx.el.div(*autosaved_section(AGENT_FORM, "knowledge", AgentState, own), class_name="form")


def _categories() -> rx.Component:
    return rx.el.fieldset(
        rx.el.legend(t(AGENT_FORM["categories"].label), class_name="label"),
        rx.foreach(
            CategoryState.rows,
            lambda row: rx.el.label(
                rx.checkbox(
                    checked=AgentState.categories.contains(row.id),
                    on_change=lambda selected: AgentState.toggle_category(row.id, selected),
                    disabled=READ_ONLY,
                ),
                row.name,
                padding_left=row.indent,
                class_name="check",
            ),
        ),
        rx.cond(
            CategoryState.rows.length() == 0,
            rx.el.p(
                t("No categories yet. Add them in Knowledge."),
                class_name="muted small",
            ),
            rx.el.p(t("Includes subcategories."), class_name="muted small"),
        ),
        class_name="choices",
    )


def _history() -> rx.Component:
    return rx.fragment(
        rx.cond(
            AgentState.versions.length() > 0,
            rx.el.ul(rx.foreach(AgentState.versions, _version), class_name="updates"),
            rx.el.p(t("Not published yet. Publish to create version 1."), class_name="muted"),
        ),
        rx.foreach(
            AgentState.versions, lambda version: rx.cond(AgentState.compared == version.id, _comparison(version))
        ),
    )


def _comparison(version: rx.Var[VersionLine]) -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("Version {number} → draft", number=version.number)),
        differences(AgentState),
        class_name="card section",
        margin_top="16px",
    )


def _version(version: rx.Var[VersionLine]) -> rx.Component:
    sentence = t("Your current draft will be replaced. Published versions are kept.")
    return rx.el.li(
        rx.el.strong(t("Version {number}", number=version.number)),
        rx.el.span(version.when, " · ", version.author, class_name="muted update-words", flex="1 1 180px"),
        *version_buttons(AgentState, version, sentence=sentence),
        flex_wrap="wrap",
    )


PAGES = [tenant_page("/agents/[agent_id]", "Agent", show, CategoryState.load, AgentState.load, AgentState.watch)]
