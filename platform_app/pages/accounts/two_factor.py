"""Two-factor: the page on which a user sets up an authenticator app."""

import reflex as rx

from platform_app.components.accounts.entry import entry_input, entry_page, entry_problem, entry_submit
from platform_app.components.accounts.recovery_codes import recovery_codes
from platform_app.components.console.copy_field import one_time_field
from platform_app.components.console.page import Page
from platform_app.components.console.text import t
from platform_app.state.accounts.two_factor import QR_ID, TwoFactorState
from platform_app.state.console.frame import FrameState


def show() -> rx.Component:
    """Return the page on which a user sets up an authenticator app and is shown the recovery codes."""
    return entry_page(
        rx.match(
            TwoFactorState.view,
            ("setup", _setup()),
            ("codes", _codes()),
            ("on", _is_on()),
            rx.el.div(rx.el.h1(t("Two-factor authentication")), aria_busy="true"),
        )
    )


def _setup() -> rx.Component:
    return rx.el.div(
        rx.el.h1(t("Set up two-factor authentication")),
        rx.cond(
            TwoFactorState.required_by != "",
            rx.callout(
                t("{tenant} requires two-factor for its members.", tenant=TwoFactorState.required_by),
                icon="shield-check",
                size="1",
                high_contrast=True,
            ),
        ),
        rx.el.p(
            t("Scan the QR code with an authenticator app or enter the key. Then enter the code it shows."),
            class_name="muted small",
        ),
        rx.el.img(id=QR_ID, alt=t("QR code for the authenticator app"), class_name="qr-code"),
        _setup_form(),
        _ways_out(),
        class_name="stack-small",
    )


def _setup_form() -> rx.Component:
    return rx.el.form(
        one_time_field(t("Key"), t("Copy the key"), t("If your app can’t scan.")),
        entry_input(
            TwoFactorState,
            "code",
            t("Code from the app"),
            t("Six digits."),
            complete="one-time-code",
            input_mode="numeric",
            max_length=12,
        ),
        entry_input(
            TwoFactorState,
            "password",
            t("Current password"),
            kind="password",
            complete="current-password",
        ),
        entry_problem(TwoFactorState),
        entry_submit(TwoFactorState, t("Turn on")),
        on_submit=TwoFactorState.confirm,
        method="post",
        class_name="form",
    )


def _ways_out() -> rx.Component:
    button = {"variant": "ghost", "color_scheme": "gray", "high_contrast": True, "size": "2"}
    return rx.flex(
        rx.cond(
            TwoFactorState.required_by == "",
            rx.button(t("Cancel"), on_click=TwoFactorState.leave, **button),
        ),
        rx.button(t("Sign out"), on_click=FrameState.sign_out, **button),
        spacing="5",
        margin_top="18px",
    )


def _codes() -> rx.Component:
    return rx.el.div(
        rx.el.h1(t("Two-factor is on"), id="codes-title", tab_index=-1),
        rx.el.p(
            t("You’ve been signed out of other sessions. From now on, sign-in asks for a code from the app."),
            class_name="muted small",
        ),
        recovery_codes(),
        rx.box(rx.button(t("I have saved the codes"), on_click=TwoFactorState.leave, size="3")),
        class_name="form",
    )


def _is_on() -> rx.Component:
    return rx.el.div(
        rx.el.h1(t("Two-factor is on")),
        rx.el.p(t("Nothing to set up."), class_name="muted small"),
        rx.box(rx.button(t("Continue"), on_click=TwoFactorState.leave, size="3")),
        class_name="form",
    )


PAGES = [Page("/two-factor", "Two-factor authentication", show, [TwoFactorState.load])]
