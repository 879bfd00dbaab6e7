"""Webhook fields: the values of the payload that rules can use, with suggestions from the last delivery."""

import reflex as rx

from platform_app.components.console.copy_field import copy_button
from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.parts import READ_ONLY, icon_button
from platform_app.components.console.text import t
from platform_app.services.webhooks.webhook_fields import KINDS
from platform_app.state.crm.crm_settings import FIELD_KINDS
from platform_app.state.webhooks.webhook import SuggestedFieldLine, WebhookFieldLine, WebhookState


def fields_card() -> rx.Component:
    """Return the fields, the form for a new one and the suggestions."""
    return rx.el.section(
        rx.el.h2(t("Fields")),
        rx.el.p(
            t("Payload values you can use in conditions and texts. Available from the next delivery."),
            class_name="muted small",
        ),
        rx.cond(
            WebhookState.fields.length() > 0,
            rx.el.ul(rx.foreach(WebhookState.fields, _field), class_name="plain-list", key=WebhookState.fields_key),
            rx.el.p(t("None yet"), class_name="muted small"),
        ),
        rx.cond(~READ_ONLY, _new_field()),
        rx.cond((WebhookState.suggestions.length() > 0) & ~READ_ONLY, _offers()),
        class_name="card section",
    )


def _field(line: rx.Var[WebhookFieldLine]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.flex(
                rx.el.input(
                    default_value=line.name,
                    on_change=debounced(lambda name: WebhookState.rename_field(line.id, name)),
                    aria_label=t("Field name"),
                    max_length=80,
                    read_only=READ_ONLY,
                    class_name="native grow",
                ),
                _badge(line.kind),
                spacing="2",
                align="center",
            ),
            rx.el.div(rx.el.code(line.path), " → ", rx.el.code(line.variable), class_name="small break muted"),
            class_name="grow stack-small",
        ),
        copy_button(line.variable, t("Copy the variable of “{title}”", title=line.name)),
        rx.cond(
            ~READ_ONLY,
            icon_button("x", t("Delete “{title}”", title=line.name), WebhookState.delete_field(line.id), small=True),
        ),
        class_name="card-line",
        key=line.id,
    )


def _badge(words: rx.Var[str]) -> rx.Component:
    return rx.badge(words, color_scheme="gray", variant="surface", high_contrast=True)


def _new_field() -> rx.Component:
    kinds = (rx.el.option(t(FIELD_KINDS[kind.value]), value=kind.value) for kind in KINDS)
    return rx.form(
        rx.flex(
            rx.el.input(
                name="path",
                placeholder="order.total",
                aria_label=t("Path to value"),
                max_length=200,
                required=True,
                class_name="native grow",
            ),
            rx.el.input(
                name="name",
                placeholder=t("Name"),
                aria_label=t("New field name"),
                max_length=80,
                class_name="native grow",
            ),
            rx.el.select(*kinds, name="kind", aria_label=t("Type"), class_name="native"),
            rx.button(t("Add field"), size="1", variant="soft", type="submit"),
            spacing="2",
            wrap="wrap",
            align="center",
        ),
        on_submit=WebhookState.add_field_by_path,
        reset_on_submit=True,
        class_name="card-form",
    )


def _offers() -> rx.Component:
    return rx.el.div(
        rx.flex(
            rx.el.h3(t("In the last delivery")),
            rx.button(
                t("Take the fields from the last delivery"),
                on_click=WebhookState.add_all_suggested,
                size="1",
                variant="soft",
                color_scheme="gray",
                high_contrast=True,
                type="button",
            ),
            justify="between",
            align="center",
            wrap="wrap",
            spacing="2",
        ),
        rx.el.ul(rx.foreach(WebhookState.suggestions, _offer), class_name="plain-list"),
        class_name="offers",
    )


def _offer(offer: rx.Var[SuggestedFieldLine]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.code(offer.path, class_name="small break"),
            rx.el.div(offer.text, class_name="muted small clip"),
            class_name="grow",
        ),
        _badge(offer.kind_words),
        icon_button(
            "plus",
            t("Create a field from {path}", path=offer.path),
            WebhookState.add_suggested_field(offer.path, offer.kind),
            small=True,
        ),
        class_name="card-line",
        key=offer.path,
    )
