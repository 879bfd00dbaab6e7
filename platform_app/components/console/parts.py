"""Parts: small components shared by all pages."""

from collections.abc import Callable
from typing import Any

import reflex as rx

from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser

READ_ONLY = CurrentUser.role == "viewer"
IS_ADMIN = (CurrentUser.role == "admin") | (CurrentUser.role == "owner")
RETURN_FOCUS = rx.call_script("window.returnFocus()")  # when a dialog without a trigger closes


def field(
    label: Any, control: rx.Component, *, name: str, help_text: Any = None, problem: rx.Var[str] | None = None
) -> rx.Component:
    """Return a control with its label above, help below, and the problem, if any, last.

    `control` must have `id=name`; `problem` is a translated sentence.
    """
    return rx.el.div(
        rx.el.label(label, html_for=name),
        control,
        rx.el.span(help_text, class_name="help", id=f"{name}-help") if help_text is not None else rx.fragment(),
        rx.cond(
            problem != "",
            rx.el.span(
                rx.icon("circle-alert", size=16, aria_hidden="true"), problem, class_name="problem", role="alert"
            ),
        )
        if problem is not None
        else rx.fragment(),
        class_name="field",
    )


def status(colour: Any, word: Any) -> rx.Component:
    """Return a state as a coloured dot with its word."""
    return rx.el.span(rx.el.span(class_name=f"dot {colour}", aria_hidden="true"), rx.el.span(word), class_name="status")


def empty_state(sentence: Any, *actions: rx.Component, icon: str = "inbox") -> rx.Component:
    """Return the message that there is nothing yet, with actions."""
    return rx.el.div(
        rx.icon(icon, size=28, color=rx.color("gray", 9), aria_hidden="true"),
        rx.el.p(sentence),
        rx.flex(*actions, spacing="2", wrap="wrap", justify="center"),
        class_name="empty",
    )


def link_button(words: Any, path: str, *icon: rx.Component, **look: Any) -> rx.Component:
    """Return a link that looks like a button; `path` is below the tenant's."""
    return rx.link(rx.button(*icon, words, tab_index=-1, **look), href=f"/manage/{CurrentUser.slug}{path}")


def form_card(title: Any, *parts: rx.Component) -> rx.Component:
    """Return a card with a heading and fields below one another."""
    return rx.el.section(rx.el.h2(title), rx.el.div(*parts, class_name="form"), class_name="card section")


def no_results() -> rx.Component:
    """Return the line that a search in a dialog has nothing to show."""
    return rx.el.p(t("No results. Try another search."), class_name="muted small")


def skeleton_rows(count: int = 6) -> rx.Component:
    """Return placeholder rows for a list that is loading."""
    return rx.el.div(
        *[rx.skeleton(height="44px", width="100%", margin_bottom="6px") for _ in range(count)],
        aria_busy="true",
        aria_label=t("Loading"),
        role="status",
        class_name="late",
    )


def time_ago(relative: Any, exact: Any) -> rx.Component:
    """Return a relative time, with the exact time on hover."""
    return rx.el.time(relative, title=exact, class_name="muted small", white_space="nowrap")


def undo_bar(sentence: rx.Var[str], on_undo: Any) -> rx.Component:
    """Return the offer to undo the last deletion while the sentence is not empty."""
    return rx.cond(
        sentence != "",
        rx.el.div(
            rx.el.span(sentence),
            rx.el.button(t("Undo"), on_click=on_undo, type="button"),
            class_name="undo-bar",
            role="status",
        ),
    )


def confirm(
    trigger: rx.Component, *, title: Any, sentence: Any, verb: Any, on_confirm: Any, is_harmful: bool = True
) -> rx.Component:
    """Return a confirmation dialog, with the focus on Cancel, for something irreversible or, if not harmful, costly."""
    return rx.alert_dialog.root(
        rx.alert_dialog.trigger(trigger),
        rx.alert_dialog.content(
            rx.alert_dialog.title(title, size="4"),
            rx.alert_dialog.description(sentence, size="2"),
            confirm_buttons(verb, on_confirm, is_harmful=is_harmful),
            max_width="440px",
        ),
    )


def confirm_buttons(verb: Any, on_confirm: Any, *, is_harmful: bool = True) -> rx.Component:
    """Return the buttons of a confirmation dialog: Cancel, and what is done, in red if it destroys something."""
    look = {"color_scheme": "red", "high_contrast": True} if is_harmful else {}
    return rx.flex(
        rx.alert_dialog.cancel(rx.button(t("Cancel"), variant="soft", color_scheme="gray")),
        rx.alert_dialog.action(rx.button(verb, on_click=on_confirm, **look)),
        spacing="3",
        justify="end",
        margin_top="16px",
    )


def notice(*words: Any, actions: tuple[rx.Component, ...] = ()) -> rx.Component:
    """Return a notice about a problem of a page, with actions."""
    return rx.callout.root(
        rx.callout.icon(rx.icon("circle-alert")),
        rx.callout.text(*words),
        rx.flex(*actions, spacing="2") if actions else rx.fragment(),
        color_scheme="amber",
        high_contrast=True,
        role="alert",
        margin_bottom="16px",
    )


def pager(page: Any, pages: Any, total_words: Any, on_page: Any) -> rx.Component:
    """Return the position in a list with links to other pages. `on_page` receives the page number, from 1."""
    return rx.flex(
        rx.el.span(total_words, class_name="muted small"),
        rx.cond(
            pages > 1,
            rx.flex(
                _turn("chevron-left", t("Previous page"), page <= 1, on_page(page - 1)),
                rx.el.span(f"{page} / {pages}", class_name="small figure-small"),
                _turn("chevron-right", t("Next page"), page >= pages, on_page(page + 1)),
                spacing="2",
                align="center",
            ),
        ),
        justify="between",
        align="center",
        padding_top="12px",
    )


def _turn(icon: str, label: Any, disabled: Any, event: Any) -> rx.Component:
    return rx.icon_button(
        rx.icon(icon, size=16),
        variant="soft",
        color_scheme="gray",
        size="2",
        aria_label=label,
        disabled=disabled,
        on_click=event,
    )


def download_link(words: Any, address: Any) -> rx.Component:
    """Return a link to a file of the API, which the browser fetches without the pages' router."""
    return rx.el.a(words, href=address, class_name="text-link", custom_attrs={"reloadDocument": True, "download": True})


def icon_button(
    icon: str, label: Any, on_click: Any = None, *, small: bool = False, disabled: Any = None
) -> rx.Component:
    """Show a quiet button that is only an icon; `label` says what it does.

    Where `disabled` holds nothing happens, but the focus stays: a row may just have been moved to the end with it.
    """
    given = {} if on_click is None else {"on_click": on_click}
    if disabled is not None:
        given["on_click"] = rx.cond(disabled, rx.noop(), on_click)
        given["custom_attrs"] = {"aria-disabled": rx.cond(disabled, "true", "false")}
    return rx.icon_button(
        rx.icon(icon, size=14 if small else 16),
        variant="ghost",
        color_scheme="gray",
        size="1" if small else "2",
        margin="2px" if small else "0",
        aria_label=label,
        type="button",
        **given,
    )


def move_buttons(
    labels: tuple[Any, Any], on_move: Callable[[bool], Any], *, first: Any, last: Any, small: bool = False
) -> rx.Component:
    """Show the two buttons that move a row up and down; `on_move` takes whether it goes up.

    `labels` say "move up" and "move down" of this row; the first row cannot go up, nor the last one down.
    """
    up, down = labels
    return rx.fragment(
        icon_button("arrow-up", up, on_move(True), small=small, disabled=first),
        icon_button("arrow-down", down, on_move(False), small=small, disabled=last),
    )


def row_link(words: Any, href: Any, **style: Any) -> rx.Component:
    """Return the name of a row as a link to it; in a table it covers the row, which may be dragged by it."""
    style.setdefault("custom_attrs", {"draggable": "false"})
    return rx.link(words, href=href, color_scheme="gray", high_contrast=True, underline="hover", **style)


def avatar(name: rx.Var[str], kind: Any) -> rx.Component:
    """Return the first letter of a name in a circle; `kind` is "agent", "member" or "contact"."""
    return rx.el.span(name[0:1].upper(), class_name=f"avatar {kind}", aria_hidden="true")


def warning_line(words: Any) -> rx.Component:
    """Return the line with something to consider that prevents nothing, while there is something."""
    return rx.cond(
        words != "",
        rx.el.p(rx.icon("clock-alert", size=16, aria_hidden="true"), words, class_name="warning small", role="note"),
    )


def problem_line(words: Any) -> rx.Component:
    """Return the line with a problem, while there is one."""
    return rx.cond(
        words != "",
        rx.el.span(rx.icon("circle-alert", size=16, aria_hidden="true"), words, class_name="problem", role="alert"),
    )
