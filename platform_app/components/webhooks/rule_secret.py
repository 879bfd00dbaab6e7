"""Rule secret: the card with the secret that signs the webhooks of rules and sequences."""

import reflex as rx

from platform_app.components.console.new_secret import new_secret_button, new_secret_dialog
from platform_app.components.console.parts import IS_ADMIN
from platform_app.components.console.text import t
from platform_app.state.webhooks.rule_secret import RuleSecretState


def rule_secret_card() -> rx.Component:
    """Return the card on which admins create a new secret, and the dialog that shows it once."""
    note = RuleSecretState.note
    words = t(
        "What the action “Call a webhook” posts is signed too, with a secret of its own, in the form "
        "of Standard Webhooks. It is shown once, when it is created."
    )
    button = new_secret_button(
        t("Create a new secret"),
        title=t("Create a new secret?"),
        sentence=t("For 24 hours everything is signed with both secrets, so that the receiver can be changed over."),
        on_confirm=RuleSecretState.rotate,
    )
    return rx.fragment(
        rx.el.section(
            rx.el.h2(t("Webhooks of rules and sequences")),
            rx.el.div(
                rx.el.p(words, class_name="muted small"),
                rx.cond(IS_ADMIN, rx.box(button)),
                rx.cond(note != "", rx.el.span(note, class_name="help")),
                class_name="form",
            ),
            class_name="card section",
        ),
        new_secret_dialog(
            t("The receiver checks the signatures of rules with it."),
            is_open=RuleSecretState.dialog_open,
            on_open_change=RuleSecretState.set_dialog_open,
        ),
    )
