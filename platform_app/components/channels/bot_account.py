"""Bot account: a connected bot of a messenger: whether it works, its settings, its token, and its link."""

import reflex as rx

from platform_app.channels.bot_settings import BotSettings
from platform_app.channels.kommo_bridge import KOMMO
from platform_app.channels.telegram import TELEGRAM
from platform_app.components.channels.account_parts import access_form, account_page, agent_field, connection_card
from platform_app.components.channels.kommo_chats import own_chats_card
from platform_app.components.console.copy_field import copyable_line
from platform_app.components.console.form import autosaved_section
from platform_app.components.console.parts import form_card
from platform_app.components.console.text import t
from platform_app.form_fields import form_fields
from platform_app.state.channels.channel_account import ChannelAccountState

FORM = form_fields(BotSettings)
assert TELEGRAM.push is not None and KOMMO.push is not None
_BOT, _SALESBOT = TELEGRAM.push, KOMMO.push


def bot_account() -> rx.Component:
    """Return what the page of a bot shows below its heading."""
    own = autosaved_section(FORM, "account", ChannelAccountState, {"agent_id": lambda: agent_field(FORM)})
    return account_page(
        [
            form_card(t("Account"), *own),
            form_card(t("Bot token"), access_form(_BOT, t("Replace token"), reset_on_submit=True)),
        ],
        [connection_card(t("Bot")), _link()],
    )


def kommo_account() -> rx.Component:
    """Return what the page of a Salesbot of Kommo shows below its heading."""
    own = autosaved_section(KOMMO.form, "account", ChannelAccountState, {"agent_id": lambda: agent_field(FORM)})
    return account_page(
        [
            form_card(t("Account"), *own),
            form_card(t("Access"), access_form(_SALESBOT, t("Replace token"), reset_on_submit=True)),
        ],
        [connection_card(t("Bot")), _widget(), own_chats_card()],
    )


def _widget() -> rx.Component:
    steps = (
        t("Upload the widget written by “gpt-agents kommo widget” to your private integration and install it."),
        t("In the Salesbot, add the widget as a step after the contact’s message and enter this address there."),
    )
    return form_card(
        t("In the Salesbot"),
        *(rx.el.p(step, class_name="muted small") for step in steps),
        copyable_line(ChannelAccountState.webhook, t("Address for the bot"), name="webhook"),
        rx.cond(
            ChannelAccountState.is_public,
            rx.fragment(),
            rx.el.p(
                t("Kommo reaches public https addresses only. Set PLATFORM_PUBLIC_URL."), class_name="small reason"
            ),
        ),
    )


def _link() -> rx.Component:
    explained = t("Add ?start=… to the link to record where the contact came from, for example ?start=spring.")
    return form_card(
        t("Link for customers"),
        copyable_line(ChannelAccountState.bot_link, t("Link to the bot"), name="bot_link"),
        rx.el.p(explained, class_name="muted small"),
    )
