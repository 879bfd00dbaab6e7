"""Settings list: the places of the settings, beside each of their pages."""

import reflex as rx

from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.console.command_palette import DESTINATIONS

_BASE = "/settings"
_FIRST, _LAST = "", "/bin"
_BELOW = {path.removeprefix(_BASE): name for name, path in DESTINATIONS if path.startswith(_BASE)}
PLACES: list[tuple[str, str]] = [  # label and path below /settings: every page of the settings that the palette knows
    ("Profile and company", _FIRST),
    *((name, path) for path, name in _BELOW.items() if path not in (_FIRST, _LAST)),
    (_BELOW[_LAST], _LAST),
]


def settings_list() -> rx.Component:
    """Return the links to every page of the settings, the open one marked."""
    return rx.el.nav(*(_place(label, path) for label, path in PLACES), aria_label=t("Settings"), class_name="side-list")


def _place(label: str, path: str) -> rx.Component:
    address = f"/manage/{CurrentUser.slug}/settings{path}"
    shown = rx.State.router.url.path.rstrip("/")
    is_open = shown.startswith(address) if path else shown == address
    return rx.link(
        t(label),
        href=address,
        class_name="nav-link",
        underline="none",
        color_scheme="gray",
        high_contrast=True,
        custom_attrs={"aria-current": rx.cond(rx.State.is_hydrated & is_open, "page", "false")},
    )
