"""Registry: every page, found by its file; a page file lists its pages in PAGES."""

import pkgutil
from importlib import import_module

from platform_app import pages
from platform_app.components.console.page import Page


def every_page() -> list[Page]:
    """Return the pages of all files in the folders beside this one."""
    listed: list[Page] = []
    for module in pkgutil.walk_packages(pages.__path__, f"{pages.__name__}."):
        if not module.ispkg and module.name != __name__:
            listed.extend(import_module(module.name).PAGES)
    return listed
