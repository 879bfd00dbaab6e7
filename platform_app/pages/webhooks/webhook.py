"""Webhook: the page of an incoming webhook."""

import reflex as rx

from platform_app.components.console.copy_field import copyable_line
from platform_app.components.console.form import autosaved_field, autosaved_section
from platform_app.components.console.layout import frame
from platform_app.components.console.new_secret import new_secret_button, new_secret_dialog
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import (
    IS_ADMIN,
    READ_ONLY,
    form_card,
    row_link,
    skeleton_rows,
    time_ago,
)
from platform_app.components.console.text import t
from platform_app.components.webhooks.delivery_table import delivery_address, outcome
from platform_app.components.webhooks.webhook_fields import fields_card
from platform_app.models.webhook import WEBHOOK_FORM
from platform_app.state.console.base import CurrentUser
from platform_app.state.webhooks.deliveries import DeliveryRow
from platform_app.state.webhooks.webhook import NONE, WebhookState


def show() -> rx.Component:
    """Return the page on which admins set up an incoming webhook and its fields."""
    return frame(
        rx.cond(rx.State.is_hydrated & (WebhookState.webhook_key != ""), _webhook(), skeleton_rows(8)),
        section="Webhooks",
    )


def _webhook() -> rx.Component:
    return rx.fragment(
        _head(),
        rx.el.div(
            rx.el.div(_delivery_card(), _settings_card(), _subject_card(), class_name="stack"),
            rx.el.div(fields_card(), _latest(), class_name="stack"),
            class_name="grid cols-2",
            key=WebhookState.webhook_key,
        ),
        _renewed(),
    )


def _head() -> rx.Component:
    return rx.el.div(
        rx.el.h1(WebhookState.name),
        rx.flex(
            rx.el.label(
                rx.switch(checked=WebhookState.enabled, on_change=WebhookState.switch, disabled=READ_ONLY),
                t("On"),
                class_name="status",
            ),
            spacing="4",
            align="center",
            wrap="wrap",
        ),
        class_name="page-head",
    )


def _delivery_card() -> rx.Component:
    hidden = rx.el.p(t("Administrators see the address and the secret."), class_name="muted small")
    explained = rx.cond(
        WebhookState.signed,
        t("Signed with a secret, following the Standard Webhooks spec."),
        t("For systems that can’t sign. Anyone with the address can send, so keep it private."),
    )
    return form_card(
        t("How it is delivered"),
        rx.cond(IS_ADMIN, copyable_line(WebhookState.address, t("URL"), name="address"), hidden),
        rx.el.div(
            rx.el.label(
                rx.switch(checked=WebhookState.signed, on_change=WebhookState.require_signature, disabled=~IS_ADMIN),
                t("Accept only signed deliveries"),
                class_name="status",
            ),
            rx.el.span(explained, class_name="help"),
            class_name="field",
        ),
        rx.cond(IS_ADMIN & WebhookState.signed, _renewal()),
        rx.el.p(t("POST with JSON or a form, up to 1 MB. Each webhook-id is accepted once."), class_name="muted small"),
    )


def _renewal() -> rx.Component:
    asked = new_secret_button(
        t("Rotate secret"),
        title=t("Renew the secret?"),
        sentence=t("The current secret stays valid for 24 hours."),
        on_confirm=WebhookState.rotate_secret,
    )
    return rx.el.div(
        rx.box(asked),
        rx.cond(WebhookState.renewal_note != "", rx.el.span(WebhookState.renewal_note, class_name="help")),
        class_name="field",
    )


def _renewed() -> rx.Component:
    return new_secret_dialog(
        WebhookState.renewal_note,
        is_open=WebhookState.renewal_dialog_open,
        on_open_change=WebhookState.set_renewal_dialog_open,
    )


def _settings_card() -> rx.Component:
    return form_card(
        t("Settings"),
        *autosaved_section(WEBHOOK_FORM, "settings", WebhookState, {"agent_id": _agent}),
    )


def _agent() -> rx.Component:
    agents = [
        rx.select.item(t("No agent"), value=NONE),
        rx.foreach(WebhookState.agents, lambda agent: rx.select.item(agent.name, value=agent.id)),
    ]
    return autosaved_field(WEBHOOK_FORM["agent_id"], WebhookState, options=agents)


def _subject_card() -> rx.Component:
    return form_card(
        t("Contact or lead"),
        rx.el.p(
            t("Paths in the payload, for example order.customer.email. Rules act on the matching lead or contact."),
            class_name="muted small",
        ),
        *autosaved_section(WEBHOOK_FORM, "subject", WebhookState, {"creates_contact": _creates_contact}),
    )


def _creates_contact() -> rx.Component:
    name = "creates_contact"
    switch = rx.switch(
        checked=WebhookState.flags[name],
        on_change=lambda creates: WebhookState.save(name, creates),
        disabled=READ_ONLY,
    )
    return rx.el.div(rx.el.label(switch, t(WEBHOOK_FORM[name].label), class_name="status"), class_name="field")


def _latest() -> rx.Component:
    everything = f"/manage/{CurrentUser.slug}/webhooks?tab=received&webhook={WebhookState.webhook_key.split('-')[0]}"
    return rx.el.section(
        rx.el.h2(t("Latest deliveries")),
        rx.cond(
            WebhookState.deliveries.length() > 0,
            rx.fragment(
                rx.el.ul(rx.foreach(WebhookState.deliveries, _delivery), class_name="plain-list"),
                rx.link(t("Show all"), href=everything, size="2", underline="always"),
            ),
            rx.el.p(t("Nothing has come in yet."), class_name="muted small"),
        ),
        class_name="card section",
    )


def _delivery(delivery: rx.Var[DeliveryRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(row_link(outcome(delivery), delivery_address(delivery)), class_name="grow"),
        time_ago(delivery.when, delivery.exact),
        class_name="card-line",
        key=delivery.id,
    )


PAGES = [tenant_page("/webhooks/[webhook_id]", "Webhook", show, WebhookState.load, WebhookState.watch)]
