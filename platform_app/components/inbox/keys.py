"""Keys: the keyboard shortcuts of the inbox and the dialog that lists them."""

import reflex as rx

from platform_app.components.console.text import t


class InboxKeys(rx.Component):
    """Listens for the shortcuts while nobody types."""

    library = "$/public/inbox_keys.jsx"
    tag = "InboxKeys"


class KeySwitch(rx.Component):
    """A check box that switches the shortcuts on and off in this browser."""

    library = "$/public/inbox_keys.jsx"
    tag = "KeySwitch"

    label: rx.Var[str]


def keys() -> rx.Component:
    """Return the button that opens the list of shortcuts; it is where they are listened for."""
    lines = (
        ("j", t("Next conversation")),
        ("k", t("Previous conversation")),
        ("r", t("Write a reply")),
        ("n", t("Add a note")),
        ("a", t("Assign")),
        ("e", t("Close or reopen the conversation")),
        ("?", t("Show keyboard shortcuts")),
    )
    return rx.dialog.root(
        InboxKeys.create(),
        rx.dialog.trigger(
            rx.icon_button(
                rx.icon("keyboard", size=16),
                variant="ghost",
                color_scheme="gray",
                size="2",
                aria_label=t("Keyboard shortcuts"),
                type="button",
                id="inbox-keys",
            )
        ),
        rx.dialog.content(
            rx.dialog.title(t("Keyboard shortcuts"), size="4"),
            rx.dialog.description(t("They work when you aren’t typing."), size="2"),
            rx.el.dl(
                *(rx.el.div(rx.el.dt(rx.el.kbd(key)), rx.el.dd(words)) for key, words in lines), class_name="keys"
            ),
            KeySwitch.create(label=t("Use shortcuts in this browser")),
            rx.dialog.close(
                rx.button(t("Close"), variant="soft", color_scheme="gray", high_contrast=True, margin_top="16px")
            ),
            max_width="420px",
        ),
    )


def _key(key: str, words: rx.Var[str]) -> rx.Component:
    return rx.el.div(rx.el.dt(rx.el.kbd(key)), rx.el.dd(words))
