"""Outgoing webhook: the page of an outgoing webhook."""

from typing import Any

import reflex as rx

from platform_app.components.console.form import autosaved_section
from platform_app.components.console.layout import frame
from platform_app.components.console.new_secret import new_secret_button, new_secret_dialog
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import (
    IS_ADMIN,
    READ_ONLY,
    form_card,
    notice,
    row_link,
    skeleton_rows,
    time_ago,
)
from platform_app.components.console.text import t
from platform_app.components.webhooks.sent_table import sent_address, sent_outcome
from platform_app.models.outgoing_webhook import OUTGOING_FORM
from platform_app.state.console.base import CurrentUser
from platform_app.state.webhooks.outgoing_webhook import KindGroup, KindLine, OutgoingWebhookState
from platform_app.state.webhooks.sent import SentRow


def show() -> rx.Component:
    """Return the page on which admins choose where events are sent, and which."""
    return frame(
        rx.cond(rx.State.is_hydrated & (OutgoingWebhookState.webhook_key != ""), _webhook(), skeleton_rows(8)),
        section="Webhooks",
        up=(t("Outgoing"), "/webhooks?tab=outgoing"),
    )


def _webhook() -> rx.Component:
    state = OutgoingWebhookState
    return rx.fragment(
        _head(),
        rx.cond(state.notice != "", notice(state.notice)),
        rx.el.div(
            rx.el.div(_settings(), _signature(), _latest(), class_name="stack"),
            rx.el.div(_events(), class_name="stack"),
            class_name="grid cols-2",
            key=state.webhook_key,
        ),
        _renewed(),
    )


def _head() -> rx.Component:
    state = OutgoingWebhookState
    return rx.el.div(
        rx.el.h1(state.name),
        rx.flex(
            rx.el.label(
                rx.switch(checked=state.enabled, on_change=state.switch, disabled=READ_ONLY),
                t("On"),
                class_name="status",
            ),
            spacing="4",
            align="center",
            wrap="wrap",
        ),
        class_name="page-head",
    )


def _settings() -> rx.Component:
    own = autosaved_section(OUTGOING_FORM, "settings", OutgoingWebhookState, {})
    facts = rx.el.dl(rx.el.dt(t("URL")), rx.el.dd(OutgoingWebhookState.address, class_name="break"))
    hidden = rx.el.p(t("Administrators see the whole address and change it."), class_name="muted small")
    return form_card(t("Settings"), rx.cond(IS_ADMIN, rx.fragment(*own), rx.fragment(facts, hidden)))


def _signature() -> rx.Component:
    asked = new_secret_button(
        t("Rotate secret"),
        title=t("Renew the secret?"),
        sentence=t("For 24 hours everything is signed with both secrets, so that the receiver can be changed over."),
        on_confirm=OutgoingWebhookState.rotate_secret,
    )
    note = OutgoingWebhookState.renewal_note
    return form_card(
        t("Signature"),
        rx.el.p(
            t("Everything is signed with a secret, in the form of Standard Webhooks: the receiver knows it is you."),
            class_name="muted small",
        ),
        rx.cond(IS_ADMIN, rx.box(asked)),
        rx.cond(note != "", rx.el.span(note, class_name="help")),
    )


def _renewed() -> rx.Component:
    return new_secret_dialog(
        OutgoingWebhookState.renewal_note,
        is_open=OutgoingWebhookState.renewal_dialog_open,
        on_open_change=OutgoingWebhookState.set_renewal_dialog_open,
    )


def _events() -> rx.Component:
    state = OutgoingWebhookState
    return form_card(
        t("Events"),
        rx.flex(
            rx.el.span(state.chosen_words, class_name="muted small"),
            rx.cond(IS_ADMIN, rx.flex(_all_button(t("All"), True), _all_button(t("None"), False), spacing="2")),
            justify="between",
            align="center",
        ),
        rx.foreach(state.groups, _group),
    )


def _all_button(words: Any, wanted: bool) -> rx.Component:
    return rx.button(
        words,
        on_click=OutgoingWebhookState.subscribe_to_all(wanted),
        size="1",
        variant="soft",
        color_scheme="gray",
        high_contrast=True,
        type="button",
    )


def _group(group: rx.Var[KindGroup]) -> rx.Component:
    return rx.el.fieldset(
        rx.el.legend(group.name, class_name="label"),
        rx.foreach(group.kinds, _kind),
        class_name="choices",
        key=group.name,
    )


def _kind(line: rx.Var[KindLine]) -> rx.Component:
    return rx.el.label(
        rx.checkbox(
            checked=line.selected,
            on_change=lambda wanted: OutgoingWebhookState.subscribe_to(line.kind, wanted),
            disabled=~IS_ADMIN,
            aria_label=line.words,
        ),
        line.words,
        class_name="check",
        key=line.kind,
    )


def _latest() -> rx.Component:
    state = OutgoingWebhookState
    key = state.webhook_key.split("-")[0]
    everything = f"/manage/{CurrentUser.slug}/webhooks?tab=sent&target={key}"
    test = rx.button(
        rx.icon("send", size=14), t("Send a test event"), on_click=state.send_test, size="1", variant="soft"
    )
    failed = rx.button(
        rx.icon("rotate-cw", size=14),
        t("Send failed ones again"),
        on_click=state.send_failed_again,
        size="1",
        variant="soft",
        color_scheme="gray",
        high_contrast=True,
    )
    return rx.el.section(
        rx.el.h2(t("Latest deliveries")),
        rx.cond(
            ~READ_ONLY & state.enabled,
            rx.flex(test, rx.cond(state.has_failed, failed), spacing="2", wrap="wrap"),
        ),
        rx.cond(
            state.deliveries.length() > 0,
            rx.fragment(
                rx.el.ul(rx.foreach(state.deliveries, _delivery), class_name="plain-list"),
                rx.link(t("Show all"), href=everything, size="2", underline="always"),
            ),
            rx.el.p(t("Nothing has been sent yet."), class_name="muted small"),
        ),
        class_name="card section",
    )


def _delivery(delivery: rx.Var[SentRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            row_link(delivery.kind, sent_address(delivery)), sent_outcome(delivery), class_name="grow stack-small"
        ),
        time_ago(delivery.when, delivery.exact),
        class_name="card-line",
        key=delivery.id,
    )


PAGES = [
    tenant_page(
        "/webhooks/outgoing/[outgoing_id]",
        "Outgoing webhook",
        show,
        OutgoingWebhookState.load,
        OutgoingWebhookState.watch,
    )
]
