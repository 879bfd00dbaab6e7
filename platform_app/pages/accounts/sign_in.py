"""Sign-in: the pages for sign-in and registration, and "/"."""

from typing import Any

import reflex as rx

from platform_app.components.console.page import Page
from platform_app.components.console.parts import field
from platform_app.components.console.text import t
from platform_app.components.console.unsent_text import UnsentKept
from platform_app.state.accounts.sign_in import HomeState, SignInState
from platform_app.state.console.base import CurrentUser
from platform_app.state.console.frame import FrameState


def sign_in() -> rx.Component:
    """Return the sign-in page."""
    return _page(
        rx.el.h1(t("Sign in")),
        UnsentKept.create(
            words=t("Your session has ended. What you typed and did not send is kept in this browser: sign in again.")
        ),
        rx.el.form(
            _input("email", t("E-mail"), kind="email", complete="username"),
            _input("password", t("Password"), kind="password", complete="current-password"),
            _problem(),
            _submit(t("Sign in")),
            on_submit=SignInState.sign_in,
            method="post",
            class_name="form",
        ),
        _other(t("No account yet?"), t("Register"), "/register"),
    )


def register() -> rx.Component:
    """Return the registration page."""
    zone = rx.Var("Intl.DateTimeFormat().resolvedOptions().timeZone", _var_type=str)
    return _page(
        rx.el.h1(t("Register")),
        rx.el.p(t("You get a tenant of your own and become its owner."), class_name="muted small"),
        rx.el.form(
            _input("tenant", t("Name of your company"), complete="organization"),
            _input("name", t("Your name"), complete="name"),
            _input("email", t("E-mail"), kind="email", complete="username"),
            _input("password", t("Password"), t("At least 8 characters."), kind="password", complete="new-password"),
            rx.el.input(type="hidden", name="time_zone", value=zone),
            _problem(),
            _submit(t("Register")),
            on_submit=SignInState.register,
            method="post",
            class_name="form",
        ),
        _other(t("Already registered?"), t("Sign in"), "/sign-in"),
    )


def home() -> rx.Component:
    """Return an empty page, shown until the redirect."""
    return rx.el.main(rx.el.h1("Agents", class_name="visually-hidden"), class_name="auth", aria_busy="true")


def _page(*content: rx.Component) -> rx.Component:
    return rx.el.main(
        rx.el.div(
            rx.flex(
                rx.el.span("A", class_name="logo", aria_hidden="true"),
                _language_switch(),
                justify="between",
                align="center",
                margin_bottom="20px",
            ),
            *content,
            class_name="card",
        ),
        class_name="auth",
    )


def _language_switch() -> rx.Component:
    return rx.flex(
        *(
            rx.button(
                name,
                on_click=FrameState.change_language(code),
                variant=rx.cond(CurrentUser.language == code, "soft", "ghost"),
                color_scheme="gray",
                high_contrast=True,
                size="1",
                type="button",
                custom_attrs={"aria-pressed": rx.cond(CurrentUser.language == code, "true", "false"), "lang": code},
            )
            for code, name in (("ru", "Русский"), ("en", "English"))
        ),
        spacing="3",
        align="center",
    )


def _submit(words: rx.Var[str]) -> rx.Component:
    """Return the submit button, disabled until the page is connected: the browser would submit the form itself."""
    return rx.button(
        words, type="submit", loading=SignInState.busy, disabled=~rx.State.is_hydrated | SignInState.busy, size="3"
    )


def _input(name: str, label: Any, help_text: Any = None, *, kind: str = "text", complete: str = "on") -> rx.Component:
    return field(
        label,
        rx.input(
            id=name,
            name=name,
            type=kind,
            required=True,
            auto_complete=complete,
            size="3",
            custom_attrs={
                "aria-invalid": rx.cond(SignInState.problem_field == name, "true", "false"),
                "aria-describedby": "problem",
            },
        ),
        name=name,
        help_text=help_text,
    )


def _problem() -> rx.Component:
    return rx.el.div(
        rx.cond(
            SignInState.problem != "",
            rx.callout(SignInState.problem, icon="circle-alert", color_scheme="red", role="alert", size="1"),
        ),
        id="problem",
    )


def _other(question: Any, verb: Any, address: str) -> rx.Component:
    return rx.flex(
        rx.el.span(question, class_name="muted small"),
        rx.link(verb, href=address, size="2", underline="always"),
        spacing="2",
        margin_top="18px",
        align="center",
    )


PAGES = [
    Page("/", "Agents", home, [HomeState.load]),
    Page("/sign-in", "Sign in", sign_in, [SignInState.load]),
    Page("/register", "Register", register, [SignInState.load]),
]
