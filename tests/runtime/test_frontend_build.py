"""Front end: it is built where it is stale, once, however many start at the same time."""

import fcntl
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock, Semaphore
from typing import Any

import pytest

from platform_app.errors import Unavailable
from platform_app.runtime import frontend_build


class Export:
    """In the place of Reflex's build: like the first one in a checkout, it replaces the whole folder."""

    def __init__(self) -> None:
        self.done = 0
        self.has_begun, self.may_end = Event(), Event()
        self._one = Lock()

    def __call__(self, command: list[str], **options: Any) -> int:
        assert self._one.acquire(blocking=False), "two build at the same time"
        shutil.rmtree(frontend_build.web_dir())
        frontend_build.web_dir().mkdir()
        self.has_begun.set()
        assert self.may_end.wait(10)
        (frontend_build.web_dir() / "build" / "client").mkdir(parents=True)
        self.done += 1
        self._one.release()
        return 0


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of this test's own to build in."""
    monkeypatch.setenv("REFLEX_WEB_WORKDIR", str(tmp_path / "web"))
    monkeypatch.setattr(frontend_build, "environment", dict)


@pytest.mark.usefixtures("own_folder")
def test_many_at_once_build_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export, arrived, lock = Export(), Semaphore(0), fcntl.flock

    def flock(held: Any, how: int) -> None:
        arrived.release()
        lock(held, how)

    monkeypatch.setattr(frontend_build.subprocess, "call", export)
    monkeypatch.setattr(fcntl, "flock", flock)
    with ThreadPoolExecutor(5) as threads:
        started = [threads.submit(frontend_build.build, tmp_path / "0.log", print)]
        assert export.has_begun.wait(10)
        started += [threads.submit(frontend_build.build, tmp_path / f"{number}.log", print) for number in range(1, 5)]
        assert all(arrived.acquire(timeout=10) for _ in started)
        export.may_end.set()
        for one in started:
            one.result(10)
    frontend_build.build(tmp_path / "again.log", print)
    assert export.done == 1 and frontend_build.is_built()


@pytest.mark.usefixtures("own_folder")
def test_a_bun_that_npm_cannot_install_says_where_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontend_build, "CLONE", None)
    monkeypatch.setattr(frontend_build, "_prepare_project", lambda output: None)
    monkeypatch.setattr(frontend_build, "project_dir", lambda: tmp_path)
    monkeypatch.setattr(shutil, "which", {"npm": "/usr/bin/npm"}.get)
    with pytest.raises(Unavailable, match="npm could not install bun") as failed:
        frontend_build.build(tmp_path / "build.log", print)
    assert failed.value.values["log"] == tmp_path / "build.log"


@pytest.mark.usefixtures("own_folder")
def test_a_build_that_fails_says_where_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontend_build.subprocess, "call", lambda *_, **__: 1)
    with pytest.raises(Unavailable) as failed:
        frontend_build.build(tmp_path / "build.log", print)
    assert failed.value.values["log"] == tmp_path / "build.log" and not frontend_build.is_built()


@pytest.mark.usefixtures("own_folder")
def test_a_page_that_is_not_rendered_in_time_is_tried_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = [1, 0]

    def export(command: list[str], *, stdout: int, **options: Any) -> int:
        os.write(stdout, b"Prerender: Request failed for /: The operation timed \nout.")
        (frontend_build.web_dir() / "build" / "client" / "assets").mkdir(parents=True, exist_ok=True)
        return codes.pop(0)

    monkeypatch.setattr(frontend_build.subprocess, "call", export)
    frontend_build.build(tmp_path / "build.log", print)
    assert frontend_build.is_built() and not codes
