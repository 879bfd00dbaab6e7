"""Password reset: the pages on which a user requests a reset link and sets a new password."""

import reflex as rx

from platform_app.components.accounts.entry import (
    entry_input,
    entry_link,
    entry_page,
    entry_problem,
    entry_submit,
    other_person,
    refusal,
)
from platform_app.components.accounts.link_reader import link_reader
from platform_app.components.console.page import Page
from platform_app.components.console.text import t
from platform_app.services.accounts.password_resets import PAGE
from platform_app.state.accounts.password_reset import ForgotPasswordState, ResetPasswordState


def forgot_password() -> rx.Component:
    """Return the page on which a reset link is requested."""
    return entry_page(
        rx.el.h1(t("Forgot password")),
        rx.cond(
            ForgotPasswordState.is_requested,
            rx.el.p(t("If this account exists, we’ve sent a link. It’s valid for an hour."), role="status"),
            rx.cond(ForgotPasswordState.has_mail, _request(), _no_mail()),
        ),
        entry_link(t("Remember your password?"), t("Sign in"), "/sign-in"),
    )


def _request() -> rx.Component:
    return rx.el.form(
        entry_input(
            ForgotPasswordState,
            "email",
            t("Email"),
            t("We’ll send you a link to set a new password."),
            kind="email",
            complete="username",
        ),
        entry_problem(ForgotPasswordState),
        entry_submit(ForgotPasswordState, t("Send link")),
        on_submit=ForgotPasswordState.request,
        method="post",
        class_name="form",
    )


def _no_mail() -> rx.Component:
    return rx.el.p(t("This platform can’t send email. Ask your company’s admin for a link to set a new password."))


def reset_password() -> rx.Component:
    """Return the page that a reset link opens."""
    return entry_page(
        rx.el.h1(t("New password")),
        rx.match(
            ResetPasswordState.view,
            ("form", _form()),
            ("refused", _refused()),
            ("other_person", _other_person()),
            ("done", _done()),
            rx.el.p(t("Loading"), class_name="muted small", aria_busy="true"),
        ),
        link_reader(ResetPasswordState.open_link),
    )


def _form() -> rx.Component:
    return rx.el.form(
        rx.el.p(t("For {email}. You’ll be signed out everywhere.", email=ResetPasswordState.email)),
        rx.el.input(type="hidden", name="username", value=ResetPasswordState.email, auto_complete="username"),
        entry_input(
            ResetPasswordState,
            "password",
            t("New password"),
            t("At least 8 characters."),
            kind="password",
            complete="new-password",
        ),
        entry_problem(ResetPasswordState),
        entry_submit(ResetPasswordState, t("Set password")),
        on_submit=ResetPasswordState.set_password,
        method="post",
        class_name="form",
    )


def _refused() -> rx.Component:
    return rx.el.div(
        refusal(ResetPasswordState.refusal),
        rx.box(
            rx.link(t("Request a new link"), href="/forgot-password", size="2", underline="always"), margin_top="18px"
        ),
    )


def _other_person() -> rx.Component:
    words = t(
        "This link is for {email}. You are signed in as {other}.",
        email=ResetPasswordState.email,
        other=ResetPasswordState.signed_in_as,
    )
    return other_person(words)


def _done() -> rx.Component:
    return rx.el.div(
        rx.el.p(t("Password changed. You’ve been signed out everywhere."), role="status"),
        rx.link(rx.button(t("Sign in"), size="3"), href="/sign-in"),
    )


PAGES = [
    Page("/forgot-password", "Forgot password", forgot_password, [ForgotPasswordState.load]),
    Page(PAGE, "New password", reset_password, [ResetPasswordState.load]),
]
