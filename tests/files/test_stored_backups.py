"""Stored backups: files of a bucket are in a backup, and come back into a folder or a bucket."""

from pathlib import Path

import pytest
from sqlalchemy import text

from platform_app import migrations
from platform_app.config import settings
from platform_app.db import session_scope
from platform_app.errors import Conflict
from platform_app.files import tenant_files
from platform_app.models.person import Identity
from platform_app.runtime import backup
from tests.runtime.test_backup import move_to


def test_files_go_from_a_bucket_into_a_folder_and_back(
    who: Identity, bucket: str, tmp_path: Path, env: pytest.MonkeyPatch
) -> None:
    with session_scope(reason="tests") as session:  # as migrated databases say it
        session.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        session.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": migrations.head()})
    file = tenant_files.save_bytes(who.tenant_id, b"first file")
    first, second = tmp_path / "first.tar.gz", tmp_path / "second.tar.gz"
    assert set(backup.create(settings(), first).files) == {"database.db", f"uploads/{file.stored_as}"}
    with pytest.raises(Conflict, match="a file already"):
        backup.restore(move_to(tmp_path / "elsewhere", env), first)
    env.delenv("PLATFORM_FILES_URL")
    own = move_to(tmp_path / "elsewhere", env)
    backup.restore(own, first)
    assert (own.uploads / file.stored_as).read_bytes() == b"first file"
    backup.create(own, second)
    env.setenv("PLATFORM_FILES_URL", f"{bucket}/new")
    backup.restore(move_to(tmp_path / "third", env), second)
    assert tenant_files.read_bytes(who.tenant_id, file.stored_as, file.sha256) == b"first file"
