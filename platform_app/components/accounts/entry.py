"""Entry: the components of the pages before the sign-in."""

from typing import Any

import reflex as rx

from platform_app.components.console.parts import field
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.console.frame import FrameState

_SIGN_OUT = """(() => {
  fetch('/auth/sign-out', { method: 'POST', redirect: 'manual' }).then(() => window.location.reload());
})()"""


def entry_page(*content: rx.Component) -> rx.Component:
    """Return a page with one card in the middle and the language switch at its top."""
    return rx.el.main(
        rx.el.div(
            rx.flex(
                rx.el.span("A", class_name="logo", aria_hidden="true"),
                _language_switch(),
                justify="between",
                align="center",
                margin_bottom="20px",
            ),
            *content,
            class_name="card",
        ),
        class_name="auth",
    )


def _language_switch() -> rx.Component:
    return rx.flex(
        *(
            rx.button(
                name,
                on_click=FrameState.change_language(code),
                variant=rx.cond(CurrentUser.language == code, "soft", "ghost"),
                color_scheme="gray",
                high_contrast=True,
                size="1",
                type="button",
                custom_attrs={"aria-pressed": rx.cond(CurrentUser.language == code, "true", "false"), "lang": code},
            )
            for code, name in (("ru", "Русский"), ("en", "English"))
        ),
        spacing="3",
        align="center",
    )


def entry_submit(state: Any, words: rx.Var[str]) -> rx.Component:
    """Return the submit button, disabled until the page is connected: the browser would submit the form itself.

    `state` uses the mixin Entry, here and below.
    """
    return rx.button(words, type="submit", loading=state.busy, disabled=~rx.State.is_hydrated | state.busy, size="3")


def entry_input(
    state: Any, name: str, label: Any, help_text: Any = None, *, kind: str = "text", complete: str = "on", **props: Any
) -> rx.Component:
    """Return a labelled field; `entry_problem` shows the error of the whole form."""
    return field(
        label,
        rx.input(
            id=name,
            name=name,
            type=kind,
            required=True,
            auto_complete=complete,
            size="3",
            custom_attrs={
                "aria-invalid": rx.cond(state.problem_field == name, "true", "false"),
                "aria-describedby": "problem",
            },
            **props,
        ),
        name=name,
        help_text=help_text,
    )


def entry_problem(state: Any) -> rx.Component:
    """Return the place of the form's error."""
    return rx.el.div(
        rx.cond(
            state.problem != "",
            rx.callout(state.problem, icon="circle-alert", color_scheme="red", role="alert", size="1"),
        ),
        id="problem",
    )


def entry_link(question: Any, verb: Any, address: Any) -> rx.Component:
    """Return a question with a link to the page that answers it."""
    return rx.flex(
        rx.el.span(question, class_name="muted small"),
        rx.link(verb, href=address, size="2", underline="always"),
        spacing="2",
        margin_top="18px",
        align="center",
    )


def refusal(words: Any) -> rx.Component:
    """Return why a link cannot be used."""
    return rx.callout(words, icon="circle-alert", color_scheme="red", role="alert", size="1")


def other_person(words: Any) -> rx.Component:
    """Return that a link is for somebody else than who is signed in, and the button that signs them out."""
    return rx.el.div(
        rx.callout(words, icon="circle-alert", color_scheme="amber", high_contrast=True, role="alert", size="1"),
        rx.button(t("Sign out and continue"), on_click=rx.call_script(_SIGN_OUT), size="3"),
        class_name="form",
    )
