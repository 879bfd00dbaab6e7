"""Registry: every page, found by its file; a page file lists its pages in PAGES."""

import pkgutil
from importlib import import_module

from platform_app import pages
from platform_app.components.page import Page


def every_page() -> list[Page]:
    """Return the pages of all files beside this one."""
    found: list[Page] = []
    for module in pkgutil.iter_modules(pages.__path__):
        if module.name != "registry":
            found.extend(import_module(f"{pages.__name__}.{module.name}").PAGES)
    return found
