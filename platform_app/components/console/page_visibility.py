"""Page visibility: reports whether the page is shown or its tab is hidden."""

import reflex as rx


def _changed(is_visible: rx.Var[bool]) -> tuple[rx.Var[bool]]:
    return (is_visible,)


class PageVisibility(rx.Component):
    """Reports to `on_change` whether the page is shown: at first, on each change, and when `subject` changes."""

    library = "$/public/page_visibility.jsx"
    tag = "PageVisibility"

    subject: rx.Var[str]

    on_change: rx.EventHandler[_changed]
