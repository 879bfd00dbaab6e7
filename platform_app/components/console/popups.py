"""Popups: menus that open over the page leave the page to screen readers."""

import reflex as rx


class Popups(rx.Component):
    """Undoes that Radix hides the page from screen readers while a menu is open, and names the menu's region."""

    library = "$/public/popups.jsx"
    tag = "Popups"
