"""Conversation list: the list at the left of the inbox with its views and filters."""

import reflex as rx

from platform_app.components.console.listing import search_box, tag_filter
from platform_app.components.console.parts import status, time_ago
from platform_app.components.console.text import t
from platform_app.components.inbox.keys import keys
from platform_app.components.rules.condition_values import option
from platform_app.components.views.saved_views import saved_views
from platform_app.state.inbox.conversation import InboxState
from platform_app.state.inbox.inbox_list import ALL, InboxListState, ViewLink
from platform_app.state.inbox.inbox_view import InboxRow


def conversation_list() -> rx.Component:
    """Return the views, the filters and the conversations."""
    return rx.el.section(
        rx.el.div(
            search_box(t("Search contacts and messages"), InboxListState.search, InboxListState.set_search),
            keys(),
            class_name="inbox-search",
        ),
        rx.el.nav(rx.foreach(InboxListState.views, _view), class_name="inbox-views", aria_label=t("Views")),
        rx.el.div(_filters(), saved_views(small=True), class_name="inbox-filter-row"),
        rx.cond(
            InboxListState.rows.length() > 0,
            rx.el.ul(rx.foreach(InboxListState.rows, _conversation), class_name="conversations"),
            rx.el.p(
                rx.cond(
                    InboxListState.is_narrowed | (InboxListState.search != ""),
                    t("No results. Try another search or clear the filters."),
                    t("No conversations here."),
                ),
                " ",
                rx.cond(
                    InboxListState.channel == ALL,
                    rx.link(t("Show test chats"), href=InboxListState.tests_href, size="1", underline="always"),
                ),
                class_name="muted small",
            ),
        ),
        _pages(),
        class_name="inbox-list",
        aria_label=t("Conversations"),
    )


def _pages() -> rx.Component:
    """Return the links to the newest and the older conversations, if there are other pages."""
    return rx.cond(
        (InboxListState.newer_href != "") | (InboxListState.older_href != ""),
        rx.flex(
            rx.cond(InboxListState.newer_href != "", _turn("chevron-left", t("Newest"), InboxListState.newer_href)),
            rx.cond(InboxListState.older_href != "", _turn("chevron-right", t("Older"), InboxListState.older_href)),
            spacing="4",
            justify="between",
            class_name="inbox-pages",
        ),
    )


def _view(view: rx.Var[ViewLink]) -> rx.Component:
    is_shown = (InboxListState.view == view.name) & (InboxListState.search == "")
    return rx.link(
        view.label,
        rx.cond(view.count != "", rx.el.span(view.count, class_name="muted small figure-small")),
        href=view.href,
        class_name="inbox-view",
        underline="none",
        color_scheme="gray",
        high_contrast=True,
        custom_attrs={"aria-current": rx.cond(is_shown, "true", "false")},
        key=view.name,
    )


def _filters() -> rx.Component:
    """Return the filters, folded while none is set."""
    return rx.el.details(
        rx.el.summary(rx.icon("list-filter", size=14, aria_hidden="true"), t("Filters"), class_name="small"),
        rx.el.div(
            rx.el.select(
                rx.el.option(t("All agents"), value=ALL),
                rx.foreach(InboxListState.agents, option),
                value=InboxListState.agent,
                on_change=InboxListState.set_agent,
                aria_label=t("Agent"),
                class_name="native",
            ),
            rx.el.select(
                rx.el.option(t("All channels"), value=ALL),
                rx.foreach(InboxListState.channels, option),
                value=InboxListState.channel,
                on_change=InboxListState.set_channel,
                aria_label=t("Channel"),
                class_name="native",
            ),
            tag_filter(InboxListState.tag, InboxListState.set_tag),
            class_name="inbox-filters",
        ),
        open=InboxListState.is_narrowed,
    )


def _conversation(row: rx.Var[InboxRow]) -> rx.Component:
    return rx.el.li(
        rx.link(
            rx.el.span(
                rx.el.span(row.contact, class_name="clip conversation-title"),
                time_ago(row.when, row.exact),
                class_name="inbox-line",
            ),
            rx.el.span(row.last_line, class_name="clip small last-line"),
            rx.el.span(
                rx.cond(row.is_unread, rx.el.span(t("Unread"), class_name="visually-hidden")),
                rx.cond(
                    row.awaits_approval,
                    status("purple", t("Awaiting approval")),
                    status(row.colour, row.state_label),
                ),
                rx.cond(row.is_test, rx.badge(t("Test"), color_scheme="gray", variant="surface", high_contrast=True)),
                rx.cond(row.assignee != "", rx.el.span(row.assignee, class_name="clip muted")),
                class_name="inbox-line small marks",
            ),
            href=row.href,
            class_name=rx.cond(row.is_unread, "conversation unread", "conversation"),
            underline="none",
            custom_attrs={"aria-current": rx.cond(InboxState.current == row.id, "true", "false")},
        ),
        key=row.id,
    )


def _turn(icon: str, words: rx.Var[str], href: rx.Var[str]) -> rx.Component:
    return rx.link(
        rx.icon(icon, size=14, aria_hidden="true"),
        words,
        href=href,
        size="1",
        underline="none",
        color_scheme="gray",
        high_contrast=True,
        class_name="inbox-turn",
    )
