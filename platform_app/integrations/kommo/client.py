"""Client: calls of the API v4 of Kommo, paced for all workers, with a token that is renewed once when it is refused.

Nothing here repeats a request that creates something: after Uncertain look for it first (`lookups.py`).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from platform_app.integrations import egress
from platform_app.integrations.call_pace import MAX_WAIT_SECONDS
from platform_app.integrations.kommo import entities, errors, limits
from platform_app.integrations.kommo.hosts import product_of
from platform_app.integrations.kommo.limits import Limited
from platform_app.integrations.kommo.requests import Request, read_json, send, with_query
from platform_app.integrations.oauth_tokens import Access

PAGE_SIZE = 250  # most that the API gives
BATCH_SIZE = 50  # that the vendor advises
MAX_PAGES = 100_000
_ROOT = "/api/v4/"
_ACCOUNT = "amojo_id,amojo_rights,users_groups,task_types,version,entity_names,datetime_settings"
_LEADS = "contacts,loss_reason,source_id"


class AccessSource(Protocol):
    """Where a client gets its access from, such as a token that is stored and refreshed."""

    @property
    def integration_id(self) -> str:
        """Whose requests are counted together."""

    def current(self) -> Access:
        """Return the access that counts now. Raises Unauthorized if there is none."""

    def renew(self, refused: Access) -> Access:
        """Return another access in place of one that was refused. Raises Unauthorized if there is none."""


@dataclass(frozen=True)
class LongLivedToken:
    """The access of a private integration: a token that is made in Kommo and never refreshed."""

    access: Access
    integration_id: str = "private"

    def current(self) -> Access:
        """Return the access."""
        return self.access

    def renew(self, refused: Access) -> Access:
        """Raises Unauthorized: such a token cannot be renewed."""
        raise errors.Unauthorized(errors.REVOKED, product=product_of(refused.host))


@dataclass(frozen=True)
class Written:
    """What Kommo says of an item that was written; `request_id` is that of the item."""

    id: int
    request_id: str
    data: dict[str, Any]


class KommoClient:
    """Calls of one account. Each raises a KommoError if it fails; paths are those below /api/v4/."""

    def __init__(self, source: AccessSource, *, max_wait: float = MAX_WAIT_SECONDS) -> None:
        self._source, self._max_wait = source, max_wait  # seconds that a call may wait for its turn

    def account(self) -> entities.Account:
        """Return the account, with its time zone, kinds of tasks and id in the Chats API."""
        return entities.Account.model_validate(self.get("account", {"with": _ACCOUNT}))

    def pipelines(self) -> list[entities.Pipeline]:
        """Return all pipelines with their stages; they come in one page."""
        return entities.read_list(entities.Pipeline, embedded(self.get("leads/pipelines"), "pipelines"))

    def users(self) -> list[entities.User]:
        """Return the members of the account."""
        pages = self.pages("users", {"with": "role,group,amojo_id,uuid"})
        return [user for page in pages for user in entities.read_list(entities.User, page)]

    def custom_fields(self, kind: str) -> list[entities.CustomField]:
        """Return the custom fields of leads, contacts or companies."""
        pages = self.pages(f"{kind}/custom_fields", {})
        return [shown for page in pages for shown in entities.read_list(entities.CustomField, page)]

    def lead(self, lead_id: int) -> entities.Lead:
        """Return a lead with the contacts it is linked to. Raises EntityNotFound if there is none."""
        return entities.Lead.model_validate(self._entity(f"leads/{int(lead_id)}", _LEADS))

    def contact(self, contact_id: int) -> entities.Contact:
        """Return a contact. Raises EntityNotFound if there is none."""
        return entities.Contact.model_validate(self._entity(f"contacts/{int(contact_id)}", "leads"))

    def company(self, company_id: int) -> entities.Company:
        """Return a company. Raises EntityNotFound if there is none."""
        return entities.Company.model_validate(self._entity(f"companies/{int(company_id)}", ""))

    def _entity(self, path: str, more: str) -> dict[str, Any]:
        """Return an entity; Kommo says by an empty answer that there is none."""
        data = self.get(path, {"with": more or None})
        if not data.get("id"):
            raise errors.EntityNotFound(errors.MISSING, product=product_of(self._source.current().host))
        return data

    def get(self, path: str, query: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what is at a path; {} if Kommo says that there is nothing (204)."""
        return self._call("GET", with_query(_ROOT + path, query or {}))

    def pages(self, path: str, query: dict[str, Any] | None = None) -> Iterator[list[dict[str, Any]]]:
        """Yield the pages of a list, each of at most PAGE_SIZE items; nothing for an empty list."""
        for page in self.linked_pages(path, query):
            yield page.items

    def linked_pages(self, path: str, query: dict[str, Any] | None = None) -> Iterator["Page"]:
        """Yield the pages of a list with the address of the next one, at which `resume` goes on."""
        first = {"limit": PAGE_SIZE} | (query or {})
        yield from self.resume(with_query(_ROOT + path, first))

    def resume(self, address: str) -> Iterator["Page"]:
        """Yield the pages of a list from the one at an address that a former page named."""
        seen = set[str]()
        while address and address not in seen and len(seen) < MAX_PAGES:
            seen.add(address)
            data = self._call("GET", address)
            address = _next_path(data)
            if items := _only_list(data):
                yield Page(items, address)

    def create(self, path: str, items: Sequence[dict[str, Any]]) -> list[Written]:
        """Create up to BATCH_SIZE items; return what became of each, in their order, matched by request_id.

        Raises Uncertain if there is no answer, or one that does not say what became of an item; ValueError for more
        items.
        """
        sent = [{"request_id": str(place)} | item for place, item in enumerate(items)]
        answers = self._write("POST", path, sent)
        by_request = {_request_id(answer): answer for answer in answers}
        return [self._written(by_request, str(item["request_id"])) for item in sent]

    def update(self, path: str, items: Sequence[dict[str, Any]]) -> list[Written]:
        """Update up to BATCH_SIZE items by their id; return what became of each, in their order.

        A repeat has no further effect. Raises Uncertain if an item is missing in the answer, ValueError for more items.
        """
        answers = self._write("PATCH", path, items)
        by_id = {str(answer.get("id")): answer for answer in answers}
        return [self._written(by_id, str(item["id"])) for item in items]

    def delete(self, path: str, body: Any = None) -> None:
        """Delete what is at a path."""
        self._call("DELETE", _ROOT + path, body)

    def post(self, path: str, body: Any) -> dict[str, Any]:
        """Post a body to a path that is no list of items, such as salesbot/run; return the answer.

        A path that begins with a slash is not below /api/v4/.
        """
        return self._call("POST", path if path.startswith("/") else _ROOT + path, body)

    def patch(self, path: str, body: Any) -> dict[str, Any]:
        """Change what is at a path; a repeat has no further effect."""
        return self._call("PATCH", _ROOT + path, body)

    def _write(self, method: str, path: str, items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(items) > BATCH_SIZE:
            raise ValueError(f"{len(items)} items in one request")
        if not items:
            return []
        data = self._call(method, _ROOT + path, list(items))
        plain = data.get("items")  # of leads/complex
        return [item for item in plain if isinstance(item, dict)] if isinstance(plain, list) else _only_list(data)

    def _written(self, answers: dict[str, dict[str, Any]], key: str) -> Written:
        answer = answers.get(key)
        if answer is None or not isinstance(answer.get("id"), int):
            raise errors.Uncertain(errors.UNCERTAIN, product=product_of(self._source.current().host))
        return Written(answer["id"], str(answer.get("request_id", "")), answer)

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Send a request, a second time with a renewed token if the first one is refused."""
        content = b"" if body is None else json.dumps(body).encode()
        access = self._source.current()
        answer = self._send(access, method, path, content)
        if answer.status == 401:
            access = self._source.renew(access)
            answer = self._send(access, method, path, content)
        request = Request(method, access.host, path)
        if answer.status >= 400:
            error = _error(request, answer, Limited(access.host, self._source.integration_id))
            raise error
        data = read_json(request, answer)
        return data if isinstance(data, dict) else {"items": data}

    def _send(self, access: Access, method: str, path: str, content: bytes) -> egress.Download:
        limited = Limited(access.host, self._source.integration_id)
        headers = {"authorization": f"Bearer {access.token}", "accept": "application/json"}
        headers |= {"content-type": "application/json"} if content else {}
        with limits.turn(limited, max_wait=self._max_wait) as seconds:
            if seconds:
                raise errors.RateLimited(errors.BUSY, seconds=seconds, product=product_of(access.host))
            return send(Request(method, access.host, path, content, headers))


@dataclass(frozen=True)
class Page:
    """The items of a page, and the address of the next one, "" after the last."""

    items: list[dict[str, Any]]
    next_address: str


def embedded(data: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the items of a kind that are embedded in an answer."""
    held = data.get("_embedded")
    items = held.get(kind) if isinstance(held, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _only_list(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the items of the one list that an answer embeds."""
    held = data.get("_embedded")
    kinds = [kind for kind, items in held.items() if isinstance(items, list)] if isinstance(held, dict) else []
    return embedded(data, kinds[0]) if kinds else []


def _request_id(answer: dict[str, Any]) -> str:
    """Return whose answer it is; leads/complex gives a list of one."""
    given = answer.get("request_id")
    return str(given[0] if isinstance(given, list) and given else given)


def _next_path(data: dict[str, Any]) -> str:
    """Return path and query of the next page; the host is not taken from an answer."""
    links = data.get("_links")
    link = links.get("next") if isinstance(links, dict) else None
    href = link.get("href") if isinstance(link, dict) else None
    try:
        parts = urlsplit(str(href or ""))
    except ValueError:
        return ""
    return f"{parts.path}?{parts.query}" if parts.path.startswith(_ROOT) else ""


def _error(request: Request, answer: egress.Download, limited: Limited) -> errors.KommoError:
    """Return the error that a status from 400 on means; 429 and a block make all workers wait."""
    product = product_of(request.host)
    try:
        data = json.loads(answer.body)
    except (ValueError, RecursionError):
        data = None
    reason = _reason(data) or str(answer.status)
    if answer.status == 429:
        seconds = _retry_after(answer)
        limits.pause(limited, seconds)
        return errors.RateLimited(errors.BUSY, seconds=seconds, product=product)
    if answer.status == 403 and (not isinstance(data, dict) or limits.was_paused(limited)):
        limits.pause(limited, limits.BLOCK_SECONDS)
        return errors.RateLimited(errors.BUSY, seconds=limits.BLOCK_SECONDS, product=product)
    if answer.status == 401:
        return errors.Unauthorized(errors.REVOKED, product=product)
    if answer.status == 402:
        return errors.PaymentRequired(errors.NOT_PAID, product=product)
    if answer.status == 403:
        return errors.AccessDenied(errors.DENIED, product=product, reason=reason)
    if answer.status == 404:
        return errors.EntityNotFound(errors.MISSING, product=product)
    problems = _problems(data)
    told = "; ".join(str(problem) for problem in problems[:5]) or reason
    return errors.RefusedFields(errors.REFUSED, problems, product=product, reason=told[:400])


def _retry_after(answer: egress.Download) -> float:
    written = answer.headers.get("retry-after", "")
    return min(max(float(written), 1.0), 3_600.0) if written.isdecimal() else limits.PAUSE_SECONDS


def _reason(data: Any) -> str:
    if not isinstance(data, dict):
        return ""
    words = [str(data[name]) for name in ("detail", "hint", "title") if isinstance(data.get(name), str) and data[name]]
    return words[0][:200] if words else ""


def _problems(data: Any) -> list[errors.FieldProblem]:
    """Return what is wrong with each field, from validation-errors."""
    held = data.get("validation-errors") if isinstance(data, dict) else None
    return [
        errors.FieldProblem(str(item.get("request_id", "")), *(str(problem.get(n, ""))[:200] for n in _PROBLEM_PARTS))
        for item in (held if isinstance(held, list) else [])
        if isinstance(item, dict) and isinstance(item.get("errors"), list)
        for problem in item["errors"]
        if isinstance(problem, dict)
    ]


_PROBLEM_PARTS = ("path", "code", "detail")
