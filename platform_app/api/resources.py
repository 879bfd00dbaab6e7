"""Resources: every module that declares operations, and the routes to them."""

from platform_app.api.completions import chat, responses
from platform_app.api.mcp.server import PATH, McpApplication
from platform_app.api.rest import (
    agents,
    analytics,
    articles,
    automations,
    contacts,
    conversation_stream,
    conversations,
    directory,
    feed,
    knowledge,
    leads,
    scripts,
    tasks,
    web_sites,
)
from platform_app.api.rest.failures import failure
from platform_app.api.rest.openapi import openapi_document
from platform_app.api.rest.operations import BASE
from platform_app.api.rest.server import RestServer
from platform_app.api.routes import open_application

MODULES = (
    conversations,
    conversation_stream,
    contacts,
    leads,
    tasks,
    agents,
    knowledge,
    articles,
    web_sites,
    scripts,
    automations,
    feed,
    analytics,
    directory,
)
COMPATIBLE_MODULES = (chat, responses)
ROUTES = [
    openapi_document,
    open_application(f"{BASE}/{{path:path}}", RestServer()),
    open_application(f"{chat.BASE}/{{path:path}}", RestServer(failure)),
    open_application(PATH, McpApplication()),
    open_application(f"{PATH}/", McpApplication()),
]
