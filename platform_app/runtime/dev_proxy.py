"""Dev proxy: while developers have the pages on a port of their own, our routes are reached there too."""

from dataclasses import dataclass
from typing import Any

from reflex.plugins import Plugin

from platform_app.config import settings

_SERVER = "  server: {\n"
_ROUTES = ("/api", "/auth", "/hooks", "/unsubscribe", "/web-chat")


@dataclass
class DevProxy(Plugin):
    """Lets the developers' server of the pages pass our routes on to the console's own process."""

    def pre_compile(self, **context: Any) -> None:
        """Change the configuration of that server before it starts."""
        context["add_modify_task"]("vite.config.js", _with_proxy)


def _with_proxy(config: str) -> str:
    if "proxy:" in config:
        return config
    if _SERVER not in config:
        raise RuntimeError("The configuration of Vite has no server to proxy from: Reflex's template has changed.")
    passed = "".join(f'      "{route}": "http://127.0.0.1:{settings().port}",\n' for route in _ROUTES)
    return config.replace(_SERVER, f"{_SERVER}    proxy: {{\n{passed}    }},\n", 1)
