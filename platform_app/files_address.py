"""Files address: a storage with the API of S3 written as one URL, as settings hold it."""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

_SCHEMES = {"s3": "https", "s3+http": "http"}
_FORM = (
    "an address such as s3://key:secret@storage.example.com/bucket/folder?region=us-east-1, or s3+http://… without TLS"
)
_ENCODING = "the key and the secret are percent-encoded: / is %2F, + is %2B, @ is %40"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_REGION = re.compile(r"[A-Za-z0-9-]{1,60}")


class FilesAddress(NamedTuple):
    """A bucket and how to sign in: `endpoint` is its server's address, `prefix` the folder in the bucket or ""."""

    endpoint: str
    bucket: str
    prefix: str
    region: str
    access_key: str
    secret_key: str

    @property
    def place(self) -> str:
        """Where the files are, without key and secret."""
        return f"{self.endpoint}/{self.bucket}{'/' if self.prefix else ''}{self.prefix}"


def parse_files_url(url: str) -> FilesAddress:
    """Return the parts of s3:// (HTTPS) or s3+http://; raises ValueError for others, whose text has no secret."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:  # its text holds what stands in place of the port, which may be a part of the secret
        raise ValueError(f"{_FORM}; {_ENCODING}") from None
    if parts.scheme not in _SCHEMES or not host or parts.fragment or not parts.username or not parts.password:
        raise ValueError(_FORM)
    if "@" in parts.path or "@" in parts.query:
        raise ValueError(_ENCODING)
    bucket, *folders = [part for part in parts.path.split("/") if part] or [""]
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    region = options.pop("region", "us-east-1")
    if not _BUCKET.fullmatch(bucket) or not all(map(_FOLDER.fullmatch, folders)) or not _REGION.fullmatch(region):
        raise ValueError(_FORM)
    if options:
        raise ValueError(f"{_FORM}; no other options")
    named = f"[{host}]" if ":" in host else host
    endpoint = f"{_SCHEMES[parts.scheme]}://{named}{f':{port}' if port else ''}"
    return FilesAddress(endpoint, bucket, "/".join(folders), region, unquote(parts.username), unquote(parts.password))
