"""Front-end build: builds the console with Reflex where the built files do not match the code, and serves it."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from platform_app.config import settings
from platform_app.errors import Unavailable
from platform_app.install_paths import CLONE, FRONTEND, PACKAGE
from platform_app.runtime.style_reduction import reduce_files, used_scales

BUN = "1.4.4"
_TIMED_OUT = re.compile(r"\btimed\s+out\b")  # React Router renders each page in advance, and gives up after 10 seconds
DEV_PAGE = "http://localhost:3000/"
RXCONFIG = '''"""Reflex: the settings of the console."""

from platform_app.runtime.reflex_config import reflex_config

config = reflex_config()
'''
_CODE = ((PACKAGE, "**/*.py"), (PACKAGE, "locales/**/*.po"), (FRONTEND, "assets/**/*"), (FRONTEND, "rxconfig.py"))
_PACKAGES = ((FRONTEND, "reflex.lock/bun.lock"),)  # not package.json: a build may write it in another layout


def project_dir() -> Path:
    """Return the directory in which Reflex works: the clone, else `console` in the data directory."""
    return CLONE or settings().data_dir.resolve() / "console"


def web_dir() -> Path:
    """Return the directory of the generated JavaScript project, in which the built pages lie too."""
    return project_dir() / os.environ.get("REFLEX_WEB_WORKDIR", ".web")


def _files(patterns: tuple[tuple[Path, str], ...]) -> list[Path]:
    """Return the text files of patterns, each (directory, glob)."""
    found = (path for base, glob in patterns for path in base.glob(glob))
    return [path for path in found if path.suffix in (".py", ".css", ".js", ".jsx")]


def digest(patterns: tuple[tuple[Path, str], ...]) -> str:
    """Return a hash over the names and contents of files; patterns are (directory, glob)."""
    hashed = hashlib.sha256()
    for name, path in sorted({(path.relative_to(base), path) for base, glob in patterns for path in base.glob(glob)}):
        if path.is_file() and "__pycache__" not in name.parts and name.parts[:2] != ("assets", "external"):
            hashed.update(name.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return hashed.hexdigest()


def is_built() -> bool:
    """Return whether the built pages match the code."""
    stamp = web_dir() / "built.sha"
    fits = stamp.is_file() and stamp.read_text() == f"{digest(_CODE)} {digest(_PACKAGES)}"
    return fits and (web_dir() / "build" / "client").is_dir()


def bun() -> str:
    """Return the path of bun: PATH first, else the one that was fetched; empty if there is none."""
    fetched = _tools_dir() / "node_modules" / ".bin" / "bun"
    return shutil.which("bun") or (str(fetched) if fetched.exists() else "")


def can_build() -> bool:
    """Return whether bun is there or can be fetched."""
    return bool(bun() or (not CLONE and shutil.which("npm")))


def _tools_dir() -> Path:
    return CLONE / ".tools" if CLONE else project_dir() / "tools"


def environment() -> dict[str, str]:
    """Return the environment in which Reflex builds: bun on the path, no requests to other hosts.

    Raises Unavailable if bun is missing.
    """
    if not bun() and CLONE:
        raise Unavailable("The console has to be built, and bun was not found. Run make up, which fetches it.")
    if not bun():
        raise Unavailable("The console has to be built, which takes bun or npm. Install Node.js with npm.")
    made = os.environ | {
        "PATH": f"{Path(bun()).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_CHECK_LATEST_VERSION": "false",
        "REFLEX_WEB_WORKDIR": str(web_dir()),
    }
    if "NPM_CONFIG_REGISTRY" not in made and (npm := shutil.which("npm")):
        asked = subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True, check=False)  # noqa: S603
        if asked.stdout.strip().startswith("http"):
            made["NPM_CONFIG_REGISTRY"] = asked.stdout.strip()
    return made


@contextmanager
def _build_lock() -> Iterator[None]:
    """Allow one build at a time. The parent directory is locked: a first build replaces the whole web directory."""
    web_dir().mkdir(parents=True, exist_ok=True)
    held = os.open(web_dir().parent, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def build(log: Path, say: Callable[[str], None]) -> None:
    """Build the pages if they do not match the code; the output goes to a log. Two at the same time build once.

    Raises Unavailable if bun is missing and cannot be installed, or the build fails.
    """
    if is_built():
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with _build_lock(), log.open("wb") as output:
        if is_built():
            return
        say("building the console, which takes up to a minute after a change of the code")
        code_before, stamp = digest(_CODE), web_dir() / "built.sha"
        stamp.unlink(missing_ok=True)
        if not CLONE:
            _prepare_project(output.fileno())
            if not bun() and shutil.which("npm"):
                raise Unavailable(
                    "npm could not install bun, which builds the console. The end of {log} says why.", log=log
                )
        is_exported = _export(output.fileno())
        if not is_exported and _TIMED_OUT.search(log.read_text(encoding="utf-8", errors="replace")):
            say("building the console a second time, since the machine was too busy to render a page in time")
            is_exported = _export(output.fileno())
        if not is_exported:
            raise Unavailable("The console could not be built. The end of {log} says why.", log=log)
        reduce_files(web_dir() / "build" / "client" / "assets", used_scales(_files(_CODE)))
        stamp.write_text(f"{code_before} {digest(_PACKAGES)}")  # a build completes the list of packages


def _export(output: int) -> bool:
    """Have Reflex build the pages; return whether they are there."""
    command = [sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip"]
    failed = subprocess.call(  # noqa: S603
        command, cwd=project_dir(), env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
    )
    return not failed and (web_dir() / "build" / "client").is_dir()


def _prepare_project(output: int) -> None:
    """Make the Reflex project of an installed package, and fetch bun with npm if it is missing."""
    for name in ("assets", "reflex.lock"):
        shutil.rmtree(project_dir() / name, ignore_errors=True)
        shutil.copytree(FRONTEND / name, project_dir() / name)
    (project_dir() / "rxconfig.py").write_text(RXCONFIG)
    if not bun() and (npm := shutil.which("npm")):
        command = [npm, "install", "--prefix", str(_tools_dir()), "--no-save", "--no-audit", "--no-fund", f"bun@{BUN}"]
        subprocess.call(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)  # noqa: S603


def server(host: str, port: int) -> tuple[list[str], dict[str, str]]:
    """Return the command and the environment of the process that serves the built console from `project_dir()`."""
    granian = str(Path(sys.executable).parent / "granian")
    command = [granian, "--interface", "asgi", "--factory", "--host", host, "--port", str(port), "--workers", "1"]
    environment = {
        "REFLEX_ENV_MODE": "prod",
        "__REFLEX_SKIP_COMPILE": "true",
        "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "true",
        "REFLEX_WEB_WORKDIR": str(web_dir()),
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_CHECK_LATEST_VERSION": "false",
    }
    return [*command, "platform_app.platform_app:app"], environment


def dev_server(port: int) -> tuple[list[str], dict[str, str]]:
    """Return the command and the environment of the console with hot reload, for developers.

    Raises Unavailable in an installed package, and if bun is missing.
    """
    if not CLONE:
        raise Unavailable("Hot reload works in a clone of the repository only.")
    command = [sys.executable, "-m", "reflex", "run", "--frontend-port", "3000", "--backend-port", str(port)]
    return command, environment()
