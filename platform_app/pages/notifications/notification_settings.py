"""Notification settings: the page on which each member chooses how to be told of what."""

from typing import Any

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import notice, skeleton_rows
from platform_app.components.console.text import t
from platform_app.models.notification import EmailDelivery
from platform_app.state.notifications.notification_settings import NotificationSettingsState, PreferenceRow

EMAIL_LABELS = {
    EmailDelivery.NEVER: "No email",
    EmailDelivery.AT_ONCE: "Email right away",
    EmailDelivery.DAILY: "In a daily email",
}


class BrowserPermission(rx.Component):
    """Says whether this browser shows notifications, and asks for the permission when it is pressed."""

    library = "$/public/notifications.jsx"
    tag = "BrowserPermission"

    ask: rx.Var[str]
    granted: rx.Var[str]
    denied: rx.Var[str]
    missing: rx.Var[str]


def show() -> rx.Component:
    """Return the page on which each member chooses how to be told of each kind, in the console, browser and e-mail."""
    state = NotificationSettingsState
    return frame(
        rx.fragment(
            page_head(
                t("Notifications"),
                t("How you’re notified. Each member chooses for themselves."),
            ),
            rx.cond(
                rx.State.is_hydrated & state.loaded,
                rx.el.div(rx.cond(~state.has_mail, _no_mail()), _kinds(), _browser(), class_name="form"),
                skeleton_rows(),
            ),
        ),
        section="Settings",
    )


def _no_mail() -> rx.Component:
    return notice(
        t(
            "No email is sent because the platform has no mail server. Ask its administrator to set "
            "PLATFORM_SMTP_URL and PLATFORM_MAIL_FROM."
        )
    )


def _kinds() -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("What you’re notified about")),
        rx.el.p(
            t("The daily email arrives at 9:00 in the company’s time zone and lists what’s unread."),
            class_name="muted small",
        ),
        rx.el.div(rx.foreach(NotificationSettingsState.rows, _kind), class_name="preferences"),
        class_name="card section",
    )


def _kind(row: rx.Var[PreferenceRow]) -> rx.Component:
    state = NotificationSettingsState
    return rx.el.div(
        rx.el.span(row.label, id=f"kind-{row.kind}"),
        _check(row.in_console, t("In the console"), lambda wanted: state.set_in_console(row.kind, wanted)),
        _check(row.in_browser, t("In the browser"), lambda wanted: state.set_in_browser(row.kind, wanted)),
        rx.el.select(
            *(rx.el.option(t(words), value=value.value) for value, words in EMAIL_LABELS.items()),
            value=row.email,
            on_change=lambda email: state.set_email(row.kind, email),
            disabled=~state.has_mail,
            aria_label=t("By email"),
            class_name="native",
        ),
        role="group",
        aria_labelledby=f"kind-{row.kind}",
        key=row.kind,
    )


def _check(checked: Any, words: Any, on_change: Any) -> rx.Component:
    return rx.el.label(rx.checkbox(checked=checked, on_change=on_change, aria_label=words), words, class_name="check")


def _browser() -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("Browser notifications")),
        rx.el.p(t("Shown while the console is open in a background tab."), class_name="muted small"),
        BrowserPermission.create(
            ask=t("Allow in this browser"),
            granted=t("Allowed in this browser."),
            denied=t("This browser blocks notifications. Allow them for this site in the browser’s settings."),
            missing=t("This browser doesn’t support notifications."),
        ),
        class_name="card section",
    )


PAGES = [tenant_page("/settings/notifications", "Notifications", show, NotificationSettingsState.load)]
