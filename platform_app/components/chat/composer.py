"""Composer: the message field, a list that keeps its end in sight, a countdown, and Markdown that is safe to show."""

from typing import Any

import reflex as rx

from platform_app.components.console.text import t
from platform_app.state.chat.chat_view import SourceChip


class Composer(rx.Component):
    """A text field that submits its form with Enter."""

    library = "$/public/composer.jsx"
    tag = "Composer"

    label: rx.Var[str]
    hint: rx.Var[str]
    initial: rx.Var[str]
    disabled: rx.Var[bool]
    auto_focus: rx.Var[bool]
    draft_key: rx.Var[str]  # identifies the unsent text in the browser; a change focuses the field
    sent_count: rx.Var[int]  # incremented when the server has stored a message: the field is cleared
    failed_count: rx.Var[int]  # incremented when the server has refused one
    last_sent: rx.Var[str]  # the beginning of the last stored message
    insert_text: rx.Var[str]  # text that is put into the field
    insert_count: rx.Var[int]  # incremented for each text that is put into the field
    rewrite_key: rx.Var[str]  # the draft key whose text is rewritten
    is_rewriting: rx.Var[bool]
    live_text: rx.Var[str]  # the rewritten text as it grows
    replace_text: rx.Var[str]  # text that takes the place of what is in the field
    replace_count: rx.Var[int]  # incremented for each text that takes it

    on_typing: rx.EventHandler[rx.event.no_args_event_spec]  # every few seconds while somebody types


class StickToEnd(rx.Component):
    """Keeps the end of a list visible: scrolls if it was there when `mark` changes, always when `force` changes."""

    library = "$/public/composer.jsx"
    tag = "StickToEnd"

    mark: rx.Var[str]
    force: rx.Var[str]


class Countdown(rx.Component):
    """Counts seconds down in the browser; `pattern` contains {count}."""

    library = "$/public/composer.jsx"
    tag = "Countdown"

    seconds: rx.Var[int]
    pattern: rx.Var[str]


class Prose(rx.Component):
    """Untrusted text without raw HTML and images; links open a new tab without referrer."""

    library = "$/public/prose.jsx"
    tag = "Prose"
    lib_dependencies: list[str] = ["react-markdown@10.1.0", "remark-gfm@4.0.1", "lucide-react@1.26.0"]

    text: rx.Var[str]
    is_plain: rx.Var[bool]  # shown as it is, not as Markdown
    sources: rx.Var[list[SourceChip]]  # their numbers in brackets are links to their chips
    source: rx.Var[str]
    copy_label: rx.Var[str]
    copied_label: rx.Var[str]


def prose(text: Any, *, is_plain: Any = False, sources: Any = None) -> rx.Component:
    """Return the text of a message, in which the numbers of its sources are links to them."""
    return Prose.create(
        text=text,
        is_plain=is_plain,
        sources=[] if sources is None else sources,
        source=t("Source"),
        copy_label=t("Copy the code"),
        copied_label=t("Copied"),
    )
