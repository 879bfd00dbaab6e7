"""Message: a message of a conversation in the inbox, with its author, its state and what a member may do with it."""

from typing import Any

import reflex as rx

from platform_app.components.chat.composer import Composer, prose
from platform_app.components.chat.message import (
    figure_mark,
    icon_action,
    quick_reply_list,
    quiet_button,
    source_chip,
    state_badge,
)
from platform_app.components.console.parts import READ_ONLY, avatar
from platform_app.components.console.text import t
from platform_app.state.chat.chat_panel import ChatPanelState
from platform_app.state.inbox.attachment_view import AttachmentLink
from platform_app.state.inbox.conversation import InboxState
from platform_app.state.inbox.inbox_view import InboxMessage


def message(row: rx.Var[InboxMessage]) -> rx.Component:
    """Return a message, below the heading of its day if it is the first of one."""
    return rx.fragment(
        rx.cond(row.day != "", rx.el.h3(row.day, class_name="day")),
        rx.el.article(
            rx.el.header(
                avatar(row.name, row.author),
                rx.el.strong(row.name),
                rx.el.span(row.label, class_name="muted small"),
                rx.el.time(row.when, title=row.exact, class_name="muted small"),
                rx.cond(row.is_edited, rx.el.span(t("Edited"), class_name="muted small")),
                rx.cond(row.is_revoked, rx.el.span(t("Deleted by the author"), class_name="muted small")),
                rx.cond(row.delivery_label != "", _delivery(row)),
                state_badge(row),
                class_name="message-head",
            ),
            rx.cond(row.subject != "", rx.el.p(t("Subject: {subject}", subject=row.subject), class_name="muted small")),
            rx.cond(row.state == "to_approve", _approval(row), _text(row)),
            quick_reply_list(row, lambda _, title: rx.el.span(title, class_name="chip")),
            rx.cond(row.sender_check != "", _sender_check(row)),
            rx.foreach(row.notes, lambda note: rx.el.p(note, class_name="muted small")),
            rx.cond(row.attachments.length() > 0, _attachments(row)),
            rx.cond(row.reason != "", rx.el.p(row.reason, class_name="small reason")),
            rx.cond(row.delivery_reason != "", rx.el.p(row.delivery_reason, class_name="small reason")),
            figure_mark(row),
            rx.cond(row.sources.length() > 0, rx.el.ul(rx.foreach(row.sources, source_chip), class_name="chips")),
            rx.cond(row.review != "", rx.el.p(row.review, class_name="muted small reason")),
            rx.cond(row.difference.length() > 0, _difference(row)),
            _actions(row),
            class_name=f"message {row.side} is-{row.state}",
        ),
        key=row.id,
    )


def _sender_check(row: rx.Var[InboxMessage]) -> rx.Component:
    """Return what the receiving mail server says of the sender of an e-mail; doubts stand out."""
    badge = rx.badge(t("Sender not confirmed"), variant="surface", high_contrast=True, color_scheme="amber")
    return rx.el.p(
        rx.cond(row.is_doubtful, badge),
        " ",
        rx.el.span(row.sender_check),
        class_name="muted small",
    )


def _text(row: rx.Var[InboxMessage]) -> rx.Component:
    text = prose(row.text, is_plain=row.is_plain, sources=row.sources)
    return rx.cond(row.text != "", rx.el.div(text, class_name="bubble"))


def _difference(row: rx.Var[InboxMessage]) -> rx.Component:
    """Return the agent's own text beside what was sent, folded."""
    return rx.el.details(
        rx.el.summary(t("Changes"), class_name="small"),
        rx.el.pre(
            rx.foreach(
                row.difference,
                lambda line: rx.el.span(
                    line,
                    "\n",
                    class_name=rx.cond(line.startswith("+"), "added", rx.cond(line.startswith("-"), "gone", "")),
                ),
            ),
            class_name="difference",
        ),
    )


def _attachments(row: rx.Var[InboxMessage]) -> rx.Component:
    """Return what the contact attached: pictures, players of recordings, and links that store other files."""
    return rx.el.ul(
        rx.foreach(row.attachments, lambda file: rx.el.li(_attachment(file), key=file.href)),
        class_name="plain-list small attachments",
        aria_label=t("Attachments"),
    )


def _attachment(file: rx.Var[AttachmentLink]) -> rx.Component:
    by_browser = {"reloadDocument": True, "download": True}  # else the console would open it as a page of its own
    link = rx.el.a(rx.icon("paperclip", size=14), file.label, href=file.href, custom_attrs=by_browser)
    return rx.fragment(
        rx.match(
            file.kind,
            ("picture", _picture(file)),
            ("recording", rx.el.div(rx.el.audio(controls=True, preload="none", src=file.href, aria_label=file.label))),
            link,
        ),
        rx.cond(
            file.text != "",
            rx.el.div(
                rx.el.span(file.text_label, class_name="muted"),
                rx.el.p(file.text, class_name="plain"),
                class_name="made-text",
            ),
        ),
        rx.cond(file.problem != "", rx.el.p(file.problem, class_name="reason")),
    )


def _picture(file: rx.Var[AttachmentLink]) -> rx.Component:
    """Return a picture in a box of bounded size, which opens it."""
    return rx.el.a(
        rx.el.img(src=file.href, alt=file.label, loading="lazy", decoding="async", class_name="attached-picture"),
        href=file.href,
        target="_blank",
        rel="noopener",
        custom_attrs={"reloadDocument": True},
    )


def _delivery(row: rx.Var[InboxMessage]) -> rx.Component:
    """Return how far a message has come; what a member has to decide stands out."""
    badge = rx.badge(row.delivery_label, variant="surface", high_contrast=True, color_scheme="amber")
    return rx.cond(is_stuck(row), badge, rx.el.span(row.delivery_label, class_name="muted small"))


def is_stuck(row: rx.Var[InboxMessage]) -> Any:
    """Return whether a message did not arrive, or it is not known whether it did."""
    return (row.delivery == "failed") | (row.delivery == "uncertain")


def _delivery_actions(row: rx.Var[InboxMessage]) -> rx.Component:
    return rx.fragment(
        quiet_button(t("Resend"), InboxState.send_again(row.id)),
        rx.cond(row.delivery == "uncertain", quiet_button(t("Mark as delivered"), InboxState.mark_delivered(row.id))),
    )


def _actions(row: rx.Var[InboxMessage]) -> rx.Component:
    held = rx.fragment(
        rx.button(t("Send"), on_click=InboxState.release(row.id), size="1"),
        quiet_button(t("Discard"), InboxState.discard(row.id)),
    )
    is_held = (row.state == "held") & ~READ_ONLY
    awaits_decision = is_stuck(row) & ~READ_ONLY
    return rx.cond(
        is_held | row.has_trace | awaits_decision,
        rx.flex(
            rx.cond(is_held, held),
            rx.cond(awaits_decision, _delivery_actions(row)),
            rx.cond(row.has_trace, icon_action("circle-help", t("Why this reply?"), ChatPanelState.show_trace(row.id))),
            spacing="4",
            align="center",
            class_name="message-actions",
        ),
    )


def _approval(row: rx.Var[InboxMessage]) -> rx.Component:
    """Return the whole text of a reply that waits for approval, to be edited, approved or rejected."""
    return rx.cond(
        READ_ONLY,
        _text(row),
        rx.el.div(
            rx.el.form(
                rx.el.input(type="hidden", name="reply_id", value=row.id, read_only=True),
                Composer.create(label=t("Reply before sending"), initial=row.text),
                rx.flex(
                    rx.button(t("Approve and send"), type="submit", size="1"),
                    spacing="4",
                    align="center",
                ),
                on_submit=InboxState.approve,
                class_name="edit",
            ),
            rx.el.form(
                rx.el.input(type="hidden", name="reply_id", value=row.id, read_only=True),
                rx.el.input(
                    name="reason",
                    max_length=1_000,
                    placeholder=t("Reason (for your team)"),
                    aria_label=t("Rejection reason"),
                    class_name="native grow",
                ),
                rx.button(
                    t("Reject"), type="submit", size="1", variant="soft", color_scheme="gray", high_contrast=True
                ),
                on_submit=InboxState.reject,
                class_name="reject",
            ),
            class_name="approval",
        ),
    )
