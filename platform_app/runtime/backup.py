"""Backup: a database and its files in one archive, made while the platform runs, and restored elsewhere.

The archive is a gzipped tar: `database.db` (SQLite) or `database.dump` (PostgreSQL, custom format), `uploads/…`, from
wherever files are stored, and `manifest.json` with the revision of the tables and the SHA-256 of every file. Encryption
keys are never in it, and neither are the search indexes, which are built from the database again.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sqlalchemy import inspect
from sqlalchemy.engine import make_url

from platform_app import __version__, encryption, migrations
from platform_app.clock import now
from platform_app.config import Settings
from platform_app.data_dir import DataDir
from platform_app.db import engine
from platform_app.errors import Conflict, Invalid, NotFound, Unavailable
from platform_app.files import tenant_files

FORMAT = 1
_CHUNK_BYTES = 1 << 20
_SQLITE_FILE, _POSTGRESQL_FILE, _MANIFEST, _FILES = "database.db", "database.dump", "manifest.json", "uploads"


@dataclass
class Manifest:
    """What an archive holds: SHA-256 by name of file."""

    version: str
    revision: str
    made_at: str
    format: int = FORMAT
    files: dict[str, str] = field(default_factory=dict)


def create(own: Settings, archive: Path) -> Manifest:
    """Write a backup to a new file that only its owner can read; return what it holds.

    Uploaded files are read before and after the database, so that each file that its rows name is in the archive.
    Raises Conflict if the file exists or the database has no tables, Unavailable if it or the database cannot be read
    or written.
    """
    if archive.exists():
        raise Conflict(f"{archive} exists already. Choose another name.")
    revision = migrations.current(own.migration_database)
    if not revision:
        raise Conflict("The database has no tables yet.")
    manifest = Manifest(__version__, revision, now().isoformat())
    partial = archive.with_name(f".{archive.name}.partial")
    try:
        with tempfile.TemporaryDirectory(dir=archive.resolve().parent) as folder, _private_tar(partial) as tar:
            _add_files(tar, own, manifest)
            copied = _copy_database(own, Path(folder))
            _add(tar, copied, copied.name, manifest)
            _add_files(tar, own, manifest)
            described = Path(folder) / _MANIFEST
            described.write_text(json.dumps(asdict(manifest), indent=1))
            tar.add(described, _MANIFEST)
        os.link(partial, archive)  # fails if another process has made it meanwhile
    except FileExistsError as error:
        raise Conflict(f"{archive} exists already. Choose another name.") from error
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(f"The backup cannot be written: {error}.") from error
    finally:
        partial.unlink(missing_ok=True)
    return manifest


@contextmanager
def _private_tar(path: Path) -> Iterator[tarfile.TarFile]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as tar:
            yield tar
        os.fsync(file.fileno())


def _add_files(tar: tarfile.TarFile, own: Settings, manifest: Manifest) -> None:
    store = tenant_files.open_store(own)
    for info in store.list():
        name = f"{_FILES}/{info.key}"
        if name not in manifest.files:
            with suppress(NotFound, FileNotFoundError), store.local_copy(info.key) as path:  # else removed since
                _add(tar, path, name, manifest)


def _add(tar: tarfile.TarFile, path: Path, name: str, manifest: Manifest) -> None:
    with path.open("rb") as file:
        manifest.files[name] = _digest(path)
        tar.addfile(tar.gettarinfo(arcname=name, fileobj=file), file)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy_database(own: Settings, folder: Path) -> Path:
    """Copy the database as it stands at one moment; return the file."""
    address = make_url(own.migration_database)
    if address.get_backend_name() == "sqlite":
        path = folder / _SQLITE_FILE
        live = sqlite3.connect(f"file:{address.database}?mode=ro", uri=True, timeout=60)
        with closing(live), closing(sqlite3.connect(path)) as copied:
            live.backup(copied)
        return path
    path = folder / _POSTGRESQL_FILE
    _run_tool(own, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--enable-row-security", f"-f{path}")
    return path


def _run_tool(own: Settings, tool: str, *arguments: str) -> None:
    """Run a program of PostgreSQL on the database, as its owner. Raises Unavailable if it is missing or fails."""
    program = shutil.which(tool)
    if program is None:
        raise Unavailable(f"{tool} is missing. Install the client programs of PostgreSQL.")
    address = make_url(own.migration_database).set(drivername="postgresql")
    password = {"PGPASSWORD": str(address.password)} if address.password else {}
    environment = os.environ | password | {"PGOPTIONS": "-c app.tenant=*"}  # rows of every tenant
    target = address.set(password=None).render_as_string(hide_password=False)
    ran = subprocess.run(  # noqa: S603
        [program, f"--dbname={target}", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise Unavailable(f"{tool} failed: {ran.stderr.strip()[-500:]}")


def write_keys(own: Settings, path: Path) -> None:
    """Write the encryption keys to a new file that only its owner can read.

    Raises Conflict if the file exists, or if the keys are those of PLATFORM_SECRET_KEY, which is kept elsewhere.
    """
    if own.secret_key.get_secret_value():
        raise Conflict("The keys are those of PLATFORM_SECRET_KEY. Keep that setting.")
    encryption.newest_key_prefix()  # makes the key if nothing was encrypted yet
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Conflict(f"{path} exists already. Choose another name.") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(encryption.key_file().read_text())


def restore(own: Settings, archive: Path, keys: Path | None = None) -> Manifest:
    """Restore a backup into an empty data folder and an empty database, and bring its tables to this version.

    `keys` is the file of write_keys. Nothing changes unless all of it is sound. Raises Conflict if there is already a
    database, a platform runs on the folder, or the backup comes from a newer version, Invalid if the archive is damaged
    or is no backup, or the keys cannot be read, and Unavailable if a program of PostgreSQL or the file storage fails.
    """
    with DataDir(own.data_dir) as locked:
        _refuse_present(own)
        written_keys = _read_keys(keys) if keys is not None else ""
        with tempfile.TemporaryDirectory(dir=locked.path) as folder:
            manifest = _extract(archive, Path(folder))
            _restore_database(own, Path(folder))
            store = tenant_files.open_store(own)
            for name in manifest.files:
                if name.startswith(f"{_FILES}/"):
                    store.put(name.removeprefix(f"{_FILES}/"), Path(folder) / name)
        if written_keys:
            target = encryption.key_file()
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.touch(0o600)
            target.chmod(0o600)
            target.write_text(written_keys)
    return manifest


def _read_keys(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} cannot be read: {error}.") from error


def _refuse_present(own: Settings) -> None:
    address = make_url(own.migration_database)
    if address.get_backend_name() == "sqlite":
        has_tables = Path(address.database or "").exists()
    else:
        has_tables = bool(inspect(engine()).get_table_names())
    if has_tables or next(tenant_files.open_store(own).list(), None) is not None:
        raise Conflict("There is a database or a file already. Restore into an empty folder and an empty database.")


def _extract(archive: Path, folder: Path) -> Manifest:
    """Unpack an archive and check every file against its manifest."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            tar.extractall(folder, filter="data")
        manifest = Manifest(**json.loads((folder / _MANIFEST).read_text()))
        whole = all(_digest(folder / name) == digest for name, digest in manifest.files.items())
    except (OSError, EOFError, tarfile.TarError, TypeError, ValueError) as error:
        raise Invalid(f"{archive} is damaged or is no backup: {error}.") from error
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    if not whole or present != {*manifest.files, _MANIFEST}:
        raise Invalid(f"{archive} is damaged: its files are not those of its manifest.")
    if manifest.format != FORMAT or manifest.revision not in migrations.revisions():
        raise Conflict(f"The backup was made by another version ({manifest.version}). Update the platform first.")
    return manifest


def _restore_database(own: Settings, folder: Path) -> None:
    """Bring the database of an archive to the tables of this version, and put it where it belongs."""
    address, is_sqlite = make_url(own.migration_database), (folder / _SQLITE_FILE).exists()
    if is_sqlite != (address.get_backend_name() == "sqlite"):
        raise Conflict("The backup is of another kind of database than PLATFORM_DATABASE_URL names.")
    if is_sqlite:
        migrations.upgrade(f"sqlite:///{folder / _SQLITE_FILE}")
        (folder / _SQLITE_FILE).rename(str(address.database))
        return
    dump = str(folder / _POSTGRESQL_FILE)
    _run_tool(own, "pg_restore", "--no-owner", "--no-privileges", "--single-transaction", dump)
    migrations.upgrade(own.migration_database)
