"""Talk: the field that sends, the end that stays in sight, seconds counted down, and Markdown that cannot do harm."""

from typing import Any

import reflex as rx

from platform_app.components.console.text import t


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


class UnsentNote(rx.Component):
    """Keeps what a person types and does not send in the browser, and says when it was put back into its field."""

    library = "$/public/unsent.jsx"
    tag = "UnsentNote"

    person: rx.Var[str]  # whose texts they are
    words: rx.Var[str]
    dismiss: rx.Var[str]


def unsent_note(person: Any) -> rx.Component:
    """Keep the texts of a person, known by their e-mail address."""
    words = t("What you had typed and not sent is back in its field.")
    return UnsentNote.create(person=person, words=words, dismiss=t("Close"))


class UnsentKept(rx.Component):
    """Says on the sign-in page that unsent text is kept, when a lost session led there and there is some."""

    library = "$/public/unsent.jsx"
    tag = "UnsentKept"

    words: rx.Var[str]


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
