"""The OpenAPI document: requests that schemathesis makes from it find nothing that it does not describe."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from limits import parse

from platform_app.api.app import api
from platform_app.api.rest import access
from platform_app.api.rest.openapi import PATH, document
from platform_app.api.rest.operations import OPERATIONS
from platform_app.api.security import SecurityMiddleware
from platform_app.models.person import Identity
from tests.api.keys import a_key, an_account
from tests.conftest import FULL, free_port, wait_for
from tests.talking import a_stage, published

EXAMPLES = 30 if FULL else 2  # of each operation and phase
PHASES = "examples,coverage,fuzzing,stateful" if FULL else "fuzzing"


@pytest.fixture
def address(database: str) -> Iterator[str]:
    """The address of the routes, served in a thread."""
    port = free_port()
    config = uvicorn.Config(
        SecurityMiddleware(api), host="127.0.0.1", port=port, log_level="error", lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


def test_the_document_is_valid_and_names_every_operation(address: str) -> None:
    answer = httpx.get(f"{address}{PATH}")
    assert answer.json() == document() and answer.json()["openapi"] == "3.1.0"
    described = [(method.upper(), path) for path, methods in document()["paths"].items() for method in methods]
    assert sorted(described) == sorted((one.method, one.path) for one in OPERATIONS)
    ids = [one["operationId"] for methods in document()["paths"].values() for one in methods.values()]
    assert len(set(ids)) == len(ids)
    known = document()["components"]["schemas"]
    for name in references(document()):
        assert name.rsplit("/", 1)[1] in known or "/responses/" in name or "/headers/" in name, name


def references(value: object) -> Iterator[str]:
    """Yield every reference of a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_what_is_made_from_the_document_is_answered_as_it_says(
    who: Identity, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "KEY_REQUESTS", parse("1000000/minute"))
    a_stage(who)
    an_account(who, published(who, name="Vera"))
    command = [sys.executable, "-m", "schemathesis.cli", "run", address + PATH, "--checks", "all", "--no-color"]
    command += ["--header", f"Authorization: Bearer {a_key(who)}", "--phases", PHASES, "--max-examples", str(EXAMPLES)]
    command += ["--exclude-path-regex", "^/v1/|/events$|/hand-back$|/reopen$|/take-over$|/resume$|/pause$"]
    command += [] if FULL else ["--generation-deterministic"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"COLUMNS": "150"})
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
