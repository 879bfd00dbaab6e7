"""Visitor secret: the card on which admins create the secret by which a site signs its visitors in."""

import reflex as rx

from platform_app.channels.web_chat import WEB_CHAT
from platform_app.components.console.copy_field import one_time_secret
from platform_app.components.console.form import autosaved_section
from platform_app.components.console.parts import IS_ADMIN, RETURN_FOCUS, confirm
from platform_app.components.console.text import t
from platform_app.state.channels.channel_account import ChannelAccountState
from platform_app.state.channels.visitor_secret import VisitorSecretState


def visitor_secret_card() -> rx.Component:
    """Return the card with the secret and who may write, and the dialog that shows the secret once."""
    is_created = VisitorSecretState.is_created
    words = t(
        "Your server signs a JSON Web Token (HS256) with the secret: sub, exp, name, email. The script tag gets it as "
        "data-identity. Visitors who are signed in see their earlier chats on every device; nobody else does."
    )
    return rx.fragment(
        rx.el.section(
            rx.el.h2(t("Signed-in visitors")),
            rx.el.div(
                rx.el.p(words, class_name="muted small"),
                rx.el.p(rx.cond(is_created, t("There is a secret."), t("No secret yet.")), class_name="small"),
                rx.cond(IS_ADMIN, rx.box(_creation())),
                *autosaved_section(WEB_CHAT.form, "identity", ChannelAccountState, {}),
                class_name="form",
            ),
            class_name="card section",
        ),
        _dialog(),
    )


def _creation() -> rx.Component:
    button = rx.button(
        rx.icon("key-round", size=14), t("Create a new secret"), size="1", variant="soft", color_scheme="gray"
    )
    return confirm(
        button,
        title=t("Create a new secret?"),
        sentence=t("Sign-ins with the secret before end at once."),
        verb=t("Create a new secret"),
        on_confirm=VisitorSecretState.create,
    )


def _dialog() -> rx.Component:
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(t("The new secret"), size="4"),
            rx.el.div(
                rx.dialog.description(t("Your server signs with it. It never stands in a page."), size="2"),
                one_time_secret(),
                rx.flex(rx.dialog.close(rx.button(t("Close"))), justify="end"),
                class_name="form",
            ),
            max_width="560px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=VisitorSecretState.dialog_open,
        on_open_change=VisitorSecretState.set_dialog_open,
    )
