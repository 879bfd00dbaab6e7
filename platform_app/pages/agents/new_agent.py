"""New agent: the page with the templates that an agent can be created from."""

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, skeleton_rows
from platform_app.components.console.text import t
from platform_app.state.agents.new_agent import NewAgentState, PreviewLine, TemplateCard

_ICONS = {
    "clinic": "stethoscope",
    "shop": "shopping-bag",
    "school": "graduation-cap",
    "realty": "building-2",
    "repair": "wrench",
}


def show() -> rx.Component:
    """Return the page on which operators choose a template, read what it contains and create an agent from it."""
    return frame(
        rx.fragment(
            page_head(
                t("New agent"),
                t("Start from a template with instructions and scripts, or with a blank agent. You can change it all."),
            ),
            rx.cond(NewAgentState.loaded, _gallery(), skeleton_rows(4)),
        ),
        section="Agents",
    )


def _gallery() -> rx.Component:
    return rx.el.div(
        rx.cond(~READ_ONLY, _blank()),
        rx.foreach(NewAgentState.templates, _template),
        class_name="grid cols-3",
    )


def _blank() -> rx.Component:
    return rx.el.button(
        rx.icon("square-pen", size=20, aria_hidden="true"),
        rx.el.span(t("Blank agent"), class_name="template-title"),
        rx.el.span(t("Write the instructions yourself."), class_name="muted"),
        on_click=NewAgentState.create(""),
        class_name="template-card plain-button",
        type="button",
    )


def _template(template: rx.Var[TemplateCard]) -> rx.Component:
    icons = [(code, rx.icon(name, size=20, aria_hidden="true")) for code, name in _ICONS.items()]
    return rx.dialog.root(
        rx.dialog.trigger(
            rx.el.button(
                rx.match(template.code, *icons, rx.icon("bot", size=20, aria_hidden="true")),
                rx.el.span(template.title, class_name="template-title"),
                rx.el.span(template.description, class_name="muted"),
                rx.el.span(template.contents, class_name="muted small template-contents"),
                class_name="template-card plain-button",
                type="button",
            )
        ),
        rx.dialog.content(
            rx.dialog.title(template.title, size="4"),
            rx.dialog.description(template.description, size="2"),
            _preview(template),
            _buttons(template),
            max_width="720px",
        ),
        key=template.code,
    )


def _preview(template: rx.Var[TemplateCard]) -> rx.Component:
    return rx.el.div(
        rx.el.h3(t("Name")),
        rx.el.p(template.agent_name),
        rx.el.h3(t("Instructions")),
        rx.el.p(template.instructions, class_name="template-text"),
        rx.el.h3(t("Settings")),
        rx.el.dl(rx.foreach(template.settings, _setting), class_name="figures"),
        rx.el.h3(t("Scripts")),
        rx.foreach(template.scripts, _part),
        rx.foreach(template.automation, _automation),
        class_name="template-preview",
        tab_index=0,
        role="region",
        aria_label=t("Preview"),
    )


def _setting(line: rx.Var[PreviewLine]) -> rx.Component:
    return rx.el.div(rx.el.dt(line.label), rx.el.dd(line.text), key=line.label)


def _part(line: rx.Var[PreviewLine]) -> rx.Component:
    return rx.el.p(
        rx.el.strong(line.name), rx.el.span(" · ", line.label, class_name="muted"), rx.el.br(), line.text, key=line.name
    )


def _automation(line: rx.Var[PreviewLine]) -> rx.Component:
    return rx.fragment(
        rx.el.h3(line.label),
        rx.el.p(
            rx.el.strong(line.name),
            rx.el.span(" · ", t("a draft that is turned off"), class_name="muted"),
            rx.el.br(),
            line.text,
        ),
        key=line.name,
    )


def _buttons(template: rx.Var[TemplateCard]) -> rx.Component:
    return rx.flex(
        rx.dialog.close(rx.button(t("Close"), variant="soft", color_scheme="gray", type="button")),
        rx.cond(~READ_ONLY, rx.button(t("Use template"), on_click=NewAgentState.create(template.code))),
        spacing="3",
        justify="end",
        margin_top="16px",
    )


PAGES = [tenant_page("/agents/new", "New agent", show, NewAgentState.load)]
