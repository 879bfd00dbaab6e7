"""Launcher: the data folder, ports, and failures in words. The whole start is in tests/e2e/test_up.py."""

import os
import socket
import stat
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from platform_app import config
from platform_app.data_dir import DataDir
from platform_app.errors import Conflict, PlatformError, Unavailable
from platform_app.runtime import launcher
from platform_app.runtime.supervisor import Child, Watchdog
from tests.conftest import forget_process_state, free_port


def test_a_second_platform_on_the_folder_is_refused(tmp_path: Path) -> None:
    with DataDir(tmp_path / "data"), pytest.raises(Conflict) as refused, DataDir(tmp_path / "data"):
        pass
    assert str(os.getpid()) in str(refused.value) and str(tmp_path) in str(refused.value)
    with DataDir(tmp_path / "data"):
        pass  # the first one is over


def test_a_killed_platform_does_not_hold_the_folder(tmp_path: Path) -> None:
    code = f"""
import os, pathlib, signal
from platform_app.data_dir import DataFolder
DataFolder(pathlib.Path({str(tmp_path)!r})).__enter__()
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[2])
    with DataDir(tmp_path):
        assert (tmp_path / "lock").read_text().strip() == str(os.getpid())


def test_secrets_are_made_once_and_are_private(tmp_path: Path) -> None:
    with DataDir(tmp_path / "data") as folder:
        made = folder.secret("redis-password")
        assert len(made) >= 16
        assert folder.secret("redis-password") == made != folder.secret("demo-password")
    for path in (tmp_path / "data" / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"), DataDir(tmp_path / "file" / "data"):
        pass


@pytest.mark.parametrize("name", ["PLATFORM_PORT", "PLATFORM_WORKER_PORT"])
def test_a_taken_port_is_named(env: pytest.MonkeyPatch, name: str) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        for other in ("PLATFORM_PORT", "PLATFORM_WORKER_PORT"):
            env.setenv(other, str(held.getsockname()[1] if other == name else free_port()))
        forget_process_state()
        with pytest.raises(Unavailable, match=f"is taken.*{name}"):
            launcher.check_ports(config.settings())


def platform(folder: DataDir) -> tuple[launcher.Platform, StringIO]:
    screen = StringIO()
    return launcher.Platform(config.settings(), folder, Watchdog(folder.lock), Console(file=screen, width=200)), screen


def test_a_child_that_does_not_start_says_why(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with DataDir(tmp_path / "data") as folder:
        up, _ = platform(folder)
        command = [sys.executable, "-c", "print('the reason'); raise SystemExit(1)"]
        with pytest.raises(Unavailable, match=r"broken did not start(.|\n)*the reason"):
            up.start(Child("broken", command, lambda: False, up.log("broken")))
        up.watchdog.close()


def test_private_servers_are_ready_and_given_ones_are_not_started(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env.delenv("PLATFORM_REDIS_URL")
    forget_process_state()
    with DataDir(tmp_path / "data") as folder:
        up, screen = platform(folder)
        env.setenv("PLATFORM_REDIS_URL", "")  # what the launcher hands on is taken back after this test
        launcher.start_redis(up)
        url = up.environment["PLATFORM_REDIS_URL"]
        assert launcher.redis_answers(url)
        assert "ready" in screen.getvalue() and "@" not in screen.getvalue()
        assert not launcher.redis_answers(f"redis://:wrong@{url.rpartition('@')[2]}")
        assert not launcher.redis_answers("isn’t an address")

        forget_process_state()
        given = launcher.Platform(config.settings(), folder, up.watchdog, up.console)
        launcher.start_redis(given)
        assert given.servers == [] and "given" in screen.getvalue()
        launcher.stop(up.servers, 5)
        launcher.start_redis(given)
        assert "silent" in screen.getvalue()
        up.watchdog.close()


def test_a_database_that_does_not_answer_is_said_in_words(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env.setenv("PLATFORM_DATABASE_URL", f"postgresql://me:canary-pass@127.0.0.1:{free_port()}/none")
    forget_process_state()
    with DataDir(tmp_path / "data") as folder:
        up, _ = platform(folder)
        with pytest.raises(PlatformError, match="The database isn’t responding") as failed:
            launcher.prepare_database(up)
        assert "canary" not in str(failed.value)
        up.watchdog.close()


def test_servers_see_no_secrets_of_ours(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("OPENAI_API_KEY", "PLATFORM_SECRET_KEY", "PLATFORM_DATABASE_URL", "AWS_SECRET_ACCESS_KEY"):
        env.setenv(name, "sqlite:///canary.db" if name.endswith("URL") else "canary" * 8)
    command = [sys.executable, "-c", "import os; print(dict(os.environ))"]
    with DataDir(tmp_path / "data") as folder:
        up, _ = platform(folder)
        up.environment["PLATFORM_REDIS_URL"] = "redis://:canary@127.0.0.1:1/0"
        seen = {}
        for alone in (True, False):
            log = up.log(f"alone-{alone}")
            child = Child(f"alone-{alone}", command, lambda log=log: "PATH" in log.read_text(), log, alone=alone)
            child.environment = {"OWN": "given"}
            up.start(child)
            assert child.process is not None and child.process.wait(10) == 0
            seen[alone] = log.read_text()
        up.watchdog.close()
    assert "canary" not in seen[True] and "'OWN': 'given'" in seen[True]
    assert seen[False].count("canary") >= 5


@pytest.mark.parametrize("start", ["start_redis", "start_chroma", "start_offline"])
def test_what_is_brought_along_runs_alone(
    env: pytest.MonkeyPatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    started: list[Child] = []
    monkeypatch.setattr(launcher.Platform, "start", lambda self, child, **more: started.append(child))
    for name in ("PLATFORM_REDIS_URL", "PLATFORM_CHROMA_URL", "PLATFORM_OFFLINE_URL"):
        env.setenv(name, "")  # the launcher writes into the environment: this takes it back in the end
    forget_process_state()
    with DataDir(tmp_path / "data") as folder:
        up, _ = platform(folder)
        getattr(launcher, start)(up)
        up.watchdog.close()
    assert [child.alone for child in started] == [True]


def test_a_fake_kommo_is_started_on_request_and_called_instead(
    env: pytest.MonkeyPatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Child] = []
    monkeypatch.setattr(launcher.Platform, "start", lambda self, child, **more: started.append(child))
    env.setenv("PLATFORM_KOMMO_API_URL", "")  # the launcher writes into the environment: this takes it back in the end
    forget_process_state()
    with DataDir(tmp_path / "data") as folder:
        up, _ = platform(folder)
        launcher.start_fake_kommo(up)
        assert started == [] and os.environ["PLATFORM_KOMMO_API_URL"] == ""
        up.fake_kommo = True
        launcher.start_fake_kommo(up)
        up.watchdog.close()
    assert [child.alone for child in started] == [True]
    assert os.environ["PLATFORM_KOMMO_API_URL"].startswith("http://127.0.0.1:")
