"""Sign-in: the pages for sign-in and registration, and "/"."""

import reflex as rx

from platform_app.components.accounts.entry import entry_input, entry_link, entry_page, entry_problem, entry_submit
from platform_app.components.console.page import Page
from platform_app.components.console.text import t
from platform_app.components.console.unsent_text import UnsentKept
from platform_app.state.accounts.sign_in import HomeState, SignInState


def sign_in() -> rx.Component:
    """Return the page on which people sign in, in its steps."""
    return entry_page(
        rx.match(SignInState.step, ("code", _code()), ("recovery", _recovery_code_used()), _password()),
    )


def _code() -> rx.Component:
    return rx.el.div(
        rx.el.h1(t("Enter the code")),
        rx.el.p(t("Two-factor is on for your account."), class_name="muted small"),
        rx.el.form(
            entry_input(
                SignInState,
                "code",
                t("Code from the app"),
                t("Or one of your recovery codes."),
                complete="one-time-code",
                max_length=40,
            ),
            entry_problem(SignInState),
            entry_submit(SignInState, t("Continue")),
            on_submit=SignInState.enter_code,
            method="post",
            class_name="form",
        ),
        rx.box(
            rx.button(
                t("Back to the password"),
                on_click=SignInState.load,
                variant="ghost",
                color_scheme="gray",
                high_contrast=True,
                size="2",
            ),
            margin_top="18px",
        ),
    )


def _recovery_code_used() -> rx.Component:
    return rx.el.div(
        rx.el.h1(t("You used a recovery code")),
        rx.el.p(SignInState.recovery_left, class_name="muted small"),
        rx.button(t("Continue"), id="continue", on_click=SignInState.continue_sign_in, size="3"),
        class_name="form",
    )


def _password() -> rx.Component:
    return rx.el.div(
        rx.el.h1(t("Sign in")),
        UnsentKept.create(words=t("Your session has ended. Sign in again. Your unsent text is kept in this browser.")),
        rx.el.form(
            entry_input(SignInState, "email", t("Email"), kind="email", complete="username"),
            entry_input(SignInState, "password", t("Password"), kind="password", complete="current-password"),
            entry_problem(SignInState),
            entry_submit(SignInState, t("Sign in")),
            on_submit=SignInState.sign_in,
            method="post",
            class_name="form",
        ),
        entry_link(t("Forgot password?"), t("Set a new one"), "/forgot-password"),
        entry_link(t("Don’t have an account?"), t("Sign up"), "/register"),
    )


def register() -> rx.Component:
    """Return the page on which somebody creates a tenant and becomes its owner."""
    zone = rx.Var("Intl.DateTimeFormat().resolvedOptions().timeZone", _var_type=str)
    return entry_page(
        rx.el.h1(t("Sign up")),
        rx.el.p(t("We’ll set up your company’s workspace. You’ll be its owner."), class_name="muted small"),
        rx.el.form(
            entry_input(SignInState, "tenant", t("Company name"), complete="organization"),
            entry_input(SignInState, "name", t("Your name"), complete="name"),
            entry_input(SignInState, "email", t("Email"), kind="email", complete="username"),
            entry_input(
                SignInState,
                "password",
                t("Password"),
                t("At least 8 characters."),
                kind="password",
                complete="new-password",
            ),
            rx.el.input(type="hidden", name="time_zone", value=zone),
            entry_problem(SignInState),
            entry_submit(SignInState, t("Sign up")),
            on_submit=SignInState.register,
            method="post",
            class_name="form",
        ),
        entry_link(t("Already have an account?"), t("Sign in"), "/sign-in"),
    )


def home() -> rx.Component:
    """Return an empty page, shown until the redirect."""
    return rx.el.main(rx.el.h1("Agents", class_name="visually-hidden"), class_name="auth", aria_busy="true")


PAGES = [
    Page("/", "Agents", home, [HomeState.load]),
    Page("/sign-in", "Sign in", sign_in, [SignInState.load]),
    Page("/register", "Sign up", register, [SignInState.load]),
]
