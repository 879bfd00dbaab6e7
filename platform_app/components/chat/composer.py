"""Composer: the message field, a list that keeps its end in sight, a countdown, and Markdown that is safe to show."""

from typing import Any

import reflex as rx


class Composer(rx.Component):
    """A text field that sends its form with Enter."""

    library = "$/public/composer.jsx"
    tag = "Composer"

    label: rx.Var[str]
    hint: rx.Var[str]
    initial: rx.Var[str]
    disabled: rx.Var[bool]
    auto_focus: rx.Var[bool]
    draft_key: rx.Var[str]  # where the unsent text belongs; it takes the focus again when this changes
    sent_count: rx.Var[int]  # grows when the server has taken what was sent: the field is emptied then
    failed_count: rx.Var[int]  # grows when it has not
    last_said: rx.Var[str]  # the beginning of the last message that the server has


class StickToEnd(rx.Component):
    """Keeps the end of the talk in sight: looks again whenever the mark changes, goes there when `force` changes."""

    library = "$/public/composer.jsx"
    tag = "StickToEnd"

    mark: rx.Var[str]
    force: rx.Var[str]


class Countdown(rx.Component):
    """Counts seconds down in the browser; the pattern holds {count}."""

    library = "$/public/composer.jsx"
    tag = "Countdown"

    seconds: rx.Var[int]
    pattern: rx.Var[str]


def safe_markdown(text: Any) -> rx.Component:
    """Show Markdown of others: no raw HTML, no images from anywhere, links that tell nobody where one came from."""
    return rx.markdown(
        text,
        use_raw=False,
        use_math=False,
        use_katex=False,
        component_map={
            "img": lambda *children, **props: rx.el.span("🖼"),
            "a": lambda *children, **props: rx.el.a(
                *children,
                href=props.get("href", ""),
                target="_blank",
                rel="noopener noreferrer nofollow",
                class_name="text-link",
            ),
        },
    )
