"""Stores: a folder and a bucket keep the same promises."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from platform_app.config import settings
from platform_app.errors import NotFound
from platform_app.files import file_store, scratch, tenant_files
from platform_app.files.file_keys import new_key
from platform_app.files.file_store import FileStore

MEASURE = """
import os, resource
from platform_app.files import scratch, tenant_files
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
tenant_files.save_bytes("a" * 32, b"first")
before = peak()
with scratch.new_path() as path:
    with path.open("wb") as file:
        for _ in range(70):
            file.write(os.urandom(1_000_000))
    stored = tenant_files.save_file("a" * 32, path)
assert sum(len(part) for part in tenant_files.read_parts("a" * 32, stored.stored_as, stored.sha256)) == 70_000_000
print(before, peak())
"""
ACME, GLOBEX = "a" * 32, "b" * 32


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, env: pytest.MonkeyPatch) -> FileStore:
    """The place of this process's files, once in its folder and once in a bucket."""
    if request.param == "bucket":
        request.getfixturevalue("bucket")
    return tenant_files.open_store()


def keys(store: FileStore, tenant_id: str = "") -> list[str]:
    return sorted(info.key for info in store.list(tenant_id))


def left_over() -> list[str]:
    return [path.name for path in scratch.folder().glob(".*")]


def test_what_is_stored_is_read_listed_and_deleted(store: FileStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    one, two = tenant_files.save_bytes(ACME, b"first"), tenant_files.save_bytes(GLOBEX, b"second")
    assert one.stored_as.startswith(f"{ACME}/") and len(one.stored_as) < 64 and one.size == 5
    assert tenant_files.read_bytes(ACME, one.stored_as, one.sha256) == b"first"
    assert tenant_files.read_start(ACME, one, 3) == b"fir" and tenant_files.read_start(ACME, one, 30) == b"first"
    assert keys(store) == sorted([one.stored_as, two.stored_as]) and keys(store, ACME) == [one.stored_as]
    (info,) = store.list(GLOBEX)
    assert info.size == 6 and before < info.modified_at < datetime.now(UTC) + timedelta(seconds=5)
    with tenant_files.local_copy(GLOBEX, two.stored_as, two.sha256) as path:
        assert path.read_bytes() == b"second" and (path.name in left_over()) == store.is_shared
    tenant_files.delete(ACME, one.stored_as, one.stored_as)
    tenant_files.delete(ACME)
    assert keys(store) == [two.stored_as] and left_over() == []
    assert tenant_files.delete_all(GLOBEX) == 1 and keys(store) == []
    assert not settings().uploads.exists() or list(settings().uploads.iterdir()) == []


def test_a_missing_file_is_said_in_words(store: FileStore) -> None:
    key = new_key(ACME)
    for read in (tenant_files.read_bytes, tenant_files.local_path if not store.is_shared else tenant_files.read_bytes):
        with pytest.raises(NotFound, match="File not found"):
            read(ACME, key)
    with pytest.raises(NotFound, match="File not found"), tenant_files.local_copy(ACME, key):
        raise AssertionError
    assert left_over() == []


@pytest.mark.parametrize(
    "wrong", ["", "/", ".", "..", "../x", "a/../../x", "/etc/passwd", "x/y", f"{GLOBEX}", "\x00", "ä"]
)
def test_no_key_leads_out_of_its_tenant(store: FileStore, wrong: str) -> None:
    theirs = tenant_files.save_bytes(GLOBEX, b"theirs")
    for key in (wrong, f"{ACME}/{wrong}", f"{ACME}/../{theirs.stored_as}", theirs.stored_as, f"/{theirs.stored_as}"):
        with pytest.raises(NotFound):
            tenant_files.read_bytes(ACME, key)
        with pytest.raises(NotFound), tenant_files.local_copy(ACME, key):
            raise AssertionError
        tenant_files.delete(ACME, key)
    assert keys(store) == [theirs.stored_as]
    assert tenant_files.delete_all(ACME[:31]) == 0 and keys(store, GLOBEX[:31]) == []


def test_a_large_file_is_read_in_parts_and_checked(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_store, "PART_BYTES", 100_000)
    content = os.urandom(250_001)
    file = tenant_files.save_bytes(ACME, content)
    parts = list(tenant_files.read_parts(ACME, file.stored_as, file.sha256))
    assert [len(part) for part in parts] == [100_000, 100_000, 50_001] and b"".join(parts) == content
    received: list[bytes] = []
    with pytest.raises(NotFound, match="damaged"):
        for part in tenant_files.read_parts(ACME, file.stored_as, "0" * 64):
            received.append(part)
    assert [len(part) for part in received] == [100_000, 100_000], "who receives it notices that the end is missing"
    with pytest.raises(NotFound, match="damaged"), tenant_files.local_copy(ACME, file.stored_as, "0" * 64):
        raise AssertionError


def test_a_file_of_several_uploaded_parts_is_whole(store: FileStore) -> None:
    content = os.urandom(1_000_000) * 17
    file = tenant_files.save_bytes(ACME, content)
    assert tenant_files.read_bytes(ACME, file.stored_as, file.sha256) == content and left_over() == []


def test_memory_does_not_grow_with_the_file(bucket: str) -> None:
    child = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    before, after = (int(kilobytes) for kilobytes in child.stdout.split())
    assert after - before < 45_000, "two parts that are sent, and what reading one takes"


def test_files_that_were_stored_before_tenants_had_folders_are_found(store: FileStore) -> None:
    with scratch.new_path() as path:
        path.write_bytes(b"old")
        store.put("0f" * 16, path)
    assert tenant_files.read_bytes(ACME, "0f" * 16) == b"old" and keys(store) == ["0f" * 16]
    tenant_files.delete(ACME, "0f" * 16)
    assert keys(store) == []


def test_a_failed_block_leaves_no_scratch_file(store: FileStore) -> None:
    with pytest.raises(ZeroDivisionError), scratch.new_path() as path:
        path.write_bytes(b"half")
        raise ZeroDivisionError
    assert left_over() == [] and keys(store) == []
    store.check()
    assert keys(store) == [], "what the check writes is no file of a tenant"
