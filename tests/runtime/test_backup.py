"""Backup: made while rows are written, restored elsewhere with the same rows and files; bad ones change nothing."""

import json
import sqlite3
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from platform_app import encryption, migrations
from platform_app.config import Settings, settings
from platform_app.db import owned, session_scope, unscoped
from platform_app.errors import Conflict, Invalid
from platform_app.jobs import IndexSource, Reply, enqueue
from platform_app.models.crm import Contact
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity
from platform_app.runtime import backup
from platform_app.services.crm import contacts
from platform_app.services.jobs import restored_jobs
from tests.conftest import forget_process_state, make_tenant
from tests.talking import call


@pytest.fixture
def who(database: str) -> Identity:
    """A tenant in a database that says its revision, as migrated ones do."""
    with session_scope(reason="tests") as session:
        session.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        session.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": migrations.head()})
    return make_tenant("acme")


@pytest.fixture
def elsewhere(tmp_path: Path, env: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty data folder to restore into."""
    yield tmp_path / "elsewhere"


def move_to(folder: Path, env: pytest.MonkeyPatch) -> Settings:
    """Let this process use another data folder."""
    env.setenv("PLATFORM_DATA_DIR", str(folder))
    env.delenv("PLATFORM_DATABASE_URL", raising=False)
    forget_process_state()
    return settings()


def names(who: Identity) -> list[str]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return sorted(row.name for row in session.exec(owned(Contact, who.tenant_id)).all())


def upload(name: str, text: str) -> None:
    settings().uploads.mkdir(parents=True, exist_ok=True)
    (settings().uploads / name).write_text(text)


def test_rows_files_and_secrets_are_the_same_elsewhere(
    who: Identity, elsewhere: Path, tmp_path: Path, env: pytest.MonkeyPatch
) -> None:
    call(who, contacts.create, name="Anna")
    upload("a1", "first file")
    sealed = encryption.encrypt("planted-canary", who.tenant_id, "test")
    archive, keys = tmp_path / "b.tar.gz", tmp_path / "keys"
    backup.write_keys(settings(), keys)
    made = backup.create(settings(), archive)
    assert set(made.files) == {"database.db", "uploads/a1"} and made.revision == migrations.head()
    assert {oct(path.stat().st_mode & 0o777) for path in (archive, keys)} == {"0o600"}
    with tarfile.open(archive) as tar:
        assert keys.read_bytes() not in b"".join(tar.extractfile(one).read() for one in tar if one.isfile())  # type: ignore[union-attr]
    call(who, contacts.create, name="After the backup")
    own = move_to(elsewhere, env)
    backup.restore(own, archive, keys)
    assert names(who) == ["Anna"]
    assert (own.uploads / "a1").read_text() == "first file"
    assert encryption.decrypt(sealed, who.tenant_id, "test") == "planted-canary"
    with closing(sqlite3.connect(own.data_dir / "platform.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_backup_while_rows_are_written_holds_one_moment(
    who: Identity, elsewhere: Path, tmp_path: Path, env: pytest.MonkeyPatch
) -> None:
    stop, wrote = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            with session_scope(who.tenant_id) as session:  # both or none
                contacts.create(session, who, name=f"{number:05d} left")
                contacts.create(session, who, name=f"{number:05d} right")
            upload(f"f{number}", str(number))
            number += 1
            wrote.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert wrote.wait(30)
        backup.create(settings(), tmp_path / "b.tar.gz")
    finally:
        stop.set()
        writer.join()
    backup.restore(move_to(elsewhere, env), tmp_path / "b.tar.gz")
    pairs = [name.split()[0] for name in names(who)]
    assert pairs and all(pairs.count(number) == 2 for number in pairs)


def test_jobs_that_may_reach_others_wait_for_a_person(
    who: Identity, elsewhere: Path, tmp_path: Path, env: pytest.MonkeyPatch
) -> None:
    with session_scope(who.tenant_id) as session:
        enqueue(session, who.tenant_id, Reply(message_id="x" * 32, conversation_id="y" * 32))
        enqueue(session, who.tenant_id, IndexSource(source_id="z" * 32))
    backup.create(settings(), tmp_path / "b.tar.gz")
    backup.restore(move_to(elsewhere, env), tmp_path / "b.tar.gz")
    assert restored_jobs.hold_open_jobs() == 1
    with session_scope(reason="tests", read_only=True) as session:
        states = {job.kind: job.state for job in session.exec(unscoped(Job)).all()}
    assert states == {"reply": JobState.UNCERTAIN, "index_source": JobState.QUEUED}


@pytest.mark.parametrize("fault", ["cut", "altered", "extra", "outside", "newer", "text"])
def test_a_damaged_backup_changes_nothing(
    who: Identity, elsewhere: Path, tmp_path: Path, env: pytest.MonkeyPatch, fault: str
) -> None:
    upload("a1", "first file")
    good, bad = tmp_path / "good.tar.gz", tmp_path / "bad.tar.gz"
    backup.create(settings(), good)
    damage(good, bad, fault)
    with pytest.raises((Invalid, Conflict)) as refused:
        backup.restore(move_to(elsewhere, env), bad)
    assert str(bad) in str(refused.value) or "another version" in str(refused.value)
    assert not (elsewhere / "platform.db").exists() and not (elsewhere / "uploads").exists()
    assert not (tmp_path / "pwned").exists()


def damage(good: Path, bad: Path, fault: str) -> None:
    """Write a backup with a fault."""
    if fault in ("cut", "text"):
        bad.write_bytes(good.read_bytes()[:-200] if fault == "cut" else b"not a backup")
        return
    folder = good.parent / "unpacked"
    with tarfile.open(good) as tar:
        tar.extractall(folder, filter="data")
    manifest = json.loads((folder / "manifest.json").read_text())
    if fault == "newer":
        (folder / "manifest.json").write_text(json.dumps(manifest | {"revision": "9999"}))
    if fault == "altered":
        (folder / "uploads/a1").write_text("other file")
    if fault == "extra":
        (folder / "uploads/a2").write_text("smuggled")
    with tarfile.open(bad, "w:gz") as tar:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                tar.add(path, path.relative_to(folder).as_posix())
        if fault == "outside":
            tar.add(folder / "uploads/a1", "../pwned")


def test_keys_that_cannot_be_read_change_nothing(
    who: Identity, elsewhere: Path, tmp_path: Path, env: pytest.MonkeyPatch
) -> None:
    backup.create(settings(), tmp_path / "b.tar.gz")
    with pytest.raises(Invalid, match="keys"):
        backup.restore(move_to(elsewhere, env), tmp_path / "b.tar.gz", tmp_path / "no-keys")
    assert not (elsewhere / "platform.db").exists()


def test_nothing_is_written_over(who: Identity, elsewhere: Path, tmp_path: Path, env: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "b.tar.gz"
    backup.create(settings(), archive)
    with pytest.raises(Conflict, match="exists already"):
        backup.create(settings(), archive)
    with pytest.raises(Conflict, match="empty"):
        backup.restore(settings(), archive)
    assert names(who) == []
    backup.restore(move_to(elsewhere, env), archive)
    with pytest.raises(Conflict, match="empty"):
        backup.restore(settings(), archive)
    assert sorted(path.name for path in tmp_path.glob(".*")) == []
