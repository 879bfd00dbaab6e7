"""Bundled libraries: keeps out of the pages what only components that are evaluated at run time need.

Reflex gives such components whole libraries through `window.__reflex`, so that every page loads all of the Radix theme.
The console has none of them; a page then loads the components that it shows.
"""

from typing import Any

from reflex.plugins import Plugin
from reflex_base.components.dynamic import reset_bundled_libraries


class NoDynamicComponents(Plugin):
    """A plugin of Reflex that bundles only the libraries of Reflex itself; it stands behind those that add some."""

    def pre_compile(self, **context: Any) -> None:
        """Drop the libraries that plugins have added for components that are evaluated at run time."""
        reset_bundled_libraries()
