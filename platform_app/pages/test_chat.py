"""Test chat: conversations at the left, the talk in the middle, the reasons at the right."""

from typing import Any

import reflex as rx

from platform_app.components.layout import frame
from platform_app.components.listing import search_box
from platform_app.components.page import inside
from platform_app.components.parts import empty_state, skeleton_rows, time_ago, undo_bar
from platform_app.components.talk import Composer, StickToEnd, safe_markdown
from platform_app.components.text import t
from platform_app.components.trace_panel import panel
from platform_app.state.base import Person
from platform_app.state.chat_view import ConversationRow, MessageRow, SourceChip
from platform_app.state.test_chat import TestChatState

READ_ONLY = Person.role == "viewer"


def show() -> rx.Component:
    """Show the test chat."""
    return frame(
        rx.cond(TestChatState.loaded, _chat(), skeleton_rows(8)),
        section="Test chat",
    )


def _chat() -> rx.Component:
    return rx.fragment(
        rx.el.h1(t("Test chat"), class_name="visually-hidden"),
        rx.cond(
            TestChatState.agents.length() > 0,
            rx.el.div(
                _list(),
                _talk(),
                class_name=rx.cond(TestChatState.current != "", "chat open", "chat"),
            ),
            empty_state(
                t("No agents yet. Make one to talk to it."),
                rx.link(rx.button(t("Create agent"), tab_index=-1), href=f"/manage/{Person.slug}/agents"),
                icon="bot",
            ),
        ),
        panel(),
        undo_bar(TestChatState.undo_sentence, TestChatState.undo),
    )


def _list() -> rx.Component:
    return rx.el.section(
        rx.button(
            rx.icon("plus", size=16),
            t("New conversation"),
            on_click=TestChatState.begin_new,
            variant="soft",
            width="100%",
        ),
        search_box(t("Search conversations"), TestChatState.search, TestChatState.type_search),
        rx.el.ul(rx.foreach(TestChatState.rows, _conversation), class_name="conversations"),
        class_name="chat-list",
        aria_label=t("Conversations"),
    )


def _conversation(row: rx.Var[ConversationRow]) -> rx.Component:
    return rx.el.li(
        rx.el.button(
            rx.el.span(row.title, class_name="clip conversation-title"),
            rx.el.span(row.last_line, class_name="clip muted small"),
            time_ago(row.when, row.exact),
            on_click=TestChatState.choose(row.id),
            type="button",
            class_name="plain-button conversation",
            custom_attrs={"aria-current": rx.cond(TestChatState.current == row.id, "true", "false")},
        ),
        rx.cond(
            ~READ_ONLY,
            rx.icon_button(
                rx.icon("trash-2", size=14),
                variant="ghost",
                color_scheme="gray",
                size="1",
                aria_label=t("Delete “{title}”", title=row.title),
                on_click=TestChatState.delete(row.id),
            ),
        ),
        key=row.id,
    )


def _talk() -> rx.Component:
    return rx.el.section(
        _bar(),
        rx.el.div(
            rx.cond(
                (TestChatState.messages.length() == 0) & (TestChatState.live_id == "") & (TestChatState.waiting == ""),
                rx.el.p(t("Ask something that a customer would ask."), class_name="muted talk-empty"),
            ),
            rx.foreach(TestChatState.messages, _message),
            rx.cond(TestChatState.live_id != "", _live()),
            rx.cond(TestChatState.waiting != "", _waiting()),
            StickToEnd.create(mark=f"{TestChatState.messages.length()} {TestChatState.live.length()}"),
            class_name="talk",
            role="log",
            aria_label=t("Messages"),
            tab_index=0,
        ),
        rx.cond(READ_ONLY, rx.el.p(t("Your role may read, not write."), class_name="muted"), _composer()),
        class_name="chat-talk",
        aria_label=t("Conversation"),
    )


def _bar() -> rx.Component:
    return rx.flex(
        rx.icon_button(
            rx.icon("arrow-left", size=16),
            on_click=TestChatState.begin_new,
            variant="ghost",
            color_scheme="gray",
            aria_label=t("All conversations"),
            class_name="only-narrow",
        ),
        rx.select.root(
            rx.select.trigger(aria_label=t("Agent"), min_width="180px"),
            rx.select.content(rx.foreach(TestChatState.agents, lambda a: rx.select.item(a.name, value=a.id))),
            value=TestChatState.agent,
            on_change=TestChatState.choose_agent,
            disabled=READ_ONLY,
        ),
        _draft_switch(),
        rx.spacer(),
        rx.cond(
            (TestChatState.current != "") & ~READ_ONLY,
            rx.button(
                t("Clear"),
                on_click=TestChatState.clear,
                variant="ghost",
                color_scheme="gray",
                high_contrast=True,
                size="1",
            ),
        ),
        spacing="4",
        align="center",
        wrap="wrap",
        class_name="chat-bar",
    )


def _draft_switch() -> rx.Component:
    return rx.el.label(
        rx.switch(checked=TestChatState.use_draft, on_change=TestChatState.choose_draft, size="1", disabled=READ_ONLY),
        t("Draft"),
        class_name="status small",
    )


def _message(row: rx.Var[MessageRow]) -> rx.Component:
    mine = row.author == "contact"
    return rx.el.article(
        rx.el.header(
            rx.el.strong(row.name),
            time_ago(row.when, row.exact),
            rx.cond(row.state_words != "", rx.badge(row.state_words, variant="surface", high_contrast=True)),
            class_name="message-head",
        ),
        rx.cond(
            TestChatState.editing == row.id,
            _edit(row),
            rx.cond(
                row.state == "to_approve",
                _approve(row),
                rx.cond(mine, rx.el.div(row.text, class_name="bubble plain"), _reply_text(row)),
            ),
        ),
        rx.cond(row.error != "", rx.el.p(row.error, class_name="problem-text", role="status")),
        rx.cond(row.sources.length() > 0, rx.el.ul(rx.foreach(row.sources, _chip), class_name="chips")),
        _actions(row),
        class_name=rx.cond(mine, "message mine", "message"),
        key=row.id,
    )


def _reply_text(row: rx.Var[MessageRow]) -> rx.Component:
    return rx.cond(row.text != "", rx.el.div(safe_markdown(row.text), class_name="bubble"))


def _chip(chip: rx.Var[SourceChip]) -> rx.Component:
    return rx.el.li(
        rx.el.button(
            rx.el.span(chip.number, class_name="chip-number"),
            chip.title,
            on_click=TestChatState.show_passage(chip.chunk_id),
            type="button",
            class_name="chip",
        )
    )


def _small(words: Any, event: Any, **props: Any) -> rx.Component:
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


def _actions(row: rx.Var[MessageRow]) -> rx.Component:
    return rx.flex(
        _small(t("Copy"), rx.set_clipboard(row.text)),
        rx.cond(row.has_trace, _small(t("Why this reply?"), TestChatState.show_trace(row.id))),
        rx.cond(row.can_retry & ~READ_ONLY, _small(t("Retry"), TestChatState.retry(row.id))),
        rx.cond(row.can_edit & ~READ_ONLY, _small(t("Edit"), TestChatState.begin_edit(row.id))),
        spacing="4",
        class_name="message-actions",
    )


def _edit(row: rx.Var[MessageRow]) -> rx.Component:
    return rx.el.form(
        Composer.create(label=t("Your message"), initial=row.text, auto_focus=True),
        rx.flex(
            rx.button(t("Send again"), type="submit", size="1"),
            _small(t("Cancel"), TestChatState.cancel_edit),
            spacing="4",
            align="center",
        ),
        on_submit=TestChatState.resend,
        class_name="edit",
    )


def _approve(row: rx.Var[MessageRow]) -> rx.Component:
    return rx.el.form(
        rx.el.input(type="hidden", name="reply_id", value=row.id, read_only=True),
        Composer.create(label=t("Reply before sending"), initial=row.text),
        rx.cond(
            ~READ_ONLY,
            rx.flex(
                rx.button(t("Approve"), type="submit", size="1"),
                _small(t("Discard"), TestChatState.discard(row.id)),
                spacing="4",
                align="center",
            ),
        ),
        on_submit=TestChatState.approve,
        class_name="edit",
    )


def _live() -> rx.Component:
    return rx.el.article(
        rx.el.div(
            TestChatState.live,
            rx.el.span(class_name="caret", aria_hidden="true"),
            class_name="bubble plain",
        ),
        rx.el.span(t("The agent is writing"), class_name="visually-hidden"),
        class_name="message",
        aria_busy="true",
    )


def _waiting() -> rx.Component:
    return rx.flex(
        rx.el.span(TestChatState.waiting, class_name="muted"),
        rx.cond(~READ_ONLY, _small(t("Answer now"), TestChatState.answer_now)),
        spacing="4",
        align="center",
        class_name="message",
    )


def _composer() -> rx.Component:
    busy = (TestChatState.live_id != "") | (TestChatState.waiting_id != "")
    return rx.el.form(
        Composer.create(
            label=t("Message"),
            hint=t("Message. Enter sends, Shift+Enter breaks the line"),
            auto_focus=True,
            key=TestChatState.composer_key.to_string(),
        ),
        rx.cond(
            busy,
            rx.button(
                rx.icon("square", size=14), t("Stop"), on_click=TestChatState.stop, type="button", color_scheme="gray"
            ),
            rx.button(rx.icon("arrow-up", size=16), t("Send"), type="submit"),
        ),
        on_submit=TestChatState.send,
        class_name="compose",
    )


PAGES = [inside("/test-chat", "Test chat", show, TestChatState.load, TestChatState.watch)]
