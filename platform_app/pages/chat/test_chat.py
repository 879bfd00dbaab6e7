"""Test chat: the conversation list, the open conversation and the trace panel."""

from typing import Any

import reflex as rx

from platform_app.components.chat.chat_examples import example_questions
from platform_app.components.chat.composer import Composer, StickToEnd
from platform_app.components.chat.conversation_list import conversation_list
from platform_app.components.chat.message import delayed_reply, live_reply, message, quiet_button
from platform_app.components.chat.trace_panel import side_panel
from platform_app.components.console.layout import frame
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import (
    READ_ONLY,
    confirm,
    empty_state,
    icon_button,
    link_button,
    skeleton_rows,
    undo_bar,
)
from platform_app.components.console.text import t
from platform_app.state.chat.chat_panel import ChatPanelState
from platform_app.state.chat.conversation_list import ConversationListState
from platform_app.state.chat.test_chat import TestChatState
from platform_app.state.chat.test_context import NEW, NONE
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
                class_name=rx.cond(TestChatState.current != "", "chat open", "chat"),
            ),
            empty_state(
                t("No agents yet. Create one to start a test chat."),
                rx.cond(~READ_ONLY, link_button(t("Create agent"), "/agents/new")),
                icon="bot",
            ),
        ),
        side_panel(),
        undo_bar(ConversationListState.undo_sentence, ConversationListState.undo),
    )


def _conversation() -> rx.Component:
    is_empty = TestChatState.messages.length() == 0
    idle = (TestChatState.live_id == "") & (TestChatState.delayed_id == "")
    length = TestChatState.done_blocks.length().to_string() + " " + TestChatState.tail.length().to_string()
    return rx.el.section(
        _toolbar(),
        _live_notice(),
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


def _conversation_menu() -> rx.Component:
    """Return the menu that hands the conversation off or closes it."""
    return rx.menu.root(
        rx.menu.trigger(icon_button("ellipsis", t("Actions for the conversation"), small=True)),
        rx.menu.content(
            rx.menu.item(t("Hand off to a person"), on_select=TestChatState.hand_off),
            rx.menu.item(t("Close the conversation"), on_select=TestChatState.close),
        ),
    )


def _select(
    label: Any, value: Any, choices: Any, on_change: Any, *, nobody: Any = None, new: Any = None
) -> rx.Component:
    first = [] if nobody is None else [rx.select.item(nobody, value=NONE)]
    return rx.select.root(
        rx.select.trigger(aria_label=label, class_name="chat-choice"),
        rx.select.content(
            *first,
            *([] if new is None else [rx.select.item(new, value=NEW)]),
            rx.foreach(choices, lambda choice: rx.select.item(choice.name, value=choice.id)),
        ),
        value=value,
        on_change=on_change,
        disabled=READ_ONLY,
    )


def _toolbar() -> rx.Component:
    state = TestChatState
    return rx.flex(
        rx.icon_button(
            rx.icon("arrow-left", size=16),
            on_click=state.begin_new,
            variant="ghost",
            color_scheme="gray",
            aria_label=t("All conversations"),
            class_name="only-narrow",
        ),
        _select(t("Agent"), state.agent, state.agents, state.select_agent),
        _switch(t("Draft"), state.use_draft, state.set_use_draft),
        rx.cond(
            state.stages.length() > 0,
            _lead_select(),
        ),
        _select(
            t("Contact"),
            state.contact,
            state.contacts,
            state.select_contact,
            nobody=t("No contact"),
            new=t("Create a test contact"),
        ),
        rx.cond(
            state.stages.length() > 0,
            _select(t("Stage"), state.stage, state.stages, state.select_stage, nobody=t("Lead’s current stage")),
        ),
        _switch(t("Run rules"), state.is_live, state.set_is_live),
        rx.spacer(),
        rx.cond((state.messages.length() > 0) & ~READ_ONLY, rx.fragment(_clear(), _conversation_menu())),
        spacing="3",
        align="center",
        wrap="wrap",
        class_name="chat-bar",
    )


def _lead_select() -> rx.Component:
    state = TestChatState
    return _select(
        t("Lead"), state.lead, state.leads, state.select_lead, nobody=t("No lead"), new=t("Create a test lead")
    )


def _clear() -> rx.Component:
    return confirm(
        rx.button(t("Clear"), variant="ghost", color_scheme="gray", high_contrast=True, size="1"),
        title=t("Clear the conversation?"),
        sentence=t("All messages will be deleted. This can’t be undone."),
        verb=t("Clear"),
        on_confirm=TestChatState.clear,
    )


def _switch(label: Any, is_on: Any, on_change: Any) -> rx.Component:
    return rx.el.label(
        rx.switch(checked=is_on, on_change=on_change, size="1", disabled=READ_ONLY),
        label,
        class_name="status small",
    )


def _live_notice() -> rx.Component:
    """Return what the switch of the rules means for this conversation."""
    return rx.el.p(
        rx.cond(
            TestChatState.is_live,
            t("Test: rules and sequences run, and it counts in analytics. No contact is messaged."),
            t("Test: no rules or sequences run, it doesn’t count in analytics, and no contact is messaged."),
        ),
        class_name="muted small chat-note",
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
