"""Colour mode: light or dark is only a class of the html element, so that no page flashes in the other one.

Reflex sets it before the first paint. Its own provider repeats it on the root of the Radix theme, and is wrong until
the browser reports the system's preference: a dark page flashes white. It is replaced by a provider without effect; the
root then inherits the colours of the html element.
"""

from dataclasses import dataclass
from typing import Any

from reflex.plugins import Plugin

_PROVIDER = "components/reflex/radix_themes_color_mode_provider.js"
_EMPTY = "export default function RadixThemesColorModeProvider({ children }) {\n  return children;\n}\n"


@dataclass
class HtmlColorMode(Plugin):
    """A plugin of Reflex that leaves the colour mode to the class of the html element."""

    def pre_compile(self, **context: Any) -> None:
        """Replace the colour mode provider of the template by one that does nothing."""
        context["add_modify_task"](_PROVIDER, _without_effect)


def _without_effect(provider: str) -> str:
    if "radixRoot.classList" not in provider and provider != _EMPTY:
        raise RuntimeError("The provider of the colour mode is another one: Reflex's template has changed.")
    return _EMPTY
