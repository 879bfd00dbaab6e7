"""Serving the API: the routes on a real socket, in the event loop of a test, for clients that others have written."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from platform_app.api.app import api
from platform_app.api.security import SecurityMiddleware
from tests.conftest import free_port


@asynccontextmanager
async def serving_api() -> AsyncIterator[str]:
    """Serve the routes; yield their address."""
    port = free_port()
    config = uvicorn.Config(
        SecurityMiddleware(api), host="127.0.0.1", port=port, log_level="error", lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task
