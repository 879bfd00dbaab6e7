"""Front end: the built console, and whether it still fits the code."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from platform_app.errors import Unavailable

ROOT = Path(__file__).parents[2]
_CODE = ("platform_app/**/*.py", "platform_app/locales/**/*.po", "assets/**/*", "rxconfig.py")
_PACKAGES = ("reflex.lock/bun.lock",)  # not package.json: a build may write it in another layout


def folder() -> Path:
    """Return the folder of the built console."""
    return ROOT / os.environ.get("REFLEX_WEB_WORKDIR", ".web")


def digest(patterns: tuple[str, ...]) -> str:
    """Return a hash over the names and contents of files."""
    found = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in ROOT.glob(pattern)}):
        parts = path.relative_to(ROOT).parts
        if path.is_file() and "__pycache__" not in parts and parts[:2] != ("assets", "external"):
            found.update("/".join(parts).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def is_built() -> bool:
    """Tell whether the built console fits the code."""
    stamp = folder() / "built.sha"
    fits = stamp.is_file() and stamp.read_text() == f"{digest(_CODE)} {digest(_PACKAGES)}"
    return fits and (folder() / "build" / "client").is_dir()


def bun() -> str:
    """Return the path of bun: PATH first, else the one that bootstrap fetched; empty when there is none."""
    own = ROOT / ".tools" / "node_modules" / ".bin" / "bun"
    return shutil.which("bun") or (str(own) if own.exists() else "")


def environment() -> dict[str, str]:
    """Return the environment in which Reflex builds: bun on the path, no questions to other hosts."""
    if not bun():
        raise Unavailable("The console has to be built, and bun was not found. Run make up, which fetches it.")
    made = os.environ | {
        "PATH": f"{Path(bun()).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_CHECK_LATEST_VERSION": "false",
        "REFLEX_WEB_WORKDIR": str(folder()),
    }
    if "NPM_CONFIG_REGISTRY" not in made and (npm := shutil.which("npm")):
        asked = subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True, check=False)  # noqa: S603
        if asked.stdout.strip().startswith("http"):
            made["NPM_CONFIG_REGISTRY"] = asked.stdout.strip()
    return made


@contextmanager
def _alone() -> Iterator[None]:
    """Let one at a time build. The folder above is locked: a first build replaces its own with all that is in it."""
    folder().mkdir(parents=True, exist_ok=True)
    held = os.open(folder().parent, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def build(log: Path, say: Callable[[str], None]) -> None:
    """Build the console where it is stale; its output goes to a log. Two at once build once."""
    if is_built():
        return
    with _alone():
        if is_built():
            return
        say("building the console, which takes up to a minute after a change of the code")
        code_before, stamp = digest(_CODE), folder() / "built.sha"
        stamp.unlink(missing_ok=True)
        command = [sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip"]
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            failed = subprocess.call(  # noqa: S603
                command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        if failed or not (folder() / "build" / "client").is_dir():
            raise Unavailable("The console could not be built. The end of {log} says why.", log=log)
        stamp.write_text(f"{code_before} {digest(_PACKAGES)}")  # a build completes the list of packages


def server(host: str, port: int) -> tuple[list[str], dict[str, str]]:
    """Return the command and the environment of the process that serves the built console."""
    granian = str(Path(sys.executable).parent / "granian")
    command = [granian, "--interface", "asgi", "--factory", "--host", host, "--port", str(port), "--workers", "1"]
    environment = {
        "REFLEX_ENV_MODE": "prod",
        "__REFLEX_SKIP_COMPILE": "true",
        "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "true",
        "REFLEX_WEB_WORKDIR": str(folder()),
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_CHECK_LATEST_VERSION": "false",
    }
    return [*command, "platform_app.platform_app:app"], environment


DEV_PAGE = "http://localhost:3000/"


def developer(port: int) -> tuple[list[str], dict[str, str]]:
    """Return the command and the environment of the console with hot reload, for developers."""
    command = [sys.executable, "-m", "reflex", "run", "--frontend-port", "3000", "--backend-port", str(port)]
    return command, environment()
