"""HTTP tool: the page of a tool that a tenant made for its agents."""

import reflex as rx

from platform_app.components.console.form import submitted_field
from platform_app.components.console.layout import frame
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import IS_ADMIN, confirm, empty_state, skeleton_rows
from platform_app.components.console.text import t
from platform_app.form_fields import Control
from platform_app.models.http_tool import HTTP_TOOL_FORM
from platform_app.state.tools.http_tool import HttpToolState


def show() -> rx.Component:
    """Return the page on which admins describe a request to another system."""
    return frame(
        rx.cond(
            IS_ADMIN,
            rx.cond(rx.State.is_hydrated & HttpToolState.loaded, _tool(), skeleton_rows()),
            empty_state(t("Only an owner or an admin may see and change this."), icon="lock"),
        ),
        section="Settings",
        up=(t("Tools of agents"), "/settings/tools"),
    )


def _tool() -> rx.Component:
    return rx.fragment(
        rx.el.div(rx.el.h1(rx.cond(HttpToolState.is_new, t("Add a tool"), HttpToolState.name)), class_name="page-head"),
        rx.el.div(_form(), class_name="form"),
    )


def _form() -> rx.Component:
    return rx.el.section(
        rx.el.form(
            rx.el.h2(t("Tool")),
            *_section("tool"),
            rx.el.h2(t("Request")),
            *_section("request"),
            _buttons(),
            on_submit=HttpToolState.save,
            class_name="form",
            no_validate=True,
        ),
        class_name="card section",
        key=HttpToolState.form_key,
    )


def _section(section: str) -> list[rx.Component]:
    return [
        submitted_field(
            shown,
            HttpToolState,
            help_text=HttpToolState.credential_hint if shown.control == Control.PASSWORD else None,
        )
        for shown in HTTP_TOOL_FORM.values()
        if shown.section == section
    ]


def _buttons() -> rx.Component:
    remove = confirm(
        rx.button(t("Remove"), variant="soft", color_scheme="gray", high_contrast=True, type="button"),
        title=t("Remove the tool?"),
        sentence=t("Its secret is deleted. Agents can use it no more."),
        verb=t("Remove"),
        on_confirm=HttpToolState.remove,
    )
    return rx.flex(
        rx.button(t("Save"), type="submit"),
        rx.cond(HttpToolState.is_new, rx.fragment(), remove),
        spacing="3",
        align="center",
        wrap="wrap",
    )


PAGES = [tenant_page("/settings/tools/[tool_id]", "Tool of agents", show, HttpToolState.load)]
