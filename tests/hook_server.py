"""Hook server: the routes alone behind their guard, to be run by a real server."""

from platform_app.api.app import api
from platform_app.api.security import SecurityMiddleware, ServerAddressMiddleware

app = SecurityMiddleware(ServerAddressMiddleware(api))
