"""Deliveries: the log of deliveries to incoming webhooks, and one delivery."""

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

OUTCOMES = {"accepted": ("Accepted", "green"), "duplicate": ("Duplicate|delivery", ""), "refused": ("Refused", "red")}
HEADER_WORDS = {
    "sender": "IP address",
    "user-agent": "User agent",
    "content-type": "Content type",
    "webhook-timestamp": "Signed at",
}
MAX_DIFF_CHARS = 50_000  # characters of a body


@dataclass
class DeliveryRow:
    """A delivery in the log."""

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
    """Headers and body of a received delivery, as its page shows them."""

    headers: list[Option] = field(default_factory=list)
    body: str = ""
    is_duplicate: bool = False
    is_cut: bool = False


def delivery_row(row: ReceivedDelivery, names: dict[str, str], identity: Identity, *, language: str) -> DeliveryRow:
    """Return the row of a delivery."""
    words, colour = OUTCOMES[row.outcome.value]
    return DeliveryRow(
        id=row.id,
        webhook_id=row.webhook_id,
        webhook=names.get(row.webhook_id, ""),
        words=translate(language, words),
        colour=colour,
        why=translate(language, row.why) if row.why else "",
        message_id=row.message_id,
        size=translate(language, "{count} B", count=format_decimal(row.size, locale=language)),
        event_id=row.event_id or "",
        when=relative_time(language, row.at, now(), identity.time_zone),
        exact=exact_time(language, row.at, identity.time_zone),
    )


class DeliveriesState(LogList, rx.State):
    """The log of deliveries."""

    rows: list[DeliveryRow] = []
    webhooks: list[Option] = []
    webhook: str = "all"
    outcome: str = "all"

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the log again when a delivery arrives."""
        async for _ in subscribe(self, "webhook"):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def filter_webhook(self, webhook: str) -> Any:
        """Show the deliveries to a webhook, or all."""
        return await self._set_filter("webhook", webhook)

    @handler(Role.VIEWER)
    async def filter_outcome(self, outcome: str) -> Any:
        """Show the deliveries with an outcome, or all."""
        return await self._set_filter("outcome", outcome)

    @rx.var
    def is_filtered(self) -> bool:
        """Whether filters are set."""
        return self.webhook != "all" or self.outcome != "all"

    def _filters(self) -> dict[str, Container[str] | None]:
        return {"webhook": None, "outcome": OUTCOMES}

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        asked = self._filter_arguments(webhook_id="webhook", outcome="outcome")
        listed, names = await fetch(self, _read, asked, self.page)
        self.webhooks = [
            Option(webhook_id, name) for webhook_id, name in sorted(names.items(), key=lambda pair: pair[1])
        ]
        self.has_more = len(listed) > delivery_log.PAGE_SIZE
        self.rows = [delivery_row(row, names, identity, language=language) for row in listed[: delivery_log.PAGE_SIZE]]
        self.loaded = True


def _read(
    session: Transaction, who: Identity, asked: dict[str, Any], page: int
) -> tuple[list[ReceivedDelivery], dict[str, str]]:
    return delivery_log.list_deliveries(session, who, page=page, **asked), delivery_log.webhook_names(session, who)


class DeliveryState(rx.State):
    """The delivery in the address."""

    head: DeliveryRow = DeliveryRow()
    view: DeliveryView = DeliveryView()

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the delivery in the address."""
        self.head, self.view = DeliveryRow(), DeliveryView()
        identity, language = await current_identity(self), (await current_user(self)).language
        row, names = await fetch(self, _read_delivery, self.router.url.path.rstrip("/").rsplit("/", 1)[-1])
        self.view = delivery_view(row, identity, language)
        self.head = delivery_row(row, names, identity, language=language)


def _read_delivery(session: Transaction, who: Identity, delivery_id: str) -> tuple[ReceivedDelivery, dict[str, str]]:
    return delivery_log.get(session, who, delivery_id), delivery_log.webhook_names(session, who)


def delivery_view(row: ReceivedDelivery, identity: Identity, language: str) -> DeliveryView:
    """Return headers and body of a delivery, with a JSON body indented."""
    kept = row.headers | {
        "webhook-timestamp": _moment(str(row.headers.get("webhook-timestamp", "")), identity, language)
    }
    shown = [Option(translate(language, words), str(kept.get(name, ""))) for name, words in HEADER_WORDS.items()]
    body = _format_body(row.body)
    return DeliveryView(
        headers=[header for header in shown if header.name],
        body=body[:MAX_DIFF_CHARS],
        is_duplicate=row.outcome == DeliveryOutcome.DUPLICATE,
        is_cut=len(body) > MAX_DIFF_CHARS
        or (row.outcome != DeliveryOutcome.DUPLICATE and len(row.body.encode()) < row.size),
    )


def _moment(stamp: str, identity: Identity, language: str) -> str:
    """Return a Unix timestamp in seconds as a time, or the text unchanged if it is none."""
    seconds = parse_whole(stamp, 10**10)
    at = datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
    return exact_time(language, at, identity.time_zone) if at else stamp


def _format_body(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2).encode("utf-8", "replace").decode()
    except (ValueError, RecursionError):
        return body
