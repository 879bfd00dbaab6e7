"""Unsent text: what a person typed and did not send, kept in the browser over a reload and a lost session."""

from typing import Any

import reflex as rx

from platform_app.components.console.text import t


class UnsentNote(rx.Component):
    """Keeps unsent text in the browser, and shows a note when the text was put back into its field."""

    library = "$/public/unsent.jsx"
    tag = "UnsentNote"

    person: rx.Var[str]  # e-mail address of the person whose texts these are
    words: rx.Var[str]
    dismiss: rx.Var[str]


def unsent_note(person: Any) -> rx.Component:
    """Return the component that keeps the unsent text of one person; `person` is the e-mail address."""
    words = t("Your unsent text was restored.")
    return UnsentNote.create(person=person, words=words, dismiss=t("Close"))


class UnsentKept(rx.Component):
    """Tells on the sign-in page that unsent text is kept, if a lost session led there and there is such text."""

    library = "$/public/unsent.jsx"
    tag = "UnsentKept"

    words: rx.Var[str]
