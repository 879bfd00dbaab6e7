"""Folder upload: copies the files of the data folder to the file storage, when an installation begins to use one."""

from contextlib import suppress

from platform_app.config import Settings
from platform_app.errors import Conflict, NotFound
from platform_app.files.file_store import FileStore
from platform_app.files.local_folder import LocalFolder
from platform_app.files.tenant_files import open_store


def upload_folder(own: Settings) -> tuple[int, int]:
    """Copy files to the file storage; return how many were copied, and how many were there already.

    The folder is left as it is; what is deleted there meanwhile is left out. Raises Conflict if the settings name no
    file storage, and Unavailable if it fails: another call continues.
    """
    store, folder = open_store(own), LocalFolder(own.uploads)
    if not store.is_shared:
        raise Conflict("Set PLATFORM_FILES_URL first: it says where the files go.")
    copied = present = 0
    for info in folder.list():
        if _size(store, info.key) == info.size:
            present += 1
            continue
        with suppress(NotFound):
            store.put(info.key, folder.local_path(info.key))
            copied += 1
    return copied, present


def _size(store: FileStore, key: str) -> int:
    try:
        return store.get_size(key)
    except NotFound:
        return -1
