"""Channel account: the page of a connected channel."""

import reflex as rx

from platform_app.channels.api import API
from platform_app.channels.web_chat import WEB_CHAT
from platform_app.components.channels.account_parts import agent_field
from platform_app.components.channels.bot_account import bot_account, kommo_account
from platform_app.components.channels.email_account import email_account
from platform_app.components.channels.shadow_card import shadow_card
from platform_app.components.channels.visitor_secret import visitor_secret_card
from platform_app.components.channels.whatsapp_account import whatsapp_account
from platform_app.components.console.copy_field import copyable_line
from platform_app.components.console.form import autosaved_section
from platform_app.components.console.layout import frame
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import IS_ADMIN, form_card, notice, skeleton_rows
from platform_app.components.console.text import t
from platform_app.components.console.week_hours import week_hours
from platform_app.state.channels.channel_account import ChannelAccountState
from platform_app.state.channels.kommo_chats import KommoChatsState
from platform_app.state.channels.mail_sign_in import MailSignInState
from platform_app.state.channels.opening_hours import OpeningHoursState
from platform_app.state.channels.visitor_secret import VisitorSecretState
from platform_app.state.console.base import CurrentUser


def show() -> rx.Component:
    """Return the page on which admins change the settings of a connected channel."""
    return frame(
        rx.cond(rx.State.is_hydrated & (ChannelAccountState.account_key != ""), _account(), skeleton_rows(8)),
        section="Settings",
        up=(t("Channels"), "/settings/channels"),
    )


def _account() -> rx.Component:
    state = ChannelAccountState
    return rx.fragment(
        _head(),
        rx.cond(
            state.agent_is_silent,
            notice(t("The agent is off. Messages still arrive, and your team can reply in the inbox.")),
        ),
        rx.match(
            state.channel,
            ("web_chat", _web_chat()),
            ("api", _api()),
            ("kommo", kommo_account()),
            ("whatsapp", whatsapp_account()),
            ("email", email_account()),
            bot_account(),
        ),
    )


def _api() -> rx.Component:
    state = ChannelAccountState
    keys = rx.link(t("API keys"), href=f"/manage/{CurrentUser.slug}/settings/api-keys", size="2", underline="always")
    explained = t("Your system sends messages with this ID and an API key: POST {path}", path="/api/v1/conversations")
    use = form_card(
        t("In your system"),
        rx.el.p(explained, class_name="muted small"),
        copyable_line(state.api_account_id, t("Account ID (account_id)"), name="account-id"),
        rx.box(keys),
    )
    settings = _settings(form_card(t("Account"), *autosaved_section(API.form, "account", state, {"agent_id": _agent})))
    beside = rx.el.div(use, shadow_card(), class_name="stack")
    return rx.el.div(settings, beside, class_name="grid cols-2", key=state.account_key)


def _web_chat() -> rx.Component:
    state = ChannelAccountState
    return rx.fragment(
        rx.el.div(
            _settings(
                form_card(t("Account"), *autosaved_section(WEB_CHAT.form, "account", state, {"agent_id": _agent})),
                form_card(t("Appearance"), *autosaved_section(WEB_CHAT.form, "look", state, {})),
            ),
            rx.el.div(
                _on_your_site(),
                _settings(_hours()),
                shadow_card(),
                _settings(visitor_secret_card()),
                _settings(form_card(t("Limits"), *autosaved_section(WEB_CHAT.form, "limits", state, {}))),
                class_name="stack",
            ),
            class_name="grid cols-2",
            key=state.account_key,
        ),
    )


def _hours() -> rx.Component:
    form = week_hours(
        OpeningHoursState, always=t("Someone is there at any time"), zone=t("Time zone"), save=t("Save hours")
    )
    return form_card(
        t("Hours of your team"),
        rx.el.p(t("The agent answers at any hour; the hours say when a person can."), class_name="muted small"),
        *form,
        *autosaved_section(WEB_CHAT.form, "hours", ChannelAccountState, {}),
    )


def _settings(*cards: rx.Component) -> rx.Component:
    """Return cards whose fields admins alone may change."""
    return rx.el.fieldset(*cards, disabled=~IS_ADMIN, class_name="stack bare", aria_label=t("Settings"))


def _head() -> rx.Component:
    switch = rx.switch(
        checked=ChannelAccountState.enabled, on_change=ChannelAccountState.switch, disabled=~IS_ADMIN, id="enabled"
    )
    return rx.el.div(
        rx.el.div(rx.el.h1(ChannelAccountState.name), rx.el.p(ChannelAccountState.kind)),
        rx.flex(
            rx.el.label(switch, t("On"), class_name="status"),
            spacing="4",
            align="center",
            wrap="wrap",
        ),
        class_name="page-head",
    )


def _agent() -> rx.Component:
    return agent_field(WEB_CHAT.form)


def _on_your_site() -> rx.Component:
    no_site = t("No site can show this chat yet. Add yours under “Allowed sites”.")
    trial = rx.link(
        t("Test|agent"),
        href=ChannelAccountState.trial_address,
        is_external=True,
        size="2",
        underline="always",
        id="try",
    )
    return form_card(
        t("On your site"),
        rx.el.p(t("Add this line to each page, before </body>."), class_name="muted small"),
        copyable_line(ChannelAccountState.script, t("Script tag"), name="script"),
        rx.cond(ChannelAccountState.has_origins, rx.fragment(), rx.el.p(no_site, class_name="muted small")),
        rx.cond(
            ChannelAccountState.enabled,
            rx.box(trial),
            rx.el.p(t("Turn it on to test it."), class_name="muted small"),
        ),
    )


PAGES = [
    tenant_page(
        "/settings/channels/[account_id]",
        "Channel",
        show,
        ChannelAccountState.load,
        KommoChatsState.load,
        VisitorSecretState.load,
        OpeningHoursState.load,
        MailSignInState.load,
        ChannelAccountState.watch,
    )
]
