"""Talk: the field that sends, the end that stays in sight, seconds counted down, and Markdown that cannot do harm."""

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
    kept: rx.Var[str]  # what could not be sent; put back when kept_key changes
    kept_key: rx.Var[int]
    focus_key: rx.Var[str]  # takes the focus again when it changes


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
