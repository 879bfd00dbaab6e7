"""Containers: compose, Dockerfile and Procfile name what exists, and keep to the rules of the house."""

import re
import tomllib
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from platform_app import cli
from platform_app.config import Settings

ROOT = Path(__file__).parents[2]
KNOWN = {f"PLATFORM_{name.upper()}" for name in Settings.model_fields} | {"OPENAI_API_KEY", "OPENAI_BASE_URL"}

ROLES = {"PLATFORM_OWNER_PASSWORD", "PLATFORM_APPLICATION_PASSWORD"}  # of scripts/postgres-roles.sql alone


class Healthcheck(BaseModel):
    """How Docker asks whether a service is well."""

    model_config = ConfigDict(extra="forbid")
    test: list[str] = Field(min_length=2)
    interval: str
    timeout: str
    retries: int = Field(ge=1)
    start_period: str = "0s"


class Service(BaseModel):
    """A service of the compose file; a key that compose does not know is refused."""

    model_config = ConfigDict(extra="forbid")
    image: str
    build: str | None = None
    init: bool = False
    command: list[str] = []
    environment: dict[str, str] = {}
    volumes: list[str] = []
    ports: list[str] = []
    profiles: list[str] = []
    restart: Literal["unless-stopped", "on-failure"]
    stop_grace_period: str = "10s"
    cap_drop: list[str] = []
    security_opt: list[str] = []
    depends_on: dict[str, dict[str, str]] = {}
    healthcheck: Healthcheck | None = None


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "compose.yaml").read_text()))


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Service]:
    return {name: Service.model_validate(given) for name, given in compose["services"].items()}


def test_the_services_are_complete(services: dict[str, Service]) -> None:
    assert set(services) == {"migrate", "balancer", "web", "hooks", "worker", "model", "redis", "chroma", "postgres"}
    assert all(service.healthcheck for name, service in services.items() if name != "migrate")


def test_what_is_referred_to_exists(compose: dict[str, Any], services: dict[str, Service]) -> None:
    for name, service in services.items():
        assert set(service.depends_on) <= set(services), name
        for other, asked in service.depends_on.items():
            wanted = "service_completed_successfully" if services[other].healthcheck is None else "service_healthy"
            assert asked == {"condition": wanted}
        held = {volume.split(":")[0] for volume in service.volumes} - set(compose["volumes"])
        assert all(path.startswith("./") and (ROOT / path).is_file() for path in held), name
        unknown = {key for key in service.environment if key.startswith(("PLATFORM_", "OPENAI_"))} - KNOWN - ROLES
        assert not unknown


def test_nothing_is_open_to_the_network_and_no_password_is_written_down(services: dict[str, Service]) -> None:
    assert [port for service in services.values() for port in service.ports] == [
        "127.0.0.1:8000:8000",
    ]
    assert services["postgres"].profiles == ["postgres"]
    assert "appendonly yes" in services["redis"].command[-1] and "requirepass" in services["redis"].command[-1]
    text = (ROOT / "compose.yaml").read_text()
    for secret in re.findall(r"(?:PASSWORD|AUTH|KEY): (\S+)", text):
        assert secret.startswith("${"), secret


SECRET = re.compile(r"PASSWORD|SECRET|KEY|AUTH|DATABASE_URL|REDIS_URL|TOKEN")


def test_each_service_sees_only_the_secrets_that_it_uses(services: dict[str, Service]) -> None:
    seen = {name: {key for key in one.environment if SECRET.search(key)} for name, one in services.items()}
    assert services["model"].environment == {} and services["model"].volumes == []
    assert not any(re.search("PASSWORD|KEY|DATABASE|REDIS", key) for key in seen["chroma"])
    assert [name for name in seen if "PLATFORM_MIGRATION_DATABASE_URL" in seen[name]] == ["migrate"]
    assert [name for name in seen if seen[name] & ROLES] == ["postgres"] and seen["postgres"] >= ROLES


def test_our_services_are_without_privileges(services: dict[str, Service]) -> None:
    for name in ("migrate", "web", "hooks", "worker", "model", "chroma"):
        assert services[name].cap_drop == ["ALL"] and "no-new-privileges:true" in services[name].security_opt


def test_the_image_copies_what_exists_and_runs_as_nobody_special() -> None:
    text = (ROOT / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
    last = text.rsplit("\nFROM ", 1)[1]
    assert "\nUSER platform\n" in last and "npm" not in last
    assert set(re.findall(r"\bPLATFORM_\w+", text)) <= KNOWN
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".env", ".git", ".venv", "data"} <= set(ignored)


def test_consoles_can_be_several_behind_the_balancer(services: dict[str, Service]) -> None:
    assert services["balancer"].volumes == ["./scripts/haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro"]
    assert all(not services[name].ports for name in ("web", "hooks", "worker"))
    backends = dict(re.findall(r"server-template \w+ \d+ (\w+):(\d+)", (ROOT / "scripts/haproxy.cfg").read_text()))
    defaults = {"web": Settings.model_fields["port"].default, "hooks": Settings.model_fields["hooks_port"].default}
    assert backends == {name: str(port) for name, port in defaults.items()}


@pytest.mark.parametrize("path", sorted((ROOT / "scripts/systemd").iterdir()), ids=lambda path: path.name)
def test_units_of_systemd_call_what_exists(path: Path) -> None:
    text = path.read_text()
    command = re.findall(r"^ExecStart=/opt/gpt-agents/\.venv/bin/gpt-agents (\w+)$", text, re.MULTILINE)
    assert len(command) == 1 and command[0] in {
        one.callback.__name__ for one in cli.app.registered_commands if one.callback
    }
    assert set(re.findall(r"\bPLATFORM_\w+", text)) <= KNOWN and "\nUser=platform\n" in text
    assert command == ["migrate"] or "\nTimeoutStopSec=35\n" in text  # a process ends within 30 seconds


def test_bun_has_one_version() -> None:
    named = {
        version
        for name in ("Dockerfile", "scripts/bootstrap.sh")
        for version in re.findall(r"(?:bun@|BUN=)(\d+\.\d+\.\d+)", (ROOT / name).read_text())
    }
    assert len(named) == 1


def test_the_procfile_calls_our_command() -> None:
    lines = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    assert set(lines) == {"release", "web", "worker", "hooks"}
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert all("gpt-agents" in line for line in lines.values()) and "gpt-agents" in scripts
