"""Popups: menus that leave the page to screen readers, tables as cards on a narrow screen, and the title of the tab."""

import reflex as rx


class Popups(rx.Component):
    """Undoes that Radix hides the page from screen readers while a menu is open, and names the menu's region."""

    library = "$/public/popups.jsx"
    tag = "Popups"


class DocumentTitle(rx.Component):
    """Names the tab of the browser after the page's heading, its place in the navigation and the company."""

    library = "$/public/titles.jsx"
    tag = "DocumentTitle"


class TableLabels(rx.Component):
    """Gives each cell of a table the words of its column's head, for tables that are shown as cards."""

    library = "$/public/tables.jsx"
    tag = "TableLabels"
