"""Custom field list: the editor of the tenant's custom fields."""

from typing import Any

import reflex as rx

from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.parts import IS_ADMIN, confirm
from platform_app.components.console.text import t
from platform_app.state.crm.crm_settings import FIELD_KINDS, CrmSettingsState, CustomFieldRow


def named_input(value: Any, label: Any, event: Any) -> rx.Component:
    """Return an input for a name that saves while typing."""
    return rx.el.input(
        default_value=value,
        on_change=debounced(lambda typed: event(typed)),
        aria_label=label,
        max_length=120,
        read_only=~IS_ADMIN,
        class_name="native grow",
    )


def delete_button(label: Any, title: Any, sentence: Any, event: Any) -> rx.Component:
    """Return a button that deletes after a confirmation."""
    button = rx.icon_button(rx.icon("trash-2", size=16), variant="ghost", color_scheme="gray", aria_label=label)
    return confirm(button, title=title, sentence=sentence, verb=t("Delete"), on_confirm=event)


def field_list() -> rx.Component:
    """Return the custom fields with a form for a new one."""
    return rx.el.section(
        rx.el.h2(t("Custom fields")),
        rx.cond(
            CrmSettingsState.fields.length() > 0,
            rx.el.ul(rx.foreach(CrmSettingsState.fields, _field), class_name="plain-list"),
            rx.el.p(t("None yet"), class_name="muted small"),
        ),
        rx.cond(IS_ADMIN, _new_field()),
        class_name="card section script-side",
    )


def _field(field: rx.Var[CustomFieldRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.flex(
                named_input(
                    field.name,
                    t("Field name"),
                    lambda name: CrmSettingsState.change_field(field.id, name, field.options),
                ),
                _badge(field.kind),
                _badge(rx.cond(field.holder == "lead", t("Lead"), t("Contact"))),
                spacing="2",
                align="center",
            ),
            rx.el.code(field.variable, class_name="small"),
            rx.cond(field.is_choice, _options(field)),
            class_name="grow own-field",
        ),
        rx.cond(
            IS_ADMIN,
            delete_button(
                t("Delete “{title}”", title=field.name),
                t("Delete the field?"),
                t("Its values will be deleted. This can’t be undone."),
                CrmSettingsState.delete_field(field.id),
            ),
        ),
        class_name="card-line parted",
        key=field.id,
    )


def _badge(words: Any) -> rx.Component:
    return rx.badge(words, color_scheme="gray", variant="surface", high_contrast=True)


def _options(field: rx.Var[CustomFieldRow]) -> rx.Component:
    return rx.el.textarea(
        default_value=field.options,
        on_change=debounced(lambda options: CrmSettingsState.change_field(field.id, field.name, options)),
        rows="3",
        read_only=~IS_ADMIN,
        aria_label=t("Options, one per line"),
        class_name="native",
    )


def _new_field() -> rx.Component:
    return rx.form(
        rx.el.input(
            name="name",
            placeholder=t("New field"),
            aria_label=t("New field"),
            max_length=80,
            required=True,
            class_name="native",
        ),
        rx.flex(
            rx.el.select(
                rx.el.option(t("Contact"), value="contact"),
                rx.el.option(t("Lead"), value="lead"),
                name="holder",
                aria_label=t("Applies to"),
                class_name="native",
            ),
            _kind(),
            rx.button(t("Add field"), size="1", variant="soft", type="submit"),
            spacing="2",
            wrap="wrap",
            align="center",
        ),
        rx.cond(CrmSettingsState.new_kind == "choice", _new_options()),
        on_submit=CrmSettingsState.add_custom_field,
        reset_on_submit=True,
        class_name="card-form",
    )


def _kind() -> rx.Component:
    return rx.el.select(
        *(rx.el.option(t(words), value=code) for code, words in FIELD_KINDS.items()),
        value=CrmSettingsState.new_kind,
        on_change=CrmSettingsState.set_new_kind,
        aria_label=t("Type"),
        class_name="native",
    )


def _new_options() -> rx.Component:
    label = t("Options, one per line")
    return rx.el.textarea(name="options", rows="3", placeholder=label, aria_label=label, class_name="native")
