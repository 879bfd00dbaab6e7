"""Object storage: files stored in a bucket of a server with the API of S3."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
import structlog
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from platform_app.errors import NotFound, Unavailable
from platform_app.files.file_keys import MISSING, is_key
from platform_app.files.file_store import PART_BYTES, FileInfo, FileStore
from platform_app.files_address import FilesAddress

SILENT = "The file storage isn’t responding. Try again in a moment."
REFUSED = "The file storage refuses access. Ask the platform’s administrator to check its settings."
NO_BUCKET = "The bucket of the file storage doesn’t exist. Ask the platform’s administrator to create it."
CONNECT_SECONDS, REQUEST_SECONDS = 3, 30  # of one request, which carries at most a part of a file
RETRIES, RETRY_SECONDS = 3, 20
_CHECK_SECONDS = 3
_STATUS = re.compile(r"status code: (\d{3})\b")
_BY_STATUS = {"401": REFUSED, "403": REFUSED, "404": NO_BUCKET}
_CHECK_KEY, _CHECKED = "check", b"This file shows that the platform can write here."
_PARALLEL_PARTS = 2  # of one upload: so many parts are in memory
_BATCH_SIZE = 1000  # keys that one request deletes

log = structlog.get_logger()


class ObjectStorage(FileStore):
    """Files in a bucket, below a prefix if one is given."""

    is_shared = True

    def __init__(self, address: FilesAddress) -> None:
        self._store = _open(address, retries=RETRIES, seconds=REQUEST_SECONDS)
        self._probe = _open(address, retries=0, seconds=_CHECK_SECONDS)  # answers at once, whatever it is

    def put(self, key: str, path: Path) -> None:
        """Upload a file, a large one in parts; it is there once the last part is."""
        with _in_words(missing=NO_BUCKET):
            obstore.put(self._store, key, path, chunk_size=PART_BYTES, max_concurrency=_PARALLEL_PARTS)

    def get_size(self, key: str) -> int:
        """Return the bytes of a file. Raises NotFound if there is none."""
        with _in_words():
            return int(obstore.head(self._store, key)["size"])

    def read(self, key: str, start: int, length: int) -> bytes:
        """Return up to `length` bytes of a file from `start`. Raises NotFound if there is none."""
        if not length:
            return b""
        with _in_words():
            return bytes(obstore.get_range(self._store, key, start=start, length=length))

    def local_path(self, key: str) -> Path | None:
        """Return None: a file has to be copied."""
        return None

    def delete(self, keys: Sequence[str]) -> int:
        """Delete files; return how many were asked for, since the server does not tell which were there."""
        for start in range(0, len(keys), _BATCH_SIZE):
            with _in_words(missing=NO_BUCKET):
                obstore.delete(self._store, [*keys[start : start + _BATCH_SIZE]])
        return len(keys)

    def list(self, tenant_id: str = "") -> Iterator[FileInfo]:
        """Yield the files of a tenant, or all."""
        with _in_words(missing=NO_BUCKET):
            for page in obstore.list(self._store, tenant_id or None, chunk_size=_BATCH_SIZE):
                for item in page:
                    if is_key(item["path"]) and item["path"] != _CHECK_KEY:
                        yield FileInfo(item["path"], item["size"], item["last_modified"])

    def check(self) -> None:
        """Write and read a file, always the same one, without retries. Raises Unavailable if that is not possible."""
        with _in_words(missing=NO_BUCKET):
            obstore.put(self._probe, _CHECK_KEY, _CHECKED)
            content = bytes(obstore.get(self._probe, _CHECK_KEY).bytes())
        if content != _CHECKED:
            raise Unavailable("The file storage returned something other than what was stored.")


def _open(address: FilesAddress, *, retries: int, seconds: int) -> S3Store:
    """Return the client of a bucket; whatever variables for AWS the environment has, the address counts."""
    return S3Store(
        address.bucket,
        prefix=address.prefix or None,
        endpoint=address.endpoint,
        aws_endpoint_url_s3=address.endpoint,
        region=address.region,
        skip_signature=False,
        virtual_hosted_style_request=False,
        client_options={
            "allow_http": address.endpoint.startswith("http:"),
            "connect_timeout": timedelta(seconds=min(seconds, CONNECT_SECONDS)),
            "timeout": timedelta(seconds=seconds),
        },
        retry_config={
            "max_retries": retries,
            "retry_timeout": timedelta(seconds=RETRY_SECONDS),
            "backoff": {
                "init_backoff": timedelta(seconds=0.2),
                "max_backoff": timedelta(seconds=3),
                "base": 2,
            },
        },
        credential_provider=_credentials(address),
    )


def _credentials(address: FilesAddress) -> Callable[[], Any]:
    return lambda: {
        "access_key_id": address.access_key,
        "secret_access_key": address.secret_key,
        "token": None,
        "expires_at": None,
    }


@contextmanager
def _in_words(missing: str = "") -> Iterator[None]:
    """Raise errors of the library in words: NotFound if a file is missing, else Unavailable.

    With `missing`, a sentence, what does not exist is not the file.
    """
    try:
        yield
    except FileNotFoundError:
        raise (Unavailable(missing) if missing else NotFound(MISSING)) from None
    except (PermissionDeniedError, UnauthenticatedError) as error:
        _warn(error)
        raise Unavailable(REFUSED) from None
    except BaseError as error:
        _warn(error)
        status = _STATUS.search(str(error))
        raise Unavailable(_BY_STATUS.get(status[1] if status else "", SILENT)) from None


def _warn(error: BaseException) -> None:
    """Log an error by its first words: what follows repeats answers of the server, which may hold the access key."""
    reason = re.split(r"[<\n]", str(error), maxsplit=1)[0][:300].strip()
    log.warning("the file storage failed", reason=reason)
