"""Agent channels: the editor tab with the channels on which an agent replies."""

import reflex as rx

from platform_app.components.console.parts import IS_ADMIN, empty_state, link_button, status
from platform_app.components.console.text import t
from platform_app.state.agents.agent import AgentState
from platform_app.state.agents.agent_channels import AgentChannelLine
from platform_app.state.console.base import CurrentUser


def tab() -> rx.Component:
    """Return the tab that lists the channels of an agent; they are connected in the settings."""
    connect = rx.cond(IS_ADMIN, link_button(t("Connect a channel"), "/settings/channels", variant="soft"))
    return rx.cond(
        AgentState.channels.length() > 0,
        rx.el.div(
            rx.el.ul(rx.foreach(AgentState.channels, _line), class_name="plain-list"), connect, class_name="form"
        ),
        empty_state(
            t("This agent replies on no channel yet. Connect one and choose the agent there."), connect, icon="radio"
        ),
    )


def _line(line: rx.Var[AgentChannelLine]) -> rx.Component:
    link = rx.link(line.name, href=f"/manage/{CurrentUser.slug}/settings/channels/{line.id}", underline="always")
    state = rx.cond(line.enabled, status("green", t("Active")), status("", t("Inactive")))
    return rx.el.li(
        rx.flex(
            rx.el.div(link, rx.el.p(line.kind, class_name="muted small")), state, justify="between", align="center"
        ),
        class_name="stage-line",
        key=line.id,
    )
