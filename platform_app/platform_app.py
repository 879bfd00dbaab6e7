"""Platform app: the Reflex application with its pages, routes and guards."""

import reflex as rx
from reflex_components_core.base.error_boundary import ErrorBoundary

from platform_app import logs
from platform_app.api.app import api
from platform_app.api.security import SecurityMiddleware, ServerAddressMiddleware, is_development
from platform_app.api.traffic import TrafficMiddleware, console_beats
from platform_app.api.websocket_limits import WebSocketLimitMiddleware
from platform_app.components.console.connection import connection_notice, failed_page, toaster
from platform_app.components.console.popups import DocumentTitle
from platform_app.hub import hub
from platform_app.pages.registry import every_page
from platform_app.runtime import database_roles, gc_tuning
from platform_app.services.chat import reply_streams
from platform_app.state.console import frame, socket_sessions
from platform_app.state.console.authorization import AuthorizationMiddleware
from platform_app.state.console.error_messages import report_error
from platform_app.state.console.open_tabs import open_tabs
from platform_app.tracing.exporting import sending_traces


def _preloaded(subset: str) -> rx.Component:
    """Return the link that has the browser load a subset of the typeface before the first paint."""
    attributes = {"as": "font", "type": "font/woff2", "crossOrigin": "anonymous"}
    return rx.el.link(rel="preload", href=f"/fonts/inter-{subset}-wght-normal.woff2", custom_attrs=attributes)


logs.configure()
app = rx.App(
    html_lang="en",
    stylesheets=["/theme.css", "/styles.css"],
    head_components=[_preloaded(name) for name in ("latin", "cyrillic")],
    toaster=toaster(),
    backend_exception_handler=report_error,
    api_transformer=[api, TrafficMiddleware, ServerAddressMiddleware, WebSocketLimitMiddleware, SecurityMiddleware],
)
if app.sio is not None:
    # None: the same origin. SecurityMiddleware checks it too, and alone in development, where pages have another port.
    app.sio.eio.cors_allowed_origins = [] if is_development() else None
app.add_middleware(AuthorizationMiddleware())
_notice = rx.memo(connection_notice)
app.app_wraps[5, "Overlay"] = lambda _: rx.fragment(_notice(), DocumentTitle.create())
app.app_wraps[55, "ErrorBoundary"] = lambda _: ErrorBoundary.create(fallback_render=failed_page())
socket_sessions.install(app)


def _is_connected(tab: str) -> bool:
    spaces = app.event_namespace
    return spaces is None or tab in spaces._token_manager.token_to_socket


hub.is_connected = _is_connected
for page in every_page():
    app.add_page(page.show, route=page.route, title=page.title, on_load=page.on_load)
frame.load_events = app.get_load_events
app.register_lifespan_task(sending_traces, process="console")  # first, so that it ends after the others
app.register_lifespan_task(open_tabs.run)
app.register_lifespan_task(database_roles.warn)
app.register_lifespan_task(gc_tuning.settle)
app.register_lifespan_task(reply_streams.handing_over)
app.register_lifespan_task(console_beats)
