"""Hooks app: the application of the hooks process, which serves what other systems post to, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from platform_app import logs
from platform_app.api import hook_routes
from platform_app.api.health import health, healthz, readyz
from platform_app.api.security import SecurityMiddleware
from platform_app.api.traffic import TrafficMiddleware, hooks_beats
from platform_app.runtime import database_roles, gc_tuning, parent_watch
from platform_app.tracing.exporting import sending_traces


@asynccontextmanager
async def _running(application: Starlette) -> AsyncIterator[None]:
    database_roles.warn()
    gc_tuning.settle()
    watch = asyncio.create_task(parent_watch.end_with_parent())
    async with sending_traces("hooks"), hooks_beats():
        yield
    watch.cancel()


logs.configure()
api = Starlette(routes=[*hook_routes.ROUTES, healthz, health, readyz], lifespan=_running)
app = SecurityMiddleware(TrafficMiddleware(api))
