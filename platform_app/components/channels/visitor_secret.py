"""Visitor secret: the card on which admins create the secret by which a site signs its visitors in."""

import reflex as rx

from platform_app.channels.web_chat import WEB_CHAT
from platform_app.components.console.form import autosaved_section
from platform_app.components.console.new_secret import new_secret_button, new_secret_dialog
from platform_app.components.console.parts import IS_ADMIN
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
    button = new_secret_button(
        t("Create a new secret"),
        title=t("Create a new secret?"),
        sentence=t("Sign-ins with the secret before end at once."),
        on_confirm=VisitorSecretState.create,
        icon="key-round",
    )
    return rx.fragment(
        rx.el.section(
            rx.el.h2(t("Signed-in visitors")),
            rx.el.div(
                rx.el.p(words, class_name="muted small"),
                rx.el.p(rx.cond(is_created, t("There is a secret."), t("No secret yet.")), class_name="small"),
                rx.cond(IS_ADMIN, rx.box(button)),
                *autosaved_section(WEB_CHAT.form, "identity", ChannelAccountState, {}),
                class_name="form",
            ),
            class_name="card section",
        ),
        new_secret_dialog(
            t("Your server signs with it. It never stands in a page."),
            is_open=VisitorSecretState.dialog_open,
            on_open_change=VisitorSecretState.set_dialog_open,
        ),
    )
