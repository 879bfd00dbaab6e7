"""Message: a message of a conversation with its actions."""

from collections.abc import Callable
from typing import Any

import reflex as rx

from platform_app.components.chat.composer import Composer, Countdown, prose
from platform_app.components.console.parts import READ_ONLY, avatar, icon_button, time_ago
from platform_app.components.console.text import t
from platform_app.state.chat.chat_panel import ChatPanelState
from platform_app.state.chat.chat_view import MessageRow, SourceChip
from platform_app.state.chat.test_chat import TestChatState


def message(row: rx.Var[MessageRow]) -> rx.Component:
    """Return a complete message with its sources and buttons; a streamed one is drawn elsewhere."""
    mine = row.author == "contact"
    return rx.el.article(
        rx.el.header(
            avatar(row.name, row.author),
            rx.el.strong(row.name),
            time_ago(row.when, row.exact),
            state_badge(row),
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
        quick_reply_list(row, _quick_reply),
        rx.cond(
            row.error != "",
            rx.el.p(row.error, class_name=rx.cond(row.state == "held", "muted small", "problem-text"), role="status"),
        ),
        figure_mark(row),
        rx.cond(row.sources.length() > 0, rx.el.ul(rx.foreach(row.sources, source_chip), class_name="chips")),
        _actions(row),
        class_name=rx.cond(mine, "message mine", "message"),
        key=row.id,
    )


def quick_reply_list(row: rx.Var[Any], draw: Callable[[rx.Var[Any], rx.Var[str]], rx.Component]) -> rx.Component:
    """Return the quick replies below a message; `draw` returns one from its row and its title."""
    return rx.cond(
        row.quick_replies.length() > 0,
        rx.el.ul(
            rx.foreach(row.quick_replies, lambda title: rx.el.li(draw(row, title), key=title)),
            class_name="chips quick-replies",
            aria_label=t("Quick replies"),
        ),
    )


def _quick_reply(row: rx.Var[MessageRow], title: rx.Var[str]) -> rx.Component:
    """Return a quick reply, which the tester presses while the message is not answered."""
    return rx.cond(
        row.is_open & ~READ_ONLY,
        rx.el.button(title, on_click=TestChatState.choose(row.id, title), type="button", class_name="chip"),
        rx.el.span(title, class_name="chip"),
    )


def state_badge(row: rx.Var[Any]) -> rx.Component:
    """Return the state of a message that is not simply sent, in the color of what it means."""
    color = rx.match(
        row.state, ("failed", "red"), ("partial", "red"), ("to_approve", "amber"), ("held", "amber"), "gray"
    )
    return rx.cond(
        row.state_label != "", rx.badge(row.state_label, variant="surface", high_contrast=True, color_scheme=color)
    )


def live_reply() -> rx.Component:
    """Return the reply that is being streamed: what is being done for it, and its text so far."""
    state, plain = TestChatState, TestChatState.is_plain_text
    step = rx.match(
        state.live_step,
        ("searching", t("Searching knowledge…")),
        ("writing", t("Writing…")),
        ("acting", t("Using a tool…")),
        t("Preparing the reply…"),
    )
    is_empty = (state.tail == "") & (state.done_blocks.length() == 0)
    blocks = rx.foreach(state.done_blocks, lambda block, place: rx.box(prose(block, is_plain=plain), key=place))
    return rx.el.article(
        rx.el.header(avatar(state.live_name, "agent"), rx.el.strong(state.live_name), class_name="message-head"),
        rx.el.div(
            rx.cond(is_empty, rx.fragment(), rx.fragment(blocks, rx.box(prose(state.tail, is_plain=plain)))),
            rx.el.span(
                step,
                role="status",
                class_name=rx.cond(is_empty | (state.live_step == "acting"), "reply-step muted", "visually-hidden"),
            ),
            class_name=rx.cond(is_empty, "bubble live", "bubble live growing"),
        ),
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


def icon_action(icon: str, words: Any, event: Any) -> rx.Component:
    """Return an action of a message: an icon whose name is shown while the pointer is over it."""
    return rx.el.span(icon_button(icon, words, event, small=True), title=words)


def _reply_text(row: rx.Var[MessageRow]) -> rx.Component:
    text = prose(row.text, is_plain=TestChatState.is_plain_text, sources=row.sources)
    return rx.cond(row.text != "", rx.el.div(text, class_name="bubble"))


def source_chip(chip: rx.Var[SourceChip]) -> rx.Component:
    """Return a source under a reply, which opens the cited passage."""
    return rx.el.li(
        rx.el.button(
            rx.el.span(chip.number, class_name="chip-number"),
            chip.title,
            on_click=ChatPanelState.show_passage(chip.chunk_ids),
            type="button",
            class_name="chip",
            custom_attrs={"data-source": chip.number},
        )
    )


def figure_mark(row: rx.Var[Any]) -> rx.Component:
    """Return the mark of a message whose figures stand in no source, which members alone see."""
    return rx.cond(
        row.figures != "",
        rx.el.p(rx.icon("triangle-alert", size=14), row.figures, class_name="warning small reason"),
    )


def _actions(row: rx.Var[MessageRow]) -> rx.Component:
    copied = [rx.set_clipboard(row.text), rx.toast.success(t("Copied"))]
    return rx.flex(
        rx.cond(row.text != "", icon_action("copy", t("Copy"), copied)),
        rx.cond(row.has_trace, icon_action("circle-help", t("Why this reply?"), ChatPanelState.show_trace(row.id))),
        rx.cond(row.can_retry & ~READ_ONLY, icon_action("rotate-cw", t("Retry"), TestChatState.retry(row.id))),
        rx.cond(row.can_edit & ~READ_ONLY, icon_action("pencil", t("Edit"), TestChatState.begin_edit(row.id))),
        spacing="2",
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
