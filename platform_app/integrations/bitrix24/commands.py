"""Bitrix24 commands: calls of methods and pages of lists, as single requests and batches take them; addresses."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from platform_app.errors import Invalid

PAGE_SIZE = 50  # of every list
NOT_AN_ADDRESS = "Enter the address of an incoming webhook, such as https://shop.bitrix24.com/rest/1/abc123/."
REFERENCE = "$result"  # Bitrix24 fills it with results of other calls of a batch
_PATH = re.compile(r"/rest/([1-9]\d{0,9})/([A-Za-z0-9]{6,80})(?:/.*)?", re.ASCII | re.DOTALL)
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?", re.ASCII)
Item = dict[str, Any]
CREATED = object()  # in params of a command: the id of what the command before it creates


@dataclass(frozen=True)
class Command:
    """A call of a method."""

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method}?{urlencode(list(_flat(self.params)))}"

    @property
    def has_reference(self) -> bool:
        """Whether a text, which may come from anybody, would be filled with results of other calls in a batch."""
        return any(REFERENCE in text for _, text in _flat(self.params))

    def filled(self, external_id: str) -> "Command":
        """Return the call with an id, or a reference to one, in place of CREATED."""
        params = {name: external_id if value is CREATED else value for name, value in self.params.items()}
        return Command(self.method, params)


@dataclass(frozen=True)
class Listing:
    """A list that is read in the order of its ids, which changes do not disturb."""

    method: str
    where: Mapping[str, Any] = field(default_factory=dict)  # its filter
    select: Sequence[str] = ()
    id_name: str = "ID"  # of an item
    within: str = ""  # the name of the list in the result, "" if the result is the list

    def page(self, after: str) -> Command:
        """Return the call for the items behind an id, which are not counted by `start` -1."""
        params = {"filter": {**self.where, ">ID": after}, "order": {"ID": "ASC"}, "select": list(self.select)}
        return Command(self.method, params | {"start": -1})

    def last_of(self, key: str) -> str:
        """Return the reference to the last id of a full page that another call of the batch has read."""
        return f"{REFERENCE}[{key}]{f'[{self.within}]' if self.within else ''}[{PAGE_SIZE - 1}][{self.id_name}]"

    def items(self, result: Any) -> list[Item]:
        """Return the items of a result."""
        held = result.get(self.within) if self.within and isinstance(result, dict) else result
        return [item for item in held if isinstance(item, dict)] if isinstance(held, list) else []


def _flat(params: Any, name: str = "") -> Iterable[tuple[str, str]]:
    """Yield the fields of a form whose names hold brackets, as PHP reads them."""
    if isinstance(params, Mapping):
        pairs: Iterable[tuple[Any, Any]] = params.items()
    elif isinstance(params, (list, tuple)):
        pairs = enumerate(params)
    else:
        yield name, "" if params is None else str(params)
        return
    for key, value in pairs:
        yield from _flat(value, f"{name}[{key}]" if name else str(key))


def parse_address(written: str) -> tuple[str, str]:
    """Return the host of a portal and "{user}/{code}" from the address of a webhook. Raises Invalid at `token`."""
    try:
        parts = urlsplit(written.strip())
        host = (parts.hostname or "").encode("idna").decode() + (f":{parts.port}" if parts.port else "")
    except (ValueError, UnicodeError):
        raise Invalid(NOT_AN_ADDRESS, field="token") from None
    path = _PATH.fullmatch(parts.path)
    if parts.scheme != "https" or "@" in parts.netloc or path is None or len(host) > 64 or not _HOST.fullmatch(host):
        raise Invalid(NOT_AN_ADDRESS, field="token")
    return host, f"{path[1]}/{path[2]}"
