"""Sheets: a sheet below a button, and a panel beside the page; neither keeps people from the page."""

import reflex as rx


class Disclosure(rx.Component):
    """A button that opens a sheet with the children; it shows what is chosen in there."""

    library = "$/public/sheets.jsx"
    tag = "Disclosure"

    label: rx.Var[str]
    shown: rx.Var[str]
    hides_label: rx.Var[bool]


class SidePanel(rx.Component):
    """A panel beside the page, with a title and a button that closes it; Escape closes it, too."""

    library = "$/public/sheets.jsx"
    tag = "SidePanel"

    label: rx.Var[str]
    close: rx.Var[str]
    mark: rx.Var[str]  # identifies what is shown: when it changes, the panel takes the focus

    on_close: rx.EventHandler[rx.event.no_args_event_spec]
