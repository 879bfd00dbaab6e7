"""E-mail account: a connected mailbox: whether it works, its settings, and how it is signed in to."""

import reflex as rx

from platform_app.channels.email import EMAIL
from platform_app.components.channels.account_parts import access_form, account_page, agent_field, connection_card
from platform_app.components.channels.mail_sign_in import reconnection
from platform_app.components.console.copy_field import copyable_line
from platform_app.components.console.form import autosaved_section
from platform_app.components.console.parts import form_card
from platform_app.components.console.text import t
from platform_app.state.channels.channel_account import ChannelAccountState

assert EMAIL.push is not None
PUSH = EMAIL.push


def email_account() -> rx.Component:
    """Return what the page of a mailbox shows below its heading."""
    form = EMAIL.form
    own = autosaved_section(form, "account", ChannelAccountState, {"agent_id": lambda: agent_field(form)})
    return account_page(
        [
            form_card(t("Account"), *own),
            form_card(t("Access"), reconnection(access_form(PUSH, t("Replace access")))),
        ],
        [connection_card(t("Mailbox")), _address()],
    )


def _address() -> rx.Component:
    explained = t(
        "Customers get answers from this address, in the same thread. Absence notices, newsletters and bounces are "
        "never answered automatically."
    )
    return form_card(
        t("Address for customers"),
        copyable_line(ChannelAccountState.outside_name, t("Email address"), name="mailbox_address"),
        rx.el.p(explained, class_name="muted small"),
    )
