"""Command line: what it prints and how it exits."""

import contextvars
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from platform_app import config, migrations
from platform_app.cli import app
from platform_app.db import session_scope
from platform_app.errors import Forbidden
from platform_app.models.person import Role
from platform_app.services.accounts import accounts, members
from tests.conftest import forget_process_state, free_port
from tests.second_factor import set_up

ROOT = Path(__file__).parents[2]


def cli(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run gpt-agents without a terminal, in a folder of no meaning."""
    command = [sys.executable, "-m", "platform_app.cli", *words]
    given = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"} | environment
    return subprocess.run(
        command, cwd="/", env=given, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )


def run_here(*words: str, **environment: str) -> Result:
    """Run a command in this process, as nobody: the start of one takes seconds of processor time."""
    forget_process_state()
    try:
        return contextvars.Context().run(CliRunner().invoke, app, words, env=environment)
    finally:
        forget_process_state()


@pytest.mark.parametrize("words", [(), ("--help",), ("up", "--help"), ("demo", "--help")])
def test_help_is_offered(env: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    shown = cli(*words)
    assert "Usage:" in shown.stdout + shown.stderr
    assert "Traceback" not in shown.stderr and "\x1b" not in shown.stdout


def test_version(env: pytest.MonkeyPatch) -> None:
    assert cli("--version").stdout.strip() == "0.2.0"


def test_a_wrong_setting_is_named_without_its_value(env: pytest.MonkeyPatch) -> None:
    ended = cli("doctor", PLATFORM_PORT="canary")
    assert ended.returncode == 2
    assert "PLATFORM_PORT" in ended.stderr and "canary" not in ended.stderr and "Traceback" not in ended.stderr


def test_a_wrong_command_is_refused(env: pytest.MonkeyPatch) -> None:
    assert cli("fly").returncode == 2


def test_migrate(env: pytest.MonkeyPatch) -> None:
    assert run_here("migrate", "--check").exit_code == 1
    assert cli("migrate").stdout.strip() == f"revision {migrations.head()}"
    assert run_here("migrate", "--check").exit_code == 0


def test_a_tenant_and_a_person_are_added(database: str) -> None:
    made = cli("tenant", "add", "--email", "ann@acme.test", "--name", "Acme Bikes", "--language", "ru")
    assert made.stdout.startswith("Tenant acme-bikes is there"), made.stderr
    password = made.stdout.rsplit(" ", 1)[1].strip()
    forget_process_state()
    assert accounts.authenticate("ann@acme.test", password, "test").language == "ru"

    given = {"PLATFORM_NEW_PASSWORD": "correct horse staple"}
    words = ("user", "add", "--tenant", "acme-bikes", "--email", "bob@acme.test", "--role", "viewer")
    added = run_here(*words, **given)
    assert added.stdout.strip() == "bob@acme.test is viewer of acme-bikes."
    assert accounts.authenticate("bob@acme.test", given["PLATFORM_NEW_PASSWORD"], "test").name == "bob@acme.test"
    again = run_here(*words, **given)
    assert (again.exit_code, again.stderr.strip()) == (1, "bob@acme.test is a member already.")
    unknown = run_here("user", "add", "--tenant", "none", "--email", "x@y.test")
    assert unknown.stderr.strip() == "Company none not found."
    assert run_here(*words[:-1], "king").exit_code == 2

    with session_scope(reason="tests", read_only=True) as session:
        who = members.get_owner(session, "acme-bikes")
        assert (who.email, who.role, who.tenant_name) == ("ann@acme.test", Role.OWNER, "Acme Bikes")
    set_up(who)
    disabled = run_here("user", "disable-two-factor", "Ann@acme.test")
    assert disabled.stdout.endswith("Two-factor of ann@acme.test is off.\n"), disabled.stderr
    again = run_here("user", "disable-two-factor", "ann@acme.test")
    assert (again.exit_code, again.stderr.strip()) == (1, "ann@acme.test doesn’t use two-factor.")


def test_an_existing_person_keeps_their_password(who: object) -> None:
    password = "correct horse staple"
    with session_scope(reason="tests") as session:
        members.add(session, "acme", email="eve@x.test", name="Eve", password=password, role=Role.ADMIN)
        accounts.register(
            session,
            email="owner2@x.test",
            name="Own",
            password=password,
            tenant_name="Second",
            language="en",
            time_zone="UTC",
        )
    with session_scope(reason="tests") as session:
        members.add(session, "second", email="Eve@x.test", name="", password="ignored entirely", role=Role.VIEWER)
    assert accounts.authenticate("eve@x.test", password, "test").name == "Eve"
    with pytest.raises(Forbidden):
        accounts.authenticate("eve@x.test", "ignored entirely", "test")


def findings(**environment: str) -> tuple[int, dict[str, dict[str, object]]]:
    ended = run_here("doctor", "--json", **environment)
    return ended.exit_code, {found["name"]: found for found in json.loads(ended.stdout)}


def test_the_doctor_finds_a_healthy_platform(env: pytest.MonkeyPatch, redis_url: str, chroma_url: str) -> None:
    migrations.upgrade(config.settings().database)
    code, found = findings(
        PLATFORM_REDIS_URL=redis_url,
        PLATFORM_CHROMA_URL=chroma_url,
        PLATFORM_PORT=str(free_port()),
        PLATFORM_WORKER_PORT=str(free_port()),
    )
    assert code == 0, found
    assert {name for name, one in found.items() if one["ok"]} == set(found)
    assert {"database", "redis", "chroma", "model", "console", "webhooks", "ports"} <= set(found)


def test_the_doctor_says_what_to_do(env: pytest.MonkeyPatch, redis_url: str) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    code, found = findings(
        PLATFORM_REDIS_URL=f"redis://:canary-wrong@{redis_url.rpartition('@')[2]}",
        PLATFORM_CHROMA_URL=f"http://{nobody}",
        PLATFORM_DATABASE_URL=f"postgresql://me:canary-pass@{nobody}/none",
        OPENAI_API_KEY="canary-key-123",
        OPENAI_BASE_URL=f"http://{nobody}/v1",
        PLATFORM_HOOKS_URL=f"http://{nobody}",
    )
    assert code == 1
    wrong = {name: str(one["advice"]) for name, one in found.items() if not one["ok"]}
    assert "PLATFORM_REDIS_URL" in wrong["redis"] and "password" in wrong["redis"]
    assert "PLATFORM_CHROMA_URL" in wrong["chroma"]
    assert "PLATFORM_DATABASE_URL" in wrong["database"]
    assert "OPENAI_BASE_URL" in wrong["model"]
    assert "PLATFORM_HOOKS_URL" in wrong["webhooks"]
    assert "canary" not in json.dumps(found)


def test_the_doctor_prints_lines_for_people(env: pytest.MonkeyPatch) -> None:
    shown = cli("doctor")
    assert shown.returncode == 1 and "failed" in shown.stdout  # nobody listens at this Redis
    assert any(line.startswith("ok") and "python" in line for line in shown.stdout.splitlines())
    assert "\x1b" not in shown.stdout


def test_a_database_behind_the_code_is_found(env: pytest.MonkeyPatch) -> None:
    migrations.upgrade(config.settings().database)
    migrations.downgrade(config.settings().database, "base")
    _, found = findings()
    assert found["database"]["advice"] == "Run gpt-agents migrate."
