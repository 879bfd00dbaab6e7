"""Health: the console's process lives, and says whether it can serve."""

import pytest

from platform_app import config
from tests.api_client import client
from tests.conftest import forget_process_state
from worker.health import Probe
from worker.runner import Runner

SILENT = {"status": "warn", "database": True, "redis": False, "disk": True}


async def test_alive_asks_nobody(env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_DATABASE_URL", "sqlite:////nowhere/at/all.db")
    forget_process_state()
    async with client() as browser:
        answer = await browser.get("/healthz")
        ready = await browser.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "pass"})
    assert (ready.status_code, ready.json()) == (503, SILENT | {"status": "fail", "database": False})


async def test_ready_with_a_database(database: str) -> None:
    async with client() as browser:
        for path in ("/readyz", "/health"):
            answer = await browser.get(path)
            assert (answer.status_code, answer.json()) == (200, SILENT)


async def test_an_empty_database_is_not_ready(env: pytest.MonkeyPatch) -> None:
    async with client() as browser:
        assert (await browser.get("/readyz")).status_code == 503


async def test_ready_with_redis_too(database: str, live_redis: str) -> None:
    async with client() as browser:
        answer = await browser.get("/readyz")
    assert answer.json() == {"status": "pass", "database": True, "redis": True, "disk": True}
    assert live_redis not in answer.text


async def test_a_full_disk_is_not_ready(database: str, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_DISK_RESERVE_MB", "1000000000")
    config.settings.cache_clear()
    async with client() as browser:
        answer = await browser.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, SILENT | {"status": "fail", "disk": False})
    shot = Probe(config.settings(), Runner({}, 30))._measure()
    assert (shot["status"], shot["disk"]["error"]) == ("degraded", "The disk is full.")
