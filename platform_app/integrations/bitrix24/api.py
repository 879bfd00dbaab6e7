"""Bitrix24 API: calls of a portal by an incoming webhook, single and in batches, and its lists.

Calls keep to the two requests a second that the vendor allows; a batch of up to 50 calls counts as one. Nothing here
repeats a call that creates something.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from platform_app.errors import Invalid
from platform_app.integrations import call_pace, crm_messages, egress
from platform_app.integrations.base import CallEntry, CrmBusy, CrmError, CrmUnreachable
from platform_app.integrations.bitrix24.commands import PAGE_SIZE, Command, Item, Listing
from platform_app.integrations.bitrix24.errors import (
    PAUSE_SECONDS,
    PRODUCT,
    error_of_call,
    error_of_status,
    lost_answer,
)
from platform_app.integrations.call_pace import Schedule

BATCH_SIZE = 50
PAGES_AT_ONCE = 5  # of a list, in one batch
PER_SECOND, SHARE = 2, 6 / 7  # what the vendor allows, and how much of it is used: calls may arrive closer together
TIMEOUT_SECONDS, MAX_RESPONSE_BYTES = 60.0, 30_000_000  # the vendor ends a call after a minute
MAX_PAGES = 400  # of a list that is read as a whole: a portal may say that there is always another one
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True)
class Answers:
    """What became of the calls of a batch, by key: results, errors, and where their next pages begin."""

    results: Mapping[str, Any]
    errors: Mapping[str, CrmError]
    next: Mapping[str, int]

    def result(self, key: str) -> Any:
        """Return the result of a call that reads. Raises CrmError if it failed or has none."""
        if key in self.errors:
            raise self.errors[key]
        if key not in self.results:
            raise CrmUnreachable(crm_messages.UNREADABLE, product=PRODUCT)
        return self.results[key]


class BitrixClient:
    """Calls of one portal; each raises a CrmError if it fails. `note` gets what is logged of it, without the code."""

    def __init__(
        self,
        host: str,
        code: str,
        *,
        note: Callable[[CallEntry], None] = lambda entry: None,
        max_wait: float = call_pace.MAX_WAIT_SECONDS,
    ) -> None:
        self.host, self.user_id = host, code.partition("/")[0]
        self._root, self._max_wait = f"https://{host}/rest/{code}", max_wait  # seconds to wait for a turn
        self._schedule = Schedule(f"platform:bitrix24:{host}", 1 / (PER_SECOND * SHARE))
        self._note = note

    def call(self, command: Command, *, creates: bool = False) -> Any:
        """Return the result of a call. Raises CrmUncertain if it `creates` something and there is no answer."""
        return self._send(command.method, dict(command.params), command.method, creates=creates)["result"]

    def batch(self, commands: Mapping[str, Command], *, creates: bool = False) -> Answers:
        """Make up to BATCH_SIZE calls in one request, one after another; a failed one does not stop the others.

        Raises CrmUncertain if they create something and there is no answer.
        """
        names = ",".join(dict.fromkeys(command.method for command in commands.values()))
        body = {"halt": 0, "cmd": {key: str(command) for key, command in commands.items()}}
        data = self._send("batch", body, f"batch:{names}", creates=creates)["result"]
        failed = mapping(data, "result_error")
        errors = {key: error_of_call(held if isinstance(held, dict) else {}, "", 0) for key, held in failed.items()}
        starts = {key: at for key, at in mapping(data, "result_next").items() if isinstance(at, int)}
        return Answers(mapping(data, "result"), errors, starts)

    def results(self, commands: Mapping[str, Command]) -> dict[str, Any]:
        """Return the results of any number of calls that read, by key. Raises CrmError if one of them fails."""
        results: dict[str, Any] = {}
        for part in _parts(list(commands.items()), BATCH_SIZE):
            answers = self.batch(dict(part))
            results |= {key: answers.result(key) for key, _ in part}
        return results

    def whole(self, commands: Mapping[str, Command]) -> dict[str, list[Item]]:
        """Return the whole lists of some calls by key, page by page."""
        lists: dict[str, list[Item]] = {key: [] for key in commands}
        waiting = dict(commands)
        for _ in range(MAX_PAGES):
            if not waiting:
                break
            coming: dict[str, Command] = {}
            for part in _parts(list(waiting.items()), BATCH_SIZE):
                answers = self.batch(dict(part))
                for key, command in part:
                    lists[key] += [item for item in answers.result(key) or [] if isinstance(item, dict)]
                    if (start := answers.next.get(key, 0)) > int(command.params.get("start") or 0):
                        coming[key] = Command(command.method, {**command.params, "start": start})
            waiting = coming
        return lists

    def pages(self, listing: Listing, after: str) -> tuple[list[Item], str]:
        """Return the next items behind an id, some pages at once, and the last id, "" if there are no more."""
        commands = {"p0": listing.page(after)}
        for place in range(1, PAGES_AT_ONCE):
            commands[f"p{place}"] = listing.page(listing.last_of(f"p{place - 1}"))
        answers, items = self.batch(commands), list[Item]()
        for key in commands:
            page = listing.items(answers.result(key))
            items += page
            if len(page) < PAGE_SIZE:  # what the next call refers to is not there: its result means nothing
                return items, ""
        return items, _next_after(listing, items, after)

    def everything(self, listings: Sequence[Listing]) -> list[list[Item]]:
        """Return all items of some lists: their first pages in one request, others list by list."""
        first = self.results({f"l{place}": listing.page("0") for place, listing in enumerate(listings)})
        lists = [listing.items(first.get(f"l{place}")) for place, listing in enumerate(listings)]
        for listing, items in zip(listings, lists, strict=True):
            after = _next_after(listing, items, "0") if len(items) >= PAGE_SIZE else ""
            while after:
                more, after = self.pages(listing, after)
                items += more
        return lists

    def _send(self, method: str, body: Item, logged: str, *, creates: bool) -> Item:
        """Send a request at its turn and return the answer."""
        if seconds := call_pace.take_turn([self._schedule], max_wait=self._max_wait):
            raise CrmBusy(crm_messages.BUSY, seconds=seconds, product=PRODUCT)
        began, status, problem = time.monotonic(), 0, ""
        try:
            answer = self._fetch(f"{self._root}/{method}.json", json.dumps(body).encode(), creates=creates)
            status = answer.status
            return self._read(answer, method, creates=creates)
        except CrmError as error:
            problem = error.sentence
            raise
        finally:
            milliseconds = round((time.monotonic() - began) * 1_000)
            self._note(CallEntry("POST", f"/rest/{logged}", status, milliseconds, problem))

    def _fetch(self, address: str, body: bytes, *, creates: bool) -> egress.Download:
        headers = {"content-type": "application/json", "accept": "application/json", "user-agent": "gpt-agents"}
        try:
            return egress.fetch(
                address, body, headers, seconds=TIMEOUT_SECONDS, max_bytes=MAX_RESPONSE_BYTES, is_trusted=False
            )
        except Invalid as error:
            raise CrmUnreachable(error.sentence) from None
        except _UNSENT:
            raise CrmUnreachable(crm_messages.UNREACHABLE, product=PRODUCT) from None  # the address holds a secret
        except (httpx.HTTPError, TimeoutError, OSError, egress.ResponseTooLarge):
            raise lost_answer(crm_messages.UNREACHABLE, creates=creates) from None

    def _read(self, answer: egress.Download, method: str, *, creates: bool) -> Item:
        try:
            data = json.loads(answer.body)
        except (ValueError, RecursionError):
            data = None
        if isinstance(data, dict) and "error" in data:
            error = error_of_call(data, method, answer.status)
            if isinstance(error, CrmBusy) and error.seconds == PAUSE_SECONDS:
                call_pace.pause(self._schedule.key, PAUSE_SECONDS)
            raise lost_answer(error.sentence, creates=True) if isinstance(error, CrmUnreachable) and creates else error
        if plain := error_of_status(answer):
            if isinstance(plain, CrmBusy):
                call_pace.pause(self._schedule.key, PAUSE_SECONDS)
            raise plain
        if answer.status >= 500:
            raise lost_answer(crm_messages.SERVER_ERROR, creates=creates, status=answer.status)
        if not isinstance(data, dict) or "result" not in data:
            raise lost_answer(crm_messages.UNREADABLE, creates=creates)
        return data


def _next_after(listing: Listing, items: Sequence[Item], after: str) -> str:
    """Return the last id of a full page, behind which the next one begins; "" if the ids do not grow."""
    last = str(items[-1].get(listing.id_name) or "")
    return last if last.isascii() and last.isdecimal() and int(last) > int(after) else ""


def mapping(data: Any, name: str) -> dict[str, Any]:
    """Return a part of the answer to a batch; PHP writes an empty one, and one with keys 0, 1, …, as a list."""
    held = data.get(name) if isinstance(data, dict) else None
    if isinstance(held, dict):
        return held
    return {str(key): value for key, value in enumerate(held)} if isinstance(held, list) else {}


def _parts(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
