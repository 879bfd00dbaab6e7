"""Received: the log of what came to webhooks, and one delivery with its body."""

import json
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import reflex as rx
from babel.numbers import format_decimal

from platform_app.automation.values import parse_whole
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.person import Identity, Role
from platform_app.models.webhook import DeliveryOutcome, ReceivedDelivery
from platform_app.services.webhooks import delivery_log
from platform_app.state.console.base import current_identity, current_user, fetch, handler
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.log_list import LogList
from platform_app.state.console.option_lists import Option

OUTCOMES = {"accepted": ("Accepted", "green"), "duplicate": ("Came before", ""), "refused": ("Refused", "red")}
HEADER_WORDS = {
    "sender": "Sent from",
    "user-agent": "Program of the sender",
    "content-type": "Type of the body",
    "webhook-timestamp": "Signed at",
}
MAX_DIFF_CHARS = 50_000  # characters of a body


@dataclass
class DeliveryRow:
    """A delivery as the log shows it."""

    id: str = ""
    webhook_id: str = ""
    webhook: str = ""
    words: str = ""
    colour: str = ""
    why: str = ""
    message_id: str = ""
    size: str = ""
    event_id: str = ""
    when: str = ""
    exact: str = ""


@dataclass
class DeliveryView:
    """What came with a delivery."""

    headers: list[Option] = field(default_factory=list)
    body: str = ""
    is_duplicate: bool = False
    is_cut: bool = False


def row_of(row: ReceivedDelivery, names: dict[str, str], identity: Identity, *, language: str) -> DeliveryRow:
    """Return a delivery as lists show it."""
    words, colour = OUTCOMES[row.outcome.value]
    return DeliveryRow(
        id=row.id,
        webhook_id=row.webhook_id,
        webhook=names.get(row.webhook_id, ""),
        words=translate(language, words),
        colour=colour,
        why=translate(language, row.why) if row.why else "",
        message_id=row.message_id,
        size=translate(language, "{count} bytes", count=format_decimal(row.size, locale=language)),
        event_id=row.event_id or "",
        when=relative_time(language, row.at, now()),
        exact=exact_time(language, row.at, identity.time_zone),
    )


class ReceivedState(LogList, rx.State):
    """The log of the tenant's webhooks."""

    rows: list[DeliveryRow] = []
    webhooks: list[Option] = []
    webhook: str = "all"
    outcome: str = "all"

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Show what comes in while the page is open."""
        async for _ in subscribe(self, "webhook"):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def filter_webhook(self, webhook: str) -> Any:
        """Show what came to one webhook."""
        return await self._set_filter("webhook", webhook)

    @handler(Role.VIEWER)
    async def filter_outcome(self, outcome: str) -> Any:
        """Show deliveries of one outcome."""
        return await self._set_filter("outcome", outcome)

    @rx.var
    def is_filtered(self) -> bool:
        """Whether a filter hides some deliveries."""
        return self.webhook != "all" or self.outcome != "all"

    def _filters(self) -> dict[str, Container[str] | None]:
        return {"webhook": None, "outcome": OUTCOMES}

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        asked = self._filter_arguments(webhook_id="webhook", outcome="outcome")
        found, names = await fetch(self, _read, asked, self.page)
        self.webhooks = [Option(webhook_id, name) for webhook_id, name in sorted(names.items(), key=lambda one: one[1])]
        self.has_more = len(found) > delivery_log.PAGE_SIZE
        self.rows = [row_of(row, names, identity, language=language) for row in found[: delivery_log.PAGE_SIZE]]
        self.loaded = True


def _read(
    session: Transaction, who: Identity, asked: dict[str, Any], page: int
) -> tuple[list[ReceivedDelivery], dict[str, str]]:
    return delivery_log.list_deliveries(session, who, page=page, **asked), delivery_log.webhook_names(session, who)


class DeliveryState(rx.State):
    """The delivery that the address names."""

    head: DeliveryRow = DeliveryRow()
    view: DeliveryView = DeliveryView()

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the delivery."""
        self.head, self.view = DeliveryRow(), DeliveryView()
        identity, language = await current_identity(self), (await current_user(self)).language
        row, names = await fetch(self, _read_one, self.router.url.path.rstrip("/").rsplit("/", 1)[-1])
        self.view = view_of(row, identity, language)
        self.head = row_of(row, names, identity, language=language)


def _read_one(session: Transaction, who: Identity, delivery_id: str) -> tuple[ReceivedDelivery, dict[str, str]]:
    return delivery_log.get(session, who, delivery_id), delivery_log.webhook_names(session, who)


def view_of(row: ReceivedDelivery, identity: Identity, language: str) -> DeliveryView:
    """Return what came with a delivery; a body in JSON with its lines set apart."""
    kept = row.headers | {
        "webhook-timestamp": _moment(str(row.headers.get("webhook-timestamp", "")), identity, language)
    }
    shown = [Option(translate(language, words), str(kept.get(name, ""))) for name, words in HEADER_WORDS.items()]
    body = _spread(row.body)
    return DeliveryView(
        headers=[one for one in shown if one.name],
        body=body[:MAX_DIFF_CHARS],
        is_duplicate=row.outcome == DeliveryOutcome.DUPLICATE,
        is_cut=len(body) > MAX_DIFF_CHARS
        or (row.outcome != DeliveryOutcome.DUPLICATE and len(row.body.encode()) < row.size),
    )


def _moment(stamp: str, identity: Identity, language: str) -> str:
    """Return the seconds since 1970 as a time; what is none as it is."""
    seconds = parse_whole(stamp, 10**10)
    at = datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
    return exact_time(language, at, identity.time_zone) if at else stamp


def _spread(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2).encode("utf-8", "replace").decode()
    except (ValueError, RecursionError):
        return body
