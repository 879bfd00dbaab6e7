"""Front end: it is built where it is stale, once, however many start at the same time."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from platform_app import frontend
from platform_app.errors import Unavailable


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The builds so far, each with its exit code; like Reflex's first, each replaces the whole folder."""
    monkeypatch.setenv("REFLEX_WEB_WORKDIR", str(tmp_path / "web"))
    monkeypatch.setattr(frontend, "environment", dict)
    done: list[int] = []

    def export(command: list[str], **options: Any) -> int:
        shutil.rmtree(frontend.folder())
        time.sleep(0.2)  # others come meanwhile
        (frontend.folder() / "build" / "client").mkdir(parents=True)
        done.append(0)
        return done[-1]

    monkeypatch.setattr(frontend.subprocess, "call", export)
    return done


def test_many_at_once_build_once(builds: list[int], tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(lambda n: (time.sleep(n * 0.05), frontend.build(tmp_path / f"{n}.log", print)), range(8)):
            assert frontend.is_built()
    assert builds == [0]
    frontend.build(tmp_path / "again.log", print)
    assert builds == [0]


def test_a_build_that_fails_says_where_to_look(
    builds: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frontend.subprocess, "call", lambda *_, **__: 1)
    with pytest.raises(Unavailable) as failed:
        frontend.build(tmp_path / "build.log", print)
    assert failed.value.values["log"] == tmp_path / "build.log" and not frontend.is_built()
