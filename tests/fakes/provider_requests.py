"""Provider requests: what a fake model provider was asked, read from its connection."""

import asyncio
import json
from dataclasses import dataclass
from email import message_from_bytes
from typing import Any


@dataclass
class Asked:
    """One request as the provider got it."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def prompt(self) -> str:
        """The first message: what the platform tells the model."""
        return str(self.body["messages"][0]["content"])


async def read_request(reader: asyncio.StreamReader) -> Asked | None:
    """Read one request; nothing at the end of the connection."""
    try:
        begin = await reader.readexactly(1)
        if begin == b"\x16":  # somebody tries TLS
            return None
        head = (begin + await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await _read_body(reader, headers)
    if headers.get("content-type", "").startswith("multipart/"):
        return Asked(first.split()[1], headers, _form(headers["content-type"], body))
    return Asked(first.split()[1], headers, json.loads(body or b"{}"))


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    """Read a body with its length, or in chunks."""
    if "content-length" in headers or headers.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(headers.get("content-length", 0)))
    body = b""
    while size := int((await reader.readline()).strip() or b"0", 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


def _form(kind: str, body: bytes) -> dict[str, Any]:
    """Return the fields of a form; a file is its name and its content."""
    parts = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body).get_payload()
    fields: dict[str, Any] = {}
    for part in parts if isinstance(parts, list) else []:
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        fields[str(name)] = (part.get_filename(), content) if part.get_filename() else content.decode()
    return fields
