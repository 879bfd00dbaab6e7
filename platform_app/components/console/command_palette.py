"""Command palette: the dialog that Ctrl or ⌘ with K opens on every page."""

import reflex as rx

from platform_app.components.console.parts import RETURN_FOCUS
from platform_app.components.console.text import t
from platform_app.state.console.command_palette import Entry, PaletteState


class GlobalKeys(rx.Component):
    """Listens for keys anywhere on the page."""

    library = "$/public/keys.jsx"
    tag = "GlobalKeys"

    on_palette: rx.EventHandler[rx.event.no_args_event_spec]


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
                rx.dialog.description(t("Type a page or an agent."), class_name="visually-hidden"),
                rx.el.form(
                    rx.input(
                        name="wanted",
                        placeholder=t("Type a page or an agent."),
                        aria_label=t("Type a page or an agent."),
                        on_change=PaletteState.search.debounce(120),
                        on_key_down=PaletteState.press,
                        auto_focus=True,
                        size="3",
                    ),
                    on_submit=PaletteState.open_selected,
                ),
                rx.el.ul(rx.foreach(PaletteState.entries, _entry), class_name="palette-list"),
                rx.cond(PaletteState.entries.length() == 0, rx.el.p(t("Nothing matches."), class_name="muted small")),
                on_close_auto_focus=RETURN_FOCUS,
                max_width="520px",
            ),
            open=PaletteState.is_open,
            on_open_change=PaletteState.set_open,
        ),
    )


def _entry(entry: rx.Var[Entry], index: rx.Var[int]) -> rx.Component:
    return rx.el.li(
        rx.link(
            rx.el.span(entry.words, class_name="clip"),
            rx.el.span(entry.kind, class_name="muted small"),
            href=entry.address,
            on_click=PaletteState.set_open(False),
            class_name=rx.cond(PaletteState.selected == index, "palette-entry chosen", "palette-entry"),
            underline="none",
            color_scheme="gray",
            high_contrast=True,
        )
    )
