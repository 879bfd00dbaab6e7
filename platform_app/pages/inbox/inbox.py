"""Inbox: the conversations of all channels, in which members read, answer and decide."""

import reflex as rx

from platform_app.components.chat.trace_panel import side_panel
from platform_app.components.console.layout import frame
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import empty_state, skeleton_rows
from platform_app.components.console.text import t
from platform_app.components.inbox.contact_panel import contact_panel
from platform_app.components.inbox.conversation import conversation
from platform_app.components.inbox.conversation_list import conversation_list
from platform_app.state.chat.chat_panel import ChatPanelState
from platform_app.state.inbox.contact_panel import ContactPanelState
from platform_app.state.inbox.conversation import InboxState
from platform_app.state.inbox.drafting import DraftingState
from platform_app.state.inbox.inbox_list import InboxListState
from platform_app.state.inbox.presence import PresenceState
from platform_app.state.inbox.rewriting import RewritingState
from platform_app.state.views.saved_views import SavedViewsState


def show() -> rx.Component:
    """Return the page on which operators read the conversations of all channels, answer and decide."""
    return frame(
        rx.fragment(
            rx.el.h1(t("Inbox"), class_name="visually-hidden"),
            rx.cond(InboxListState.loaded & InboxState.loaded, _inbox(), skeleton_rows(8)),
        ),
        section="Inbox",
    )


def _inbox() -> rx.Component:
    is_open = InboxState.current != ""
    return rx.el.div(
        conversation_list(),
        rx.cond(
            is_open,
            conversation(),
            rx.el.div(empty_state(t("Choose a conversation on the left.")), class_name="inbox-nothing"),
        ),
        rx.cond(is_open, contact_panel()),
        side_panel(),
        class_name=rx.cond(is_open, rx.cond(ContactPanelState.is_open, "inbox open panel", "inbox open"), "inbox"),
    )


PAGES = [
    tenant_page(
        "/inbox",
        "Inbox",
        show,
        InboxState.load,
        InboxListState.load,
        ContactPanelState.load,
        DraftingState.load,
        PresenceState.load,
        ChatPanelState.load,
        RewritingState.load,
        SavedViewsState.load,
        InboxState.watch,
        InboxListState.watch,
        ContactPanelState.watch,
        DraftingState.watch,
        PresenceState.watch,
    )
]
