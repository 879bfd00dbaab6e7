"""Reflex: the settings of the console."""

import reflex as rx
from reflex.plugins import RadixThemesPlugin, SitemapPlugin

from platform_app.config import settings
from platform_app.runtime.color_mode import HtmlColorMode
from platform_app.runtime.dev_proxy import DevProxy

_own = settings()

config = rx.Config(
    app_name="platform_app",
    backend_host=_own.host,
    trusted_proxy_hops=_own.proxy_hops,
    telemetry_enabled=False,
    show_built_with_reflex=False,
    state_manager_mode="memory",
    cors_allowed_origins=[_own.public_url or f"http://localhost:{_own.port}", "http://localhost:3000"],
    plugins=[
        RadixThemesPlugin(
            theme=rx.theme(accent_color="iris", gray_color="slate", radius="medium", scaling="95%", has_background=True)
        ),
        DevProxy(),
        HtmlColorMode(),
    ],
    disable_plugins=[SitemapPlugin],
)
