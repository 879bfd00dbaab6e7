"""Notification bell: the button with the number of unread notifications, and the list that it opens."""

from typing import Any

import reflex as rx

from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.console.notification_bell import NotificationBellState, NotificationRow


class NotificationSignals(rx.Component):
    """Counts unread notifications in the title of the tab, and shows new ones by the browser."""

    library = "$/public/notifications.jsx"
    tag = "NotificationSignals"

    unread: rx.Var[int]
    arrivals: rx.Var[list[Any]]


def notification_signals() -> rx.Component:
    """Return what tells of notifications outside the list: the title, the browser, and words for screen readers."""
    state = NotificationBellState
    return rx.fragment(
        NotificationSignals.create(unread=state.unread, arrivals=state.arrivals),
        rx.el.div(
            rx.cond(state.unread > 0, t("Unread notifications: {count}", count=state.unread), ""),
            role="status",
            class_name="visually-hidden",
        ),
    )


def notification_bell() -> rx.Component:
    """Return the button of the bell with the list of notifications behind it."""
    state = NotificationBellState
    return rx.popover.root(
        rx.popover.trigger(
            rx.el.button(
                rx.icon("bell", size=16, aria_hidden="true"),
                rx.cond(
                    state.unread > 0,
                    rx.el.span(
                        rx.cond(state.unread > 99, "99+", state.unread.to_string()),
                        class_name="notification-count",
                        aria_hidden="true",
                    ),
                ),
                class_name="plain-button notification-bell",
                aria_label=rx.cond(
                    state.unread > 0,
                    t("Notifications, unread: {count}", count=state.unread),
                    t("Notifications"),
                ),
                type="button",
            )
        ),
        rx.popover.content(
            _list(), class_name="notifications", aria_label=t("Notifications"), width="380px", max_width="94vw"
        ),
        on_open_change=state.set_open,
    )


def _list() -> rx.Component:
    state = NotificationBellState
    return rx.fragment(
        rx.el.div(
            rx.el.h2(t("Notifications")),
            rx.cond(
                state.unread > 0,
                rx.button(
                    t("Mark all as read"),
                    on_click=state.mark_all_read,
                    variant="ghost",
                    size="1",
                    type="button",
                ),
            ),
            class_name="notifications-head",
        ),
        rx.cond(
            state.rows.length() > 0,
            rx.el.ul(rx.foreach(state.rows, _row)),
            rx.cond(
                state.is_loaded,
                rx.el.p(t("No notifications yet. What needs you will show up here."), class_name="muted small"),
            ),
        ),
        rx.popover.close(
            rx.link(
                t("Notification settings"),
                href=f"/manage/{CurrentUser.slug}/settings/notifications",
                size="2",
                underline="always",
            )
        ),
    )


def _row(row: rx.Var[NotificationRow]) -> rx.Component:
    return rx.el.li(
        rx.popover.close(
            rx.link(
                rx.el.span(class_name=rx.cond(row.is_read, "dot read", "dot blue"), aria_hidden="true"),
                rx.el.span(
                    rx.cond(~row.is_read, rx.el.span(t("Unread"), class_name="visually-hidden")),
                    rx.el.span(row.words, class_name="notification-words"),
                    rx.el.time(row.when, title=row.exact, class_name="muted small"),
                ),
                href=row.href,
                on_click=NotificationBellState.mark_read(row.id),
                underline="none",
                color_scheme="gray",
                high_contrast=True,
                class_name=rx.cond(row.is_read, "notification", "notification unread"),
            )
        ),
        key=row.id,
    )
