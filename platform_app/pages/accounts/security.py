"""Security: the page on which users see and change their second factor, and admins require one."""

import reflex as rx

from platform_app.components.accounts.recovery_codes import recovery_codes
from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import IS_ADMIN, RETURN_FOCUS, field, skeleton_rows, status, time_ago
from platform_app.components.console.text import t
from platform_app.state.accounts.security import SecurityState
from platform_app.state.console.base import CurrentUser

_QUIET = {"variant": "soft", "color_scheme": "gray", "high_contrast": True}


def show() -> rx.Component:
    """Return the page on which users see and change their second factor, and admins require one."""
    return frame(
        rx.fragment(
            page_head(
                t("Sign-in and security"),
                t("How you sign in."),
            ),
            rx.cond(
                rx.State.is_hydrated & SecurityState.loaded,
                rx.el.div(
                    _two_factor(),
                    rx.cond(IS_ADMIN, _requirement()),
                    class_name="form",
                ),
                skeleton_rows(),
            ),
            _dialog(),
        ),
        section="Settings",
    )


def _two_factor() -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("Two-factor authentication")),
        rx.el.p(
            t("Besides your password, you’ll enter a code from an app on your phone."),
            class_name="muted small",
        ),
        rx.cond(SecurityState.is_on, _on(), _off()),
        class_name="card section",
    )


def _off() -> rx.Component:
    address = f"/two-factor?next=/manage/{CurrentUser.slug}/settings/security"
    return rx.el.div(
        status("gray", t("Two-factor is off.")),
        rx.box(rx.link(rx.button(t("Set up")), href=address)),
        class_name="stack-small",
    )


def _on() -> rx.Component:
    return rx.el.div(
        rx.flex(
            status("green", t("Two-factor is on")),
            time_ago(SecurityState.since, SecurityState.since_exact),
            spacing="3",
            wrap="wrap",
        ),
        rx.el.p(SecurityState.recovery_words),
        rx.flex(
            rx.button(t("New recovery codes…"), on_click=SecurityState.ask("renew"), **_QUIET),
            rx.button(t("Turn off…"), on_click=SecurityState.ask("turn_off"), **_QUIET),
            spacing="2",
            wrap="wrap",
        ),
        class_name="stack-small",
    )


def _requirement() -> rx.Component:
    words = t("Members without it must set it up before they can use this company’s console.")
    return rx.el.section(
        rx.el.h2(t("Members")),
        rx.el.label(
            rx.switch(checked=SecurityState.required, on_change=SecurityState.set_required, id="required"),
            t("Require two-factor for all members"),
            class_name="status",
        ),
        rx.el.p(words, class_name="muted small"),
        class_name="card section",
    )


def _dialog() -> rx.Component:
    codes = SecurityState.asked == "codes"
    titles = (
        ("turn_off", t("Turn two-factor off?")),
        ("renew", t("Create new recovery codes?")),
        ("codes", t("New recovery codes")),
    )
    sentences = (
        ("turn_off", t("You’ll sign in with your password only.")),
        ("renew", t("The current codes will stop working.")),
        ("codes", t("The old codes no longer work.")),
    )
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(rx.match(SecurityState.asked, *titles, ""), size="4"),
            rx.dialog.description(rx.match(SecurityState.asked, *sentences, ""), size="2", margin_bottom="16px"),
            rx.cond(codes, _new_codes(), _password()),
            max_width="480px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=SecurityState.asked != "",
        on_open_change=SecurityState.close,
    )


def _password() -> rx.Component:
    verb = rx.cond(SecurityState.asked == "renew", t("Create"), t("Turn off"))
    return rx.el.form(
        field(
            t("Current password"),
            rx.input(id="password", name="password", type="password", required=True, auto_complete="current-password"),
            name="password",
            problem=SecurityState.problem,
        ),
        rx.flex(
            rx.dialog.close(rx.button(t("Cancel"), type="button", variant="soft", color_scheme="gray")),
            rx.button(verb, type="submit", loading=SecurityState.busy),
            spacing="3",
            justify="end",
        ),
        on_submit=SecurityState.confirm,
        class_name="form",
        no_validate=True,
    )


def _new_codes() -> rx.Component:
    return rx.el.div(
        recovery_codes(),
        rx.flex(rx.dialog.close(rx.button(t("I have saved the codes"))), justify="end"),
        class_name="form",
    )


PAGES = [tenant_page("/settings/security", "Sign-in and security", show, SecurityState.load)]
