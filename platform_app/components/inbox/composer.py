"""Composer: where a member writes to the contact, or a note to other members."""

import reflex as rx

from platform_app.components.chat.composer import Composer
from platform_app.components.chat.message import quiet_button
from platform_app.components.console.parts import READ_ONLY
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.inbox.conversation import InboxState


def composer() -> rx.Component:
    """Return the composer, or why nothing can be written."""
    return rx.cond(
        READ_ONLY,
        rx.el.p(t("Your role may read, not write."), class_name="muted chat-foot"),
        rx.el.div(
            rx.el.div(_mode("reply", t("Reply")), _mode("note", t("Note")), class_name="modes"),
            rx.cond(
                (InboxState.mode == "reply") & (InboxState.state == "closed"),
                _closed(),
                rx.cond(
                    (InboxState.mode == "reply") & InboxState.is_opted_out & ~InboxState.despite_opt_out,
                    _opted_out(),
                    _form(),
                ),
            ),
            class_name=rx.cond(InboxState.mode == "note", "writing note", "writing"),
        ),
    )


def _mode(name: str, words: rx.Var[str]) -> rx.Component:
    return rx.el.button(
        words,
        on_click=InboxState.set_mode(name),
        type="button",
        class_name="mode",
        custom_attrs={"aria-pressed": rx.cond(InboxState.mode == name, "true", "false"), "data-mode": name},
    )


def _closed() -> rx.Component:
    return rx.flex(
        t("This conversation is closed."),
        quiet_button(t("Reopen"), InboxState.close),
        spacing="3",
        align="center",
        class_name="chat-foot",
    )


def _opted_out() -> rx.Component:
    return rx.flex(
        t("This contact does not want messages."),
        quiet_button(t("Write all the same"), InboxState.confirm_opt_out),
        spacing="3",
        align="center",
        wrap="wrap",
        class_name="chat-foot",
    )


def _form() -> rx.Component:
    is_note = InboxState.mode == "note"
    return rx.el.form(
        Composer.create(
            label=rx.cond(is_note, t("Note"), t("Message")),
            hint=rx.cond(
                is_note,
                t("Note for your team; @ and a name mentions somebody"),
                t("Message to the contact. Enter sends, Shift+Enter breaks the line"),
            ),
            draft_key=f"inbox/{CurrentUser.slug}/{InboxState.current}/{InboxState.mode}",
            sent_count=InboxState.sent_count,
            failed_count=InboxState.failed_count,
            last_sent=InboxState.last_sent,
        ),
        rx.button(
            rx.cond(is_note, rx.icon("sticky-note", size=16), rx.icon("arrow-up", size=16)),
            rx.cond(is_note, t("Add note"), t("Send")),
            type="submit",
        ),
        on_submit=InboxState.send,
        reset_on_submit=False,  # the text stays until the server has it
        class_name="compose",
    )
