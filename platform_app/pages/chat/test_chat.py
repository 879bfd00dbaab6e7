"""Test chat: the conversation list, the open conversation and the trace panel."""

import reflex as rx

from platform_app.components.chat.chat_examples import example_questions
from platform_app.components.chat.composer import Composer, StickToEnd
from platform_app.components.chat.conversation_list import conversation_list
from platform_app.components.chat.message import delayed_reply, live_reply, message, quiet_button
from platform_app.components.chat.test_bar import test_bar
from platform_app.components.chat.trace_panel import side_panel
from platform_app.components.console.layout import frame
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, empty_state, link_button, skeleton_rows, undo_bar
from platform_app.components.console.text import t
from platform_app.state.chat.chat_panel import ChatPanelState
from platform_app.state.chat.conversation_list import ConversationListState
from platform_app.state.chat.test_chat import TestChatState
from platform_app.state.console.base import CurrentUser


def show() -> rx.Component:
    """Return the page on which operators talk to an agent as a contact would, and see why it replied so."""
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
                conversation_list(),
                _conversation(),
                side_panel(),
                class_name=rx.cond(
                    (TestChatState.current != "") | TestChatState.is_begun, "chat open", "chat"
                ),  # on a phone the list and the conversation take turns
            ),
            empty_state(
                t("No agents yet. Create one to start a test chat."),
                rx.cond(~READ_ONLY, link_button(t("Create agent"), "/agents/new")),
                icon="bot",
            ),
        ),
        undo_bar(ConversationListState.undo_sentence, ConversationListState.undo),
    )


def _conversation() -> rx.Component:
    is_empty = TestChatState.messages.length() == 0
    idle = (TestChatState.live_id == "") & (TestChatState.delayed_id == "")
    length = TestChatState.done_blocks.length().to_string() + " " + TestChatState.tail.length().to_string()
    return rx.el.section(
        test_bar(),
        rx.cond(
            TestChatState.guided_progress.length() > 0,
            rx.el.ul(
                rx.foreach(TestChatState.guided_progress, lambda line: rx.el.li(line)),
                class_name="plain-list guided-line",
                aria_label=t("Guided scripts"),
            ),
        ),
        rx.el.div(
            rx.cond(is_empty & idle, example_questions()),
            rx.cond(
                TestChatState.has_earlier,
                quiet_button(t("Show earlier messages"), TestChatState.show_earlier, align_self="center"),
            ),
            rx.foreach(TestChatState.messages, message),
            rx.cond(TestChatState.live_id != "", live_reply()),
            rx.cond(TestChatState.delayed_id != "", delayed_reply()),
            StickToEnd.create(
                mark=f"{TestChatState.messages.length()} {length}",
                force=f"{TestChatState.sent_count} {TestChatState.current}",
            ),
            class_name="talk",
            role="log",
            aria_label=t("Messages"),
            tab_index=0,
        ),
        rx.cond(TestChatState.state != "open", _agent_paused()),
        rx.cond(READ_ONLY, rx.el.p(t("You have view-only access."), class_name="muted chat-foot"), _composer()),
        class_name="chat-talk",
        aria_label=t("Conversation"),
    )


def _agent_paused() -> rx.Component:
    """Return the notice that the agent is paused here, with the button that resumes it."""
    return rx.flex(
        rx.cond(
            TestChatState.state == "closed",
            t("This conversation is closed."),
            t("A teammate is handling this conversation. The agent is paused."),
        ),
        rx.cond(~READ_ONLY, quiet_button(t("Return to agent"), TestChatState.hand_back)),
        spacing="3",
        align="center",
        class_name="silent",
        role="status",
    )


def _composer() -> rx.Component:
    busy = (TestChatState.live_id != "") | (TestChatState.delayed_id != "")
    return rx.el.form(
        Composer.create(
            label=t("Message"),
            hint=t("Write a message… Enter to send, Shift+Enter for a new line"),
            auto_focus=True,
            draft_key=f"{CurrentUser.slug}/{TestChatState.current}",
            sent_count=TestChatState.sent_count,
            failed_count=TestChatState.failed_count,
            last_sent=TestChatState.last_sent,
        ),
        rx.cond(
            busy,
            rx.button(
                rx.icon("square", size=14), t("Stop"), on_click=TestChatState.stop, type="button", color_scheme="gray"
            ),
            rx.button(rx.icon("arrow-up", size=16), t("Send"), type="submit"),
        ),
        on_submit=TestChatState.send,
        reset_on_submit=False,  # the text stays until the server has it
        class_name="compose",
    )


PAGES = [
    tenant_page(
        "/test-chat",
        "Test chat",
        show,
        TestChatState.load,
        ConversationListState.load,
        ChatPanelState.load,
        TestChatState.watch,
        ConversationListState.watch,
    )
]
