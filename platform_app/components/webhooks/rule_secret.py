"""Rule secret: the card with the secret that signs the webhooks of rules and sequences."""

import reflex as rx

from platform_app.components.console.copy_field import one_time_secret
from platform_app.components.console.parts import IS_ADMIN, RETURN_FOCUS, confirm
from platform_app.components.console.text import t
from platform_app.state.webhooks.rule_secret import RuleSecretState


def rule_secret_card() -> rx.Component:
    """Return the card on which admins create a new secret, and the dialog that shows it once."""
    note = RuleSecretState.note
    words = t(
        "What the action “Call a webhook” posts is signed too, with a secret of its own, in the form "
        "of Standard Webhooks. It is shown once, when it is created."
    )
    return rx.fragment(
        rx.el.section(
            rx.el.h2(t("Webhooks of rules and sequences")),
            rx.el.div(
                rx.el.p(words, class_name="muted small"),
                rx.cond(IS_ADMIN, rx.box(_creation())),
                rx.cond(note != "", rx.el.span(note, class_name="help")),
                class_name="form",
            ),
            class_name="card section",
        ),
        _dialog(),
    )


def _creation() -> rx.Component:
    button = rx.button(
        rx.icon("rotate-ccw", size=14), t("Create a new secret"), size="1", variant="soft", color_scheme="gray"
    )
    return confirm(
        button,
        title=t("Create a new secret?"),
        sentence=t("For 24 hours everything is signed with both secrets, so that the receiver can be changed over."),
        verb=t("Create a new secret"),
        on_confirm=RuleSecretState.rotate,
    )


def _dialog() -> rx.Component:
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(t("The new secret"), size="4"),
            rx.el.div(
                rx.dialog.description(t("The receiver checks the signatures of rules with it."), size="2"),
                one_time_secret(),
                rx.flex(rx.dialog.close(rx.button(t("Close"))), justify="end"),
                class_name="form",
            ),
            max_width="560px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=RuleSecretState.dialog_open,
        on_open_change=RuleSecretState.set_dialog_open,
    )
