"""Agent tools: the editor tab for what an agent may do beside writing."""

import reflex as rx

from platform_app.components.console.form import autosaved_section
from platform_app.components.console.parts import READ_ONLY
from platform_app.components.console.text import t
from platform_app.models.agent import AGENT_FORM
from platform_app.models.tool_call import ToolMode
from platform_app.state.agents.agent import AgentState
from platform_app.state.agents.agent_tools import ToolLine

_MODES = {ToolMode.NEVER: "Never use", ToolMode.ASK: "Ask a person", ToolMode.ALLOWED: "Allowed"}


def tab() -> rx.Component:
    """Return the tab on which operators choose the tools of an agent."""
    own = {"tools": _tools}
    return rx.el.div(*autosaved_section(AGENT_FORM, "tools", AgentState, own), class_name="form")


def _tools() -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("Tools")),
        rx.el.p(
            t("In its conversation, with its contact and lead. Calls that ask wait in the inbox."),
            class_name="muted small",
        ),
        rx.el.ul(rx.foreach(AgentState.tools, _tool), class_name="plain-list"),
    )


def _tool(tool: rx.Var[ToolLine]) -> rx.Component:
    select = rx.select.root(
        rx.select.trigger(aria_label=t("May the agent use “{title}”?", title=tool.label), min_width="160px"),
        rx.select.content(*(rx.select.item(t(words), value=mode.value) for mode, words in _MODES.items())),
        value=tool.mode,
        on_change=lambda mode: AgentState.set_tool(tool.name, mode),
        disabled=READ_ONLY,
    )
    words = rx.el.div(rx.el.strong(tool.label), rx.el.p(tool.note, class_name="muted small"))
    return rx.el.li(
        rx.flex(words, select, justify="between", align="center", spacing="4"), class_name="stage-line", key=tool.name
    )
