"""Health: the console's process lives, and says whether it can serve."""

import pytest

from tests.api_client import client
from tests.conftest import forget_process_state

SILENT = {"status": "warn", "database": True, "redis": False}


async def test_alive_asks_nobody(env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_DATABASE_URL", "sqlite:////nowhere/at/all.db")
    forget_process_state()
    async with client() as browser:
        answer = await browser.get("/healthz")
        ready = await browser.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "pass"})
    assert (ready.status_code, ready.json()) == (503, {"status": "fail", "database": False, "redis": False})


async def test_ready_with_a_database(database: str) -> None:
    async with client() as browser:
        answer = await browser.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, SILENT)


async def test_an_empty_database_is_not_ready(env: pytest.MonkeyPatch) -> None:
    async with client() as browser:
        assert (await browser.get("/readyz")).status_code == 503


async def test_ready_with_redis_too(database: str, live_redis: str) -> None:
    async with client() as browser:
        answer = await browser.get("/readyz")
    assert answer.json() == {"status": "pass", "database": True, "redis": True}
    assert live_redis not in answer.text
