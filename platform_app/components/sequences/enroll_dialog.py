"""Enroll dialog: the dialog that enrolls leads and contacts by hand."""

from typing import Any

import reflex as rx

from platform_app.components.console.parts import status
from platform_app.components.console.text import t
from platform_app.state.console.option_lists import Option
from platform_app.state.sequences.enroll_dialog import EnrollPreviewLine


def enrolling(state: Any) -> rx.Component:
    """Return the dialog for a state with the EnrollDialog mixin."""
    return rx.el.section(
        rx.el.h2(t("Enroll")),
        rx.el.div(_search(state), _preview(state), class_name="grid cols-2-1"),
        class_name="card section",
        aria_label=t("Enroll"),
    )


def _search(state: Any) -> rx.Component:
    search = rx.debounce_input(
        rx.input(
            value=state.search,
            on_change=state.set_search,
            placeholder=t("Search leads and contacts"),
            aria_label=t("Search leads and contacts"),
            max_length=200,
        ),
        debounce_timeout=250,
    )
    candidates = rx.foreach(state.found, lambda candidate: _candidate(state, candidate))
    return rx.el.div(
        search,
        rx.el.div(candidates, class_name="choices scroll-box", role="group", aria_label=t("Search leads and contacts")),
        rx.box(rx.button(t("Take all of these"), on_click=state.add_all_found, size="1", variant="soft")),
        class_name="stack-small",
    )


def _candidate(state: Any, candidate: rx.Var[Option]) -> rx.Component:
    box = rx.el.input(
        type="checkbox",
        checked=state.subject_ids.contains(candidate.id),
        on_change=lambda wanted: state.toggle_subject(candidate.id, wanted),
    )
    return rx.el.label(box, candidate.name, class_name="check")


def _preview(state: Any) -> rx.Component:
    return rx.el.div(
        rx.el.h3(t("What would happen")),
        rx.cond(
            state.preview.length() > 0,
            rx.el.ul(rx.foreach(state.preview, _entry), class_name="plain-list", id="preview"),
            rx.el.p(t("Choose leads or contacts first."), class_name="muted small"),
        ),
        rx.box(rx.button(t("Enroll"), on_click=state.enroll, disabled=state.subject_ids.length() == 0)),
        class_name="stack-small",
        aria_live="polite",
    )


def _entry(entry: rx.Var[EnrollPreviewLine]) -> rx.Component:
    return rx.el.li(status(entry.colour, entry.words), " ", rx.el.strong(entry.count))
