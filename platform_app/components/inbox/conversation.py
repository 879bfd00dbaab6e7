"""Conversation: the open conversation of the inbox with the buttons that act on it."""

import reflex as rx

from platform_app.components.chat.composer import StickToEnd
from platform_app.components.chat.message import quiet_button
from platform_app.components.console.page_visibility import PageVisibility
from platform_app.components.console.parts import READ_ONLY, icon_button, status
from platform_app.components.console.text import t
from platform_app.components.inbox.composer import composer
from platform_app.components.inbox.message import message
from platform_app.components.inbox.triage import marks, snooze_dialog, snooze_list, tag_dialog
from platform_app.components.rules.condition_values import option
from platform_app.state.inbox.contact_panel import ContactPanelState
from platform_app.state.inbox.conversation import NOBODY, InboxState
from platform_app.state.inbox.inbox_list import InboxListState
from platform_app.state.inbox.presence import PresenceState


def conversation() -> rx.Component:
    """Return the open conversation."""
    return rx.el.section(
        _head(),
        rx.el.div(
            rx.cond(
                InboxState.has_earlier,
                quiet_button(t("Show earlier messages"), InboxState.show_earlier, align_self="center"),
            ),
            rx.foreach(InboxState.messages, message),
            StickToEnd.create(
                mark=InboxState.messages.length().to_string(),
                force=f"{InboxState.sent_count} {InboxState.current}",
            ),
            class_name="talk",
            role="log",
            aria_label=t("Messages"),
            tab_index=0,
        ),
        rx.cond(InboxState.in_charge != "", rx.el.p(InboxState.in_charge, class_name="silent", role="status")),
        composer(),
        PageVisibility.create(subject=InboxState.current, on_change=InboxState.set_visible),
        class_name="chat-talk",
        aria_label=t("Conversation"),
    )


def _head() -> rx.Component:
    return rx.el.header(
        rx.link(
            rx.icon("arrow-left", size=16, aria_hidden="true"),
            href=InboxListState.list_href,
            class_name="only-narrow",
            aria_label=t("All conversations"),
        ),
        rx.el.div(
            rx.el.h2(InboxState.title, class_name="clip"),
            rx.el.p(
                status(InboxState.colour, InboxState.state_label),
                rx.el.span(InboxState.agent, " · ", InboxState.channel),
                rx.cond(
                    InboxState.is_test, rx.badge(t("Test"), color_scheme="gray", variant="surface", high_contrast=True)
                ),
                marks(),
                class_name="muted small",
            ),
            rx.el.p(
                rx.foreach(PresenceState.words, lambda sentence: rx.el.span(sentence)),
                class_name="presence small",
                role="status",
            ),
            class_name="grow",
        ),
        rx.flex(
            rx.cond(~READ_ONLY, _triage()),
            rx.el.span(
                icon_button("panel-right", t("Show or hide the contact"), ContactPanelState.toggle),
                class_name="only-medium",
            ),
            spacing="3",
            align="center",
            wrap="wrap",
        ),
        class_name="chat-bar",
    )


def _triage() -> rx.Component:
    is_closed = InboxState.state == "closed"
    return rx.fragment(
        rx.el.select(
            rx.el.option(t("Unassigned"), value=NOBODY),
            rx.foreach(InboxState.members, option),
            value=InboxState.assignee,
            on_change=InboxState.assign,
            aria_label=t("Assigned to"),
            id="inbox-assignee",
            class_name="native",
        ),
        rx.cond(InboxState.can_take_over, rx.button(t("Take over"), on_click=InboxState.take_over, size="1")),
        rx.cond(InboxState.state == "handed_off", _hand_back()),
        rx.button(
            rx.cond(is_closed, t("Reopen"), t("Close")),
            on_click=InboxState.close,
            size="1",
            variant="soft",
            color_scheme="gray",
            high_contrast=True,
            id="inbox-close",
        ),
        rx.cond(~is_closed, snooze_list()),
        tag_dialog(),
        snooze_dialog(),
    )


def _hand_back() -> rx.Component:
    """Return the button that hands the conversation back, with a note for the agent."""
    return rx.dialog.root(
        rx.dialog.trigger(rx.button(t("Hand back"), size="1")),
        rx.dialog.content(
            rx.dialog.title(t("Hand back to the agent"), size="4"),
            rx.dialog.description(
                t("The agent will reply again. It reads your messages and this note. The contact never sees the note."),
                size="2",
            ),
            rx.el.form(
                rx.el.textarea(
                    name="note", max_length=2_000, rows=3, aria_label=t("Note for the agent"), class_name="native wide"
                ),
                rx.flex(
                    rx.dialog.close(
                        rx.button(t("Cancel"), variant="soft", color_scheme="gray", high_contrast=True, type="button")
                    ),
                    rx.dialog.close(rx.button(t("Hand back"), type="submit")),
                    spacing="3",
                    justify="end",
                    margin_top="16px",
                ),
                on_submit=InboxState.hand_back,
            ),
            max_width="460px",
        ),
    )
