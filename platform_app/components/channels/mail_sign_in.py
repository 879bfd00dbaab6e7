"""Mail sign-in: the choice how a mailbox is signed in to, and the form that leads to its provider."""

from typing import Any

import reflex as rx

from platform_app.channels.email import EMAIL
from platform_app.channels.mail_oauth import PROVIDERS
from platform_app.components.console.parts import field, notice
from platform_app.components.console.text import t
from platform_app.state.channels.channel_account import ChannelAccountState
from platform_app.state.channels.channel_accounts import ChannelAccountsState
from platform_app.state.channels.mail_sign_in import MailSignInState


def sign_in_choice(by_password: rx.Component) -> rx.Component:
    """Return the choice of a way to sign in, and the form of the chosen one."""
    options = [
        rx.el.option(t("Password"), value=""),
        *(rx.el.option(provider.label, value=code) for code, provider in PROVIDERS.items()),
    ]
    choice = rx.el.select(
        *options,
        id="sign_in_with",
        class_name="native",
        value=MailSignInState.provider,
        on_change=MailSignInState.choose,
    )
    return rx.fragment(
        rx.el.div(field(t("Sign in with"), choice, name="sign_in_with"), class_name="form", margin_bottom="24px"),
        rx.cond(MailSignInState.provider == "", by_password, _provider_form()),
    )


def _provider_form() -> rx.Component:
    agent = rx.el.select(
        rx.el.option(t("Choose an agent"), value=""),
        rx.foreach(ChannelAccountsState.agents, lambda option: rx.el.option(option.name, value=option.id)),
        id="mailbox_agent_id",
        name="agent_id",
        class_name="native",
    )
    address = rx.input(
        id="mailbox_address", name="address", type="email", required=True, max_length=190, auto_complete="off"
    )
    name = rx.input(id="mailbox_name", name="name", max_length=120)
    is_missing = MailSignInState.missing != ""
    form = rx.form(
        _field("address", t("Email address"), address, t("Customers write to it and get answers from it.")),
        _field("agent_id", t(EMAIL.form["agent_id"].label), agent, t(EMAIL.form["agent_id"].help_text)),
        _field("name", t(EMAIL.form["name"].label), name, t("Leave empty to use its name in the channel.")),
        rx.flex(
            rx.dialog.close(rx.button(t("Cancel"), variant="soft", color_scheme="gray", type="button")),
            rx.button(t("Go to sign-in"), type="submit", disabled=is_missing),
            spacing="3",
            justify="end",
        ),
        on_submit=MailSignInState.begin,
        class_name="form",
    )
    return rx.fragment(
        rx.cond(is_missing, notice(MailSignInState.missing)),
        rx.cond(_problem("provider") != "", notice(_problem("provider"))),
        form,
    )


def _field(name: str, label: Any, control: rx.Component, help_text: Any) -> rx.Component:
    return field(label, control, name=f"mailbox_{name}", help_text=help_text, problem=_problem(name))


def _problem(name: str) -> Any:
    return rx.cond(MailSignInState.problem_field == name, MailSignInState.problem, "")


def reconnection(by_password: rx.Component) -> rx.Component:
    """Return how the access of the mailbox on the page is replaced."""
    provider = ChannelAccountState.shown_access.get("provider", "")
    again = MailSignInState.connect_again(ChannelAccountState.api_account_id)
    return rx.cond(
        provider != "",
        rx.fragment(
            rx.el.p(
                t("This mailbox is connected by a sign-in with {provider}. No password is stored.", provider=provider),
                class_name="muted small",
            ),
            rx.cond(MailSignInState.problem != "", notice(MailSignInState.problem)),
            rx.box(rx.button(t("Connect again"), on_click=again, variant="soft", high_contrast=True, type="button")),
        ),
        by_password,
    )
