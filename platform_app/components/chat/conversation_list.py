"""Conversation list: the conversations at the left of the test chat."""

import reflex as rx

from platform_app.components.console.listing import search_box
from platform_app.components.console.parts import READ_ONLY, icon_button, time_ago
from platform_app.components.console.text import t
from platform_app.state.chat.chat_view import ConversationRow
from platform_app.state.chat.conversation_list import ConversationListState
from platform_app.state.chat.test_chat import TestChatState
from platform_app.state.console.base import CurrentUser


def conversation_list() -> rx.Component:
    """Return the list with search and the button for a new conversation."""
    return rx.el.section(
        rx.button(
            rx.icon("plus", size=16),
            t("New conversation"),
            on_click=TestChatState.begin_new,
            variant="soft",
            width="100%",
        ),
        search_box(t("Search conversations"), ConversationListState.search, ConversationListState.set_search),
        rx.cond(
            ConversationListState.rows.length() > 0,
            rx.el.ul(rx.foreach(ConversationListState.rows, _conversation), class_name="conversations"),
            rx.el.p(
                rx.cond(
                    ConversationListState.search != "",
                    t("No results. Try another search or clear the filters."),
                    t("No conversations yet."),
                ),
                class_name="muted small",
            ),
        ),
        class_name="chat-list",
        aria_label=t("Conversations"),
    )


def _conversation(row: rx.Var[ConversationRow]) -> rx.Component:
    return rx.el.li(
        rx.cond(ConversationListState.renaming == row.id, _rename(row), _title(row)),
        rx.cond(
            ~READ_ONLY & (ConversationListState.renaming != row.id),
            rx.el.div(
                icon_button(
                    "pencil",
                    t("Rename “{title}”", title=row.title),
                    ConversationListState.begin_rename(row.id),
                    small=True,
                ),
                icon_button(
                    "trash-2", t("Delete “{title}”", title=row.title), ConversationListState.delete(row.id), small=True
                ),
                class_name="row-actions",
            ),
        ),
        key=row.id,
    )


def _title(row: rx.Var[ConversationRow]) -> rx.Component:
    return rx.link(
        rx.el.span(row.title, class_name="clip conversation-title"),
        rx.el.span(row.last_line, class_name="clip muted small"),
        time_ago(row.when, row.exact),
        href=f"/manage/{CurrentUser.slug}/test-chat?c={row.id}",
        class_name="conversation",
        underline="none",
        custom_attrs={"aria-current": rx.cond(TestChatState.current == row.id, "true", "false")},
    )


def _rename(row: rx.Var[ConversationRow]) -> rx.Component:
    return rx.el.form(
        rx.input(
            name="title", default_value=row.title, max_length=200, auto_focus=True, aria_label=t("Title"), width="100%"
        ),
        rx.flex(
            rx.button(t("Save"), type="submit", size="1"),
            rx.button(
                t("Cancel"),
                on_click=ConversationListState.begin_rename(""),
                type="button",
                size="1",
                variant="ghost",
                color_scheme="gray",
                high_contrast=True,
            ),
            spacing="4",
            align="center",
        ),
        on_submit=ConversationListState.rename,
        class_name="rename",
    )
