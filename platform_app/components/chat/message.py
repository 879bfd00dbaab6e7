"""Message: a message of a conversation with its actions."""

from typing import Any

import reflex as rx

from platform_app.components.chat.composer import Composer, Countdown, safe_markdown
from platform_app.components.console.parts import READ_ONLY, time_ago
from platform_app.components.console.text import t
from platform_app.state.chat.chat_panel import ChatPanelState
from platform_app.state.chat.chat_view import MessageRow, SourceChip
from platform_app.state.chat.test_chat import TestChatState


def message(row: rx.Var[MessageRow]) -> rx.Component:
    """Return a complete message with its sources and buttons; a streamed one is drawn elsewhere."""
    mine = row.author == "contact"
    return rx.el.article(
        rx.el.header(
            rx.el.strong(row.name),
            time_ago(row.when, row.exact),
            rx.cond(row.state_label != "", rx.badge(row.state_label, variant="surface", high_contrast=True)),
            class_name="message-head",
        ),
        rx.cond(
            TestChatState.editing == row.id,
            _edit(row),
            rx.match(
                row.state,
                ("to_approve", _approve(row)),
                ("held", _held(row)),
                rx.cond(mine, rx.el.div(row.text, class_name="bubble plain"), _reply_text(row)),
            ),
        ),
        rx.cond(
            row.error != "",
            rx.el.p(row.error, class_name=rx.cond(row.state == "held", "muted small", "problem-text"), role="status"),
        ),
        rx.cond(
            row.without_vectors,
            rx.el.p(t("Semantic search was unavailable; keyword results used."), class_name="muted small"),
        ),
        rx.cond(row.sources.length() > 0, rx.el.ul(rx.foreach(row.sources, source_chip), class_name="chips")),
        _actions(row),
        class_name=rx.cond(mine, "message mine", "message"),
        key=row.id,
    )


def live_reply() -> rx.Component:
    """Return the reply that is being streamed."""
    return rx.el.article(
        rx.el.div(
            rx.cond(
                TestChatState.is_plain_text,
                rx.el.div(
                    rx.foreach(TestChatState.done_blocks, lambda block, place: rx.el.div(block + "\n\n", key=place)),
                    TestChatState.tail,
                    class_name="plain",
                ),
                rx.fragment(
                    rx.foreach(
                        TestChatState.done_blocks, lambda block, place: rx.el.div(safe_markdown(block), key=place)
                    ),
                    safe_markdown(TestChatState.tail),
                ),
            ),
            rx.el.span(class_name="caret", aria_hidden="true"),
            class_name="bubble live",
        ),
        rx.el.span(t("The agent is writing"), class_name="visually-hidden"),
        class_name="message",
        aria_busy="true",
    )


def delayed_reply() -> rx.Component:
    """Return the countdown of a reply that is delayed by the agent's setting."""
    return rx.flex(
        Countdown.create(
            seconds=TestChatState.delay_seconds,
            pattern=t("Replies in {count} s", count="{count}"),
            key=TestChatState.delayed_id,
        ),
        rx.cond(~READ_ONLY, quiet_button(t("Reply now"), TestChatState.skip_delay)),
        spacing="4",
        align="center",
        class_name="message",
    )


def quiet_button(words: Any, event: Any, **props: Any) -> rx.Component:
    """Return a small ghost button."""
    return rx.button(
        words,
        on_click=event,
        size="1",
        variant="ghost",
        color_scheme="gray",
        high_contrast=True,
        type="button",
        **props,
    )


def _reply_text(row: rx.Var[MessageRow]) -> rx.Component:
    plain, marked = (
        rx.el.div(row.text, class_name="bubble plain"),
        rx.el.div(safe_markdown(row.text), class_name="bubble"),
    )
    return rx.cond(row.text != "", rx.cond(TestChatState.is_plain_text, plain, marked))


def source_chip(chip: rx.Var[SourceChip]) -> rx.Component:
    """Return a source under a reply, which opens the cited passage."""
    return rx.el.li(
        rx.el.button(
            rx.el.span(chip.number, class_name="chip-number"),
            chip.title,
            on_click=ChatPanelState.show_passage(chip.chunk_id),
            type="button",
            class_name="chip",
        )
    )


def _actions(row: rx.Var[MessageRow]) -> rx.Component:
    return rx.flex(
        rx.cond(row.text != "", quiet_button(t("Copy"), [rx.set_clipboard(row.text), rx.toast.success(t("Copied"))])),
        rx.cond(row.has_trace, quiet_button(t("Why this reply?"), ChatPanelState.show_trace(row.id))),
        rx.cond(row.can_retry & ~READ_ONLY, quiet_button(t("Retry"), TestChatState.retry(row.id))),
        rx.cond(row.can_edit & ~READ_ONLY, quiet_button(t("Edit"), TestChatState.begin_edit(row.id))),
        spacing="4",
        class_name="message-actions",
    )


def _edit(row: rx.Var[MessageRow]) -> rx.Component:
    return rx.el.form(
        Composer.create(label=t("Your message"), initial=row.text, auto_focus=True),
        rx.flex(
            rx.button(t("Resend"), type="submit", size="1"),
            quiet_button(t("Cancel"), TestChatState.begin_edit("")),
            spacing="4",
            align="center",
        ),
        on_submit=TestChatState.send_edited,
        class_name="edit",
    )


def _approve(row: rx.Var[MessageRow]) -> rx.Component:
    return rx.el.form(
        rx.el.input(type="hidden", name="reply_id", value=row.id, read_only=True),
        Composer.create(label=t("Reply before sending"), initial=row.text, disabled=READ_ONLY),
        rx.cond(
            ~READ_ONLY,
            rx.flex(
                rx.button(t("Approve"), type="submit", size="1"),
                quiet_button(t("Discard"), TestChatState.discard(row.id)),
                spacing="4",
                align="center",
            ),
        ),
        on_submit=TestChatState.approve,
        class_name="edit",
    )


def _held(row: rx.Var[MessageRow]) -> rx.Component:
    """Return a held message, which members send, changed or not, or discard."""
    is_written = row.text != ""
    return rx.el.form(
        rx.el.input(type="hidden", name="message_id", value=row.id, read_only=True),
        rx.cond(
            is_written,
            Composer.create(label=t("Message that is held"), initial=row.text, disabled=READ_ONLY),
            rx.el.div(t("Instructions for the agent: {task}", task=row.task), class_name="bubble plain"),
        ),
        rx.cond(
            ~READ_ONLY,
            rx.flex(
                rx.button(rx.cond(is_written, t("Send"), t("Have the agent write")), type="submit", size="1"),
                quiet_button(t("Discard"), TestChatState.discard_held(row.id)),
                spacing="4",
                align="center",
            ),
        ),
        on_submit=TestChatState.release_held,
        class_name="edit",
    )
