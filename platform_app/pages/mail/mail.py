"""Mail: the page of the tenant's SMTP server and the test message."""

import reflex as rx

from platform_app.components.console.form import submitted_field
from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import IS_ADMIN, confirm, empty_state, skeleton_rows
from platform_app.components.console.text import t
from platform_app.form_fields import Control, FormField
from platform_app.models.mail import MAIL_FORM
from platform_app.state.console.base import CurrentUser
from platform_app.state.mail.mail import MailState


def show() -> rx.Component:
    """Return the page on which admins set the SMTP server and send a test message."""
    return frame(
        rx.fragment(
            page_head(
                t("Email"),
                t(
                    "SMTP server used to send email from rules and sequences. Your email provider "
                    "lists these settings under “SMTP”."
                ),
            ),
            rx.cond(
                IS_ADMIN,
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
            _server(),
            rx.el.h2(t("Sign-in")),
            *_section("sign-in"),
            rx.el.h2(t("Sender")),
            *_section("sender"),
            _buttons(),
            on_submit=MailState.save,
            class_name="form",
            no_validate=True,
        ),
        class_name="card section",
        key=MailState.form_key,
    )


def _section(section: str) -> list[rx.Component]:
    return [_input(shown) for shown in MAIL_FORM.values() if shown.section == section]


def _input(shown: FormField) -> rx.Component:
    is_secret = shown.control == Control.PASSWORD
    return submitted_field(shown, MailState, help_text=MailState.credential_hint if is_secret else None)


def _server() -> rx.Component:
    """Return the section of the server, with the port beside the name."""
    host, port, *others = _section("server")
    return rx.fragment(rx.el.div(host, port, class_name="host-port"), *others)


def _buttons() -> rx.Component:
    remove = confirm(
        rx.button(t("Remove server"), variant="soft", color_scheme="gray", high_contrast=True, type="button"),
        title=t("Remove the mail server?"),
        sentence=t("Rules that send email will fail until a server is set again. The password is deleted."),
        verb=t("Remove"),
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


PAGES = [tenant_page("/settings/mail", "Email", show, MailState.load)]
