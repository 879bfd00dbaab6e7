"""Triage: the snooze and the tags of the open conversation."""

import reflex as rx

from platform_app.components.chat.message import quiet_button
from platform_app.components.console.date_input import date_input
from platform_app.components.console.parts import READ_ONLY, RETURN_FOCUS, icon_button
from platform_app.components.console.picker import choice, picker
from platform_app.components.console.text import t
from platform_app.state.inbox.conversation import InboxState
from platform_app.state.inbox.snoozes import MOMENT, SNOOZES


def marks() -> rx.Component:
    """Return until when the conversation is snoozed, and its tags."""
    return rx.fragment(
        rx.cond(
            InboxState.snoozed != "",
            rx.el.span(
                t("Snoozed until {time}", time=InboxState.snoozed),
                " ",
                rx.cond(~READ_ONLY, quiet_button(t("Unsnooze"), InboxState.end_snooze)),
            ),
        ),
        rx.foreach(
            InboxState.tags, lambda tag: rx.badge(tag, color_scheme="gray", variant="surface", high_contrast=True)
        ),
    )


def snooze_list() -> rx.Component:
    """Return the list of moments until which the conversation is snoozed."""
    return picker(
        *(choice(name, t(words)) for name, words in SNOOZES.items()),
        choice(MOMENT, t("Choose date and time…")),
        label=t("Snooze"),
        shown=t("Snooze"),
        value="",
        on_pick=InboxState.snooze,
    )


def snooze_dialog() -> rx.Component:
    """Return the dialog in which a member chooses the moment, open while it is asked for."""
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(t("Snooze until"), size="4"),
            rx.dialog.description(t("The conversation returns then, or as soon as the contact writes."), size="2"),
            rx.el.form(
                date_input(name="until", label=t("Snooze until"), with_time=True, required=True),
                _buttons(t("Snooze")),
                on_submit=InboxState.snooze_until,
            ),
            on_close_auto_focus=RETURN_FOCUS,
            max_width="420px",
        ),
        open=InboxState.asks_moment,
        on_open_change=InboxState.ask_moment,
    )


def tag_dialog() -> rx.Component:
    """Return the button that opens the tags for editing."""
    return rx.dialog.root(
        rx.dialog.trigger(icon_button("tag", t("Tags"))),
        rx.dialog.content(
            rx.dialog.title(t("Tags of the conversation"), size="4"),
            rx.dialog.description(t("Separated by commas."), size="2"),
            rx.el.form(
                rx.el.input(
                    name="tags",
                    default_value=InboxState.tags.join(", "),
                    max_length=2_000,
                    aria_label=t("Tags"),
                    class_name="native wide",
                    key=InboxState.tags.join(","),
                ),
                rx.flex(
                    rx.dialog.close(
                        rx.button(t("Cancel"), variant="soft", color_scheme="gray", high_contrast=True, type="button")
                    ),
                    rx.dialog.close(rx.button(t("Save"), type="submit")),
                    spacing="3",
                    justify="end",
                    margin_top="16px",
                ),
                on_submit=InboxState.set_tags,
            ),
            max_width="420px",
        ),
    )


def _buttons(verb: rx.Var[str]) -> rx.Component:
    return rx.flex(
        rx.dialog.close(rx.button(t("Cancel"), variant="soft", color_scheme="gray", high_contrast=True, type="button")),
        rx.button(verb, type="submit"),
        spacing="3",
        justify="end",
        margin_top="16px",
    )
