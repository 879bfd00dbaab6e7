"""Own field list: the tenant's own fields, and where one is added."""

from typing import Any

import reflex as rx

from platform_app.components.console.debounced_input import later
from platform_app.components.console.parts import confirm
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.crm.crm_settings import FIELD_KINDS, CrmSettingsState, OwnField

MAY = (CurrentUser.role == "admin") | (CurrentUser.role == "owner")


def named_input(value: Any, label: Any, event: Any) -> rx.Component:
    """Show a name that is changed as one types."""
    return rx.el.input(
        default_value=value,
        on_change=later(lambda typed: event(typed)),
        aria_label=label,
        max_length=120,
        read_only=~MAY,
        class_name="native grow",
    )


def delete_button(label: Any, title: Any, sentence: Any, event: Any) -> rx.Component:
    """Show the button that deletes something after asking."""
    button = rx.icon_button(rx.icon("trash-2", size=16), variant="ghost", color_scheme="gray", aria_label=label)
    return confirm(button, title=title, sentence=sentence, verb=t("Delete"), on_confirm=event)


def field_list() -> rx.Component:
    """Show the own fields, and where one is added."""
    return rx.el.section(
        rx.el.h2(t("Your own fields")),
        rx.cond(
            CrmSettingsState.fields.length() > 0,
            rx.el.ul(rx.foreach(CrmSettingsState.fields, _field), class_name="plain-list"),
            rx.el.p(t("None yet."), class_name="muted small"),
        ),
        rx.cond(MAY, _new_field()),
        class_name="card section script-side",
    )


def _field(own: rx.Var[OwnField]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.flex(
                named_input(
                    own.name,
                    t("Name of the field"),
                    lambda name: CrmSettingsState.change_field(own.id, name, own.options),
                ),
                _badge(own.kind),
                _badge(rx.cond(own.holder == "lead", t("Lead"), t("Contact"))),
                spacing="2",
                align="center",
            ),
            rx.el.code(own.variable, class_name="small"),
            rx.cond(own.is_choice, _options(own)),
            class_name="grow own-field",
        ),
        rx.cond(
            MAY,
            delete_button(
                t("Delete “{title}”", title=own.name),
                t("Delete the field?"),
                t("What stands in it is no longer shown or used. This cannot be undone."),
                CrmSettingsState.delete_field(own.id),
            ),
        ),
        class_name="card-line parted",
        key=own.id,
    )


def _badge(words: Any) -> rx.Component:
    return rx.badge(words, color_scheme="gray", variant="surface", high_contrast=True)


def _options(own: rx.Var[OwnField]) -> rx.Component:
    return rx.el.textarea(
        default_value=own.options,
        on_change=later(lambda options: CrmSettingsState.change_field(own.id, own.name, options)),
        rows="3",
        read_only=~MAY,
        aria_label=t("What can be chosen, one a line"),
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
                aria_label=t("Whose field"),
                class_name="native",
            ),
            _kind(),
            rx.button(t("Add field"), size="1", variant="soft", type="submit"),
            spacing="2",
            wrap="wrap",
            align="center",
        ),
        rx.cond(CrmSettingsState.new_kind == "choice", _new_options()),
        on_submit=CrmSettingsState.add_own_field,
        reset_on_submit=True,
        class_name="card-form",
    )


def _kind() -> rx.Component:
    return rx.el.select(
        *(rx.el.option(t(words), value=code) for code, words in FIELD_KINDS.items()),
        value=CrmSettingsState.new_kind,
        on_change=CrmSettingsState.choose_kind,
        aria_label=t("What it holds"),
        class_name="native",
    )


def _new_options() -> rx.Component:
    label = t("What can be chosen, one a line")
    return rx.el.textarea(name="options", rows="3", placeholder=label, aria_label=label, class_name="native")
