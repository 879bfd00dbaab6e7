"""Sending form: the limits on what contacts are sent, as the settings page shows them."""

from typing import Any

import reflex as rx

from platform_app.components.console.parts import field
from platform_app.components.console.text import t
from platform_app.state.accounts.sending_settings import SendingSettingsState

_SCOPE = (
    "Quiet hours and limits hold for messages and e-mails of rules and sequences together, except those that are "
    "marked as transactional. Replies of agents and what members write are never limited. Contacts who opted out get "
    "nothing automatic."
)
_CAP = "To one contact, of all rules and sequences; 0: no limit."


def sending_form() -> rx.Component:
    """Return the card with the form."""
    state = SendingSettingsState
    return rx.el.section(
        rx.el.h2(t("Messages to contacts")),
        rx.el.p(t(_SCOPE), class_name="muted small"),
        rx.el.form(
            _input("quiet_from", t("Quiet hours from"), t("In the contact's time zone; empty: none."), type="time"),
            _input("quiet_to", t("Quiet hours to"), type="time"),
            _input("daily_cap", t("Automatic messages in 24 hours"), t(_CAP)),
            _input("weekly_cap", t("Automatic messages in 7 days"), t(_CAP)),
            _input(
                "hand_back_hours",
                t("Hand a conversation back after hours"),
                t("After the last word of a member; 0: only by hand."),
            ),
            _select(
                "stop_on_member_reply",
                t("When a member writes, end the contact's sequences"),
                {"yes": "Yes", "no": "No"},
            ),
            _input("approval_minutes", t("A reply may wait for approval, minutes"), t("0: for ever.")),
            _select(
                "approval_overdue",
                t("After that"),
                {"wait": "Keep waiting", "notify": "Notify", "hand_off": "Hand the conversation to a person"},
            ),
            _words("words_en", t("Words of opting out, English")),
            _words("words_ru", t("Words of opting out, Russian")),
            rx.cond(state.problem != "", rx.el.p(state.problem, class_name="problem-text", role="alert")),
            rx.box(rx.button(t("Save"), type="submit")),
            on_submit=state.save,
            class_name="form",
            key=state.form_key,
        ),
        class_name="card section",
    )


def _problem(name: str) -> Any:
    state = SendingSettingsState
    return rx.cond(state.problem_field == name, state.problem, "")


def _input(name: str, label: Any, help_text: Any = None, **props: Any) -> rx.Component:
    return field(
        label,
        rx.input(id=name, name=name, default_value=SendingSettingsState.values[name], **props),
        name=name,
        help_text=help_text,
        problem=_problem(name),
    )


def _select(name: str, label: Any, words: dict[str, str]) -> rx.Component:
    chosen = rx.el.select(
        *(rx.el.option(t(shown), value=value) for value, shown in words.items()),
        id=name,
        name=name,
        default_value=SendingSettingsState.values[name],
        class_name="native",
    )
    return field(label, chosen, name=name, problem=_problem(name))


def _words(name: str, label: Any) -> rx.Component:
    text = rx.text_area(id=name, name=name, default_value=SendingSettingsState.values[name], rows="4")
    return field(
        label,
        text,
        name=name,
        help_text=t("One a line. A message that is one of them opts out."),
        problem=_problem(name),
    )
