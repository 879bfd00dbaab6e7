"""Sending form: the limits on what contacts are sent, as the settings page shows them."""

from typing import Any

import reflex as rx

from platform_app.components.console.form import submitted_field, submitted_section
from platform_app.components.console.parts import field
from platform_app.components.console.text import t
from platform_app.models.person import TENANT_FORM
from platform_app.models.sending import SENDING_FORM
from platform_app.state.accounts.sending_settings import SendingSettingsState

_SCOPE = (
    "Quiet hours and limits apply to messages and emails from rules and sequences, except "
    "transactional ones. Replies by agents and members are never limited. Contacts who opted out get "
    "nothing automatic."
)


def sending_form() -> rx.Component:
    """Return the card with the form, for the settings page of owners and admins."""
    state = SendingSettingsState
    return rx.el.section(
        rx.el.h2(t("Messages to contacts")),
        rx.el.p(t(_SCOPE), class_name="muted small"),
        rx.el.form(
            *submitted_section(SENDING_FORM, "limits", state),
            submitted_field(TENANT_FORM["stop_on_member_reply"], state),
            *submitted_section(SENDING_FORM, "approval", state),
            _words("words_en", t("Opt-out words (English)")),
            _words("words_ru", t("Opt-out words (Russian)")),
            rx.cond(state.problem != "", rx.el.p(state.problem, class_name="problem-text", role="alert")),
            rx.box(rx.button(t("Save"), type="submit")),
            on_submit=state.save,
            class_name="form",
            key=state.form_key,
        ),
        class_name="card section",
    )


def _words(name: str, label: Any) -> rx.Component:
    state = SendingSettingsState
    return field(
        label,
        rx.text_area(id=name, name=name, default_value=state.initial[name], rows="4"),
        name=name,
        help_text=t("One per line. A message that equals one of them opts the contact out."),
        problem=rx.cond(state.problem_field == name, state.problem, ""),
    )
