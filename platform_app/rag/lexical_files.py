"""Lexical files: the folder of a tenant's lexical index, its lock, its revision, and indexes open for reading."""

import fcntl
import json
import os
import shutil
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

import tantivy

from platform_app.config import settings

FORMAT = 1  # of terms and fields; an index of another format is built anew
OPEN_INDEXES = 512  # of tenants, in one process; an open index maps its files and holds hardly any memory
WRITER_BYTES = 20_000_000  # of memory while an index is written
NEVER = -1  # the revision of an index that is missing or incomplete


def _schema() -> tantivy.Schema:
    fields = tantivy.SchemaBuilder()
    fields.add_text_field("chunk", stored=True, tokenizer_name="raw", index_option="basic")
    fields.add_text_field("source", tokenizer_name="raw", index_option="basic")
    fields.add_text_field("part", tokenizer_name="raw", index_option="basic")  # a generation of a source
    fields.add_text_field("terms", tokenizer_name="whitespace", index_option="freq")
    return fields.build()


SCHEMA = _schema()
_open: OrderedDict[Path, tuple[tuple[int, int], tantivy.Index]] = OrderedDict()
_open_lock = Lock()


def _folder(tenant_id: str) -> Path:
    return settings().data_dir.resolve() / "lexical" / tenant_id


@contextmanager
def locked(tenant_id: str, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a tenant's index, for one writer among all processes and threads; yield whether it is held."""
    folder = _folder(tenant_id)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def remove(tenant_id: str) -> None:
    """Delete the index of a tenant that is deleted, with its folder."""
    with locked(tenant_id):
        shutil.rmtree(_folder(tenant_id), ignore_errors=True)


def _state(tenant_id: str) -> str:
    try:
        return (_folder(tenant_id) / "state.json").read_text()
    except FileNotFoundError:
        return ""


def indexed_revision(tenant_id: str) -> int:
    """Return the revision of the knowledge that the index holds, or NEVER."""
    try:
        state = json.loads(_state(tenant_id))
        return int(state["revision"]) if state["format"] == FORMAT else NEVER
    except (ValueError, KeyError, TypeError):
        return NEVER


def store_revision(tenant_id: str, revision: int) -> None:
    """Store the revision that the index holds; the lock is held."""
    path = _folder(tenant_id) / "state.json"
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"format": FORMAT, "revision": revision}))
    new.replace(path)


def forget_revision(tenant_id: str) -> None:
    """Have every source checked when the index is brought up to date next time."""
    with locked(tenant_id), suppress(FileNotFoundError):
        (_folder(tenant_id) / "state.json").unlink()


def open_to_write(tenant_id: str) -> tantivy.Index:
    """Return the index for its writer, who holds the lock; one that cannot be read or has another format is removed."""
    place = _folder(tenant_id) / f"v{FORMAT}"
    for old in _folder(tenant_id).glob("v*"):
        if old != place:
            shutil.rmtree(old, ignore_errors=True)
    place.mkdir(exist_ok=True)
    try:
        return tantivy.Index(SCHEMA, path=str(place))
    except ValueError:
        shutil.rmtree(place)
        (_folder(tenant_id) / "state.json").unlink(missing_ok=True)
        place.mkdir()
        return tantivy.Index(SCHEMA, path=str(place))


def open_to_read(tenant_id: str) -> tantivy.Index | None:
    """Return the index as it was written last, or None if there is none that can be read."""
    place = _folder(tenant_id) / f"v{FORMAT}"
    try:
        written = (place / "meta.json").stat()  # replaced by each commit
        version = (written.st_ino, written.st_mtime_ns)
        with _open_lock:
            held = _open.get(place)
            if held is not None and held[0] == version:
                _open.move_to_end(place)
                return held[1]
        index = tantivy.Index.open(str(place))
        index.config_reader("manual")
        index.reload()
    except (ValueError, OSError):
        return None
    with _open_lock:
        _open[place] = (version, index)
        while len(_open) > OPEN_INDEXES:
            _open.popitem(last=False)
    return index
