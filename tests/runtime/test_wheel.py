"""Wheel: it holds every file of the program, and works without the repository, whatever directory it is started in."""

import json
import os
import site
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import platform_app
from platform_app.runtime import frontend_build
from tests.conftest import FULL, free_port, wait_for

ROOT = Path(__file__).parents[2]
FOLDERS = {"platform_app": "platform_app", "worker": "worker"} | {
    name: f"platform_app/frontend/{name}" for name in ("assets", "reflex.lock")
}


def pip(*words: str) -> None:
    """Run pip without asking an index."""
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
    subprocess.run([sys.executable, "-m", "pip", *words, *quiet], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    pip("wheel", ".", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder))
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return gpt-agents in an environment with the packages of this one, but without the clone."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "present.pth").write_text("\n".join(site.getsitepackages()))
    pip("--python", str(folder / "bin" / "python"), "install", "--no-deps", "--no-index", "--no-compile", str(wheel))
    for name in ("chroma", "granian"):  # commands of packages, with the Python of this environment
        _, rest = (Path(sys.executable).parent / name).read_text().split("\n", 1)
        script = folder / "bin" / name
        script.write_text(f"#!{folder / 'bin' / 'python'}\n{rest}")
        script.chmod(0o755)
    return folder / "bin" / "gpt-agents"


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Return an environment that names nothing of the clone."""
    ours = ("PLATFORM_", "OPENAI_", "PYTHON", "REFLEX_", "XDG_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return clean | {"HOME": str(home), "NO_COLOR": "1"} | settings


def test_every_file_is_in_it(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *FOLDERS]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    ours = {name for name in listed.split("\0") if name and (ROOT / name).exists()}
    moved = {FOLDERS[name.split("/")[0]] + name[len(name.split("/")[0]) :] for name in ours}
    assert len(ours) > 500 and not moved - held
    assert {name for name in held - moved if ".dist-info/" not in name} == set()
    assert not any(name.startswith(("tests/", "docs/")) for name in held)


def test_its_version_and_command_are_ours(wheel: Path) -> None:
    assert wheel.name == f"gpt_agents-{platform_app.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as held:
        (name,) = (name for name in held.namelist() if name.endswith("entry_points.txt"))
        assert "gpt-agents = platform_app.cli:app" in held.read(name).decode()
    assert "version" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"]


def test_it_works_in_any_directory(command: Path, tmp_path: Path) -> None:
    home, start = tmp_path / "home", tmp_path / "start"
    for folder in (home, start):
        folder.mkdir()
    (start / ".env").write_text("PLATFORM_PORT=54321\n")
    for name in ("worker", "platform_app"):  # not what is meant
        (start / name).mkdir()
        (start / name / "__init__.py").write_text("raise SystemExit('the wrong one')")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        ports = {"PLATFORM_WORKER_PORT": str(free_port())}
        return subprocess.run(
            [command, *words], cwd=start, env=environment(home, **ports), capture_output=True, text=True, check=False
        )

    assert run("--version").stdout.strip() == platform_app.__version__
    told = run("doctor", "--json")
    found = {row["name"]: row for row in json.loads(told.stdout)}
    assert found["data folder"]["detail"] == str(home / ".local/share/gpt-agents"), told.stderr
    assert found["ports"]["detail"].startswith("54321,") and found["console"]["detail"] == "has to be built"
    assert [row for row in found.values() if not row["ok"] and row["name"] not in ("disk", "console")] == []
    assert "revision" in run("migrate").stdout
    assert (home / ".local/share/gpt-agents/platform.db").is_file() and not list(home.glob("*.db"))


def test_the_clone_configures_reflex_as_the_wheel_does() -> None:
    assert (ROOT / "rxconfig.py").read_text() == frontend_build.RXCONFIG


@pytest.fixture
def address(command: Path, tmp_path: Path) -> Iterator[str]:
    """Start the whole platform from the wheel; its address."""
    ports = {"PLATFORM_PORT": str(free_port()), "PLATFORM_WORKER_PORT": str(free_port())}
    with (tmp_path / "screen").open("wb") as screen:
        process = subprocess.Popen(
            [command, "up"], cwd=tmp_path, env=environment(tmp_path, **ports), stdout=screen, stderr=screen
        )
    try:
        wait_for(lambda: process.poll() is not None or "Sign in" in (tmp_path / "screen").read_text(), 400)
        assert process.poll() is None, (tmp_path / "screen").read_text()
        yield f"http://127.0.0.1:{ports['PLATFORM_PORT']}"
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.skipif(not FULL, reason="builds the console anew, which takes minutes")
def test_all_of_it_starts(address: str) -> None:
    assert httpx.get(f"{address}/readyz").json()["status"] == "pass"
    page = httpx.get(f"{address}/sign-in", follow_redirects=True)
    assert page.status_code == 200 and "text/html" in page.headers["content-type"]
