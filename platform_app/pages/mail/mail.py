"""Mail: the page of the tenant's SMTP server and the test message."""

from typing import Any

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.page import inside
from platform_app.components.console.parts import confirm, empty_state, field, skeleton_rows
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.mail.mail import MailState

_MAY = (CurrentUser.role == "admin") | (CurrentUser.role == "owner")
SECURITY = {"tls": "TLS", "starttls": "STARTTLS", "none": "None: everything is sent in the clear"}


def show() -> rx.Component:
    """Return the page."""
    return frame(
        rx.fragment(
            page_head(
                t("E-mail"),
                t("The server through which rules send e-mail. Your provider's help names it under SMTP."),
                rx.link(t("Settings"), href=f"/manage/{CurrentUser.slug}/settings", size="2", underline="always"),
            ),
            rx.cond(
                _MAY,
                rx.cond(
                    rx.State.is_hydrated & MailState.loaded,
                    rx.el.div(_form(), rx.cond(MailState.is_configured, _test_message()), class_name="form"),
                    skeleton_rows(),
                ),
                empty_state(t("Only an owner or an admin may see and change this."), icon="lock"),
            ),
        ),
        section="Settings",
    )


def _form() -> rx.Component:
    return rx.el.section(
        rx.el.form(
            rx.el.h2(t("Server")),
            rx.el.div(
                _input("host", t("Server name"), placeholder="smtp.example.com", required=True),
                _input("port", t("Port"), input_mode="numeric", required=True),
                class_name="host-port",
            ),
            _security(),
            rx.el.h2(t("Sign-in")),
            _input("user_name", t("User name"), t("Often the whole e-mail address.")),
            _password(),
            rx.el.h2(t("Sender")),
            _input("sender_address", t("Address of the sender"), type="email", required=True),
            _input("sender_name", t("Name of the sender"), max_length=100),
            _buttons(),
            on_submit=MailState.save,
            class_name="form",
            no_validate=True,
        ),
        class_name="card section",
        key=MailState.form_key,
    )


def _problem(name: str) -> Any:
    return rx.cond(MailState.problem_field == name, MailState.problem, "")


def _input(name: str, label: Any, help_text: Any = None, **props: Any) -> rx.Component:
    box = rx.input(
        id=name,
        name=name,
        default_value=MailState.initial[name],
        auto_complete="off",
        custom_attrs={"aria-invalid": rx.cond(MailState.problem_field == name, "true", "false")},
        **props,
    )
    return field(label, box, name=name, help_text=help_text, problem=_problem(name))


def _security() -> rx.Component:
    options = (rx.el.option(t(words) if code == "none" else words, value=code) for code, words in SECURITY.items())
    selected = rx.el.select(
        *options, id="security", name="security", default_value=MailState.initial["security"], class_name="native"
    )
    usual = t("Usually TLS with port 465, or STARTTLS with port 587.")
    return field(t("Security"), selected, name="security", help_text=usual, problem=_problem("security"))


def _password() -> rx.Component:
    box = rx.input(id="password", name="password", type="password", auto_complete="new-password")
    return field(t("Password"), box, name="password", help_text=MailState.credential_hint, problem=_problem("password"))


def _buttons() -> rx.Component:
    remove = confirm(
        rx.button(t("Take the server away"), variant="soft", color_scheme="gray", high_contrast=True, type="button"),
        title=t("Take the mail server away?"),
        sentence=t("Rules that send e-mail will fail until a server is set again. The password is deleted."),
        verb=t("Take away"),
        on_confirm=MailState.remove,
    )
    return rx.flex(
        rx.button(t("Save"), type="submit"),
        rx.cond(MailState.is_configured, remove),
        rx.el.span(MailState.saved, class_name="muted small"),
        spacing="3",
        align="center",
        wrap="wrap",
    )


def _test_message() -> rx.Component:
    send = rx.button(
        t("Send a test message"), on_click=MailState.send_test, loading=MailState.is_testing, variant="soft"
    )
    told = rx.cond(
        MailState.test_succeeded,
        rx.el.span(rx.icon("circle-check", size=16, aria_hidden="true"), MailState.test_result, class_name="well"),
        rx.el.span(rx.icon("circle-alert", size=16, aria_hidden="true"), MailState.test_result, class_name="problem"),
    )
    return rx.el.section(
        rx.el.h2(t("Test message")),
        rx.el.div(
            rx.el.span(
                t("It goes to {email}, through the server as it is saved.", email=CurrentUser.email), class_name="help"
            ),
            rx.box(send),
            rx.el.div(rx.cond(MailState.test_result != "", told), role="status", aria_live="polite"),
            class_name="field",
        ),
        class_name="card section",
    )


PAGES = [inside("/settings/mail", "E-mail", show, MailState.load)]
