"""Command palette: the dialog that Ctrl or ⌘ with K opens on every page."""

import reflex as rx

from platform_app.components.console.parts import RETURN_FOCUS, no_results
from platform_app.components.console.text import t
from platform_app.state.console.command_palette import Entry, PaletteState


class GlobalKeys(rx.Component):
    """Listens for keys anywhere on the page."""

    library = "$/public/keys.jsx"
    tag = "GlobalKeys"

    on_palette: rx.EventHandler[rx.event.no_args_event_spec]


class FocusKeeper(rx.Component):
    """Gives the focus of a deleted row to the next one, and takes the last deletion back at Ctrl or ⌘ with Z."""

    library = "$/public/keys.jsx"
    tag = "FocusKeeper"


class StoredTheme(rx.Component):
    """Applies the user's stored theme in a new browser."""

    library = "$/public/keys.jsx"
    tag = "StoredTheme"

    theme: rx.Var[str]


def palette() -> rx.Component:
    """Return the command palette."""
    return rx.fragment(
        GlobalKeys.create(on_palette=PaletteState.open_palette),
        rx.dialog.root(
            rx.dialog.content(
                rx.dialog.title(t("Go to"), class_name="visually-hidden"),
                rx.dialog.description(t("Search pages, contacts, leads, rules…"), class_name="visually-hidden"),
                rx.el.form(
                    _search_field(),
                    on_submit=PaletteState.open_selected,
                ),
                rx.el.div(
                    rx.foreach(PaletteState.entries, _entry),
                    id="palette-list",
                    class_name="palette-list",
                    role="listbox",
                    aria_label=t("Go to"),
                ),
                rx.cond(
                    PaletteState.entries.length() == 0,
                    no_results(),
                ),
                on_close_auto_focus=RETURN_FOCUS,
                max_width="520px",
            ),
            open=PaletteState.is_open,
            on_open_change=PaletteState.set_open,
        ),
    )


def _search_field() -> rx.Component:
    return rx.input(
        name="wanted",
        placeholder=t("Search pages, contacts, leads, rules…"),
        aria_label=t("Search pages, contacts, leads, rules…"),
        on_change=PaletteState.search.debounce(120),
        on_key_down=PaletteState.press,
        auto_focus=True,
        role="combobox",
        custom_attrs={
            "aria-expanded": "true",
            "aria-controls": "palette-list",
            "aria-autocomplete": "list",
            "aria-activedescendant": rx.cond(PaletteState.entries.length() > 0, f"palette-{PaletteState.selected}", ""),
        },
    )


def _entry(entry: rx.Var[Entry], index: rx.Var[int]) -> rx.Component:
    is_selected = PaletteState.selected == index
    shown = {
        "custom_attrs": {"id": f"palette-{index}"},  # an id of its own would be a hook, which knows no row
        "role": "option",
        "class_name": rx.cond(is_selected, "palette-entry chosen", "palette-entry"),
        "tab_index": -1,
        "aria_selected": rx.cond(is_selected, "true", "false"),
    }
    words = rx.el.span(entry.words, class_name="clip"), rx.el.span(entry.kind, class_name="muted small")
    return rx.cond(
        entry.command != "",
        rx.el.div(*words, on_click=PaletteState.run_command(entry.command), **shown),
        rx.el.a(*words, href=entry.address, on_click=PaletteState.set_open(False), **shown),
    )
