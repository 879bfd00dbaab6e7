"""Reflex configuration: what `rxconfig.py` gives to Reflex, in a clone as in an installed package."""

import reflex as rx
from reflex.constants import StateManagerMode
from reflex.plugins import RadixThemesPlugin, SitemapPlugin

from platform_app.config import settings
from platform_app.runtime.bundled_libraries import NoDynamicComponents
from platform_app.runtime.color_mode import HtmlColorMode
from platform_app.runtime.dev_proxy import DevProxy


def reflex_config() -> rx.Config:
    """Return the configuration of the console by the settings of this process."""
    own = settings()
    return rx.Config(
        app_name="platform_app",
        backend_host=own.host,
        trusted_proxy_hops=own.proxy_hops,
        telemetry_enabled=False,
        show_built_with_reflex=False,
        state_manager_mode=StateManagerMode.MEMORY,
        cors_allowed_origins=[own.public_url or f"http://localhost:{own.port}", "http://localhost:3000"],
        plugins=[
            RadixThemesPlugin(
                theme=rx.theme(
                    accent_color="iris", gray_color="slate", radius="medium", scaling="100%", has_background=True
                )
            ),
            DevProxy(),
            HtmlColorMode(),
            NoDynamicComponents(),
        ],
        disable_plugins=[SitemapPlugin],
    )
