"""Sent: the log of what was sent to outgoing webhooks, and one delivery with its attempts."""

import json
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import PlatformError
from platform_app.i18n import exact_time, relative_time, translate, translate_stored
from platform_app.models.outgoing_webhook import TEST_TYPE, OutgoingDelivery
from platform_app.models.person import Identity, Role
from platform_app.services.webhooks import outgoing_log, outgoing_payloads
from platform_app.state.console.base import (
    call,
    current_identity,
    current_user,
    error_toast,
    fetch,
    handler,
    success_toast,
)
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.log_list import LogList
from platform_app.state.console.option_lists import Option
from platform_app.state.rules.rule_words import TRIGGERS

STATES = {
    "waiting": ("Waiting", "amber"),
    "sending": ("Being sent", "blue"),
    "delivered": ("Delivered", "green"),
    "failed": ("Not delivered", "red"),
}
TEST_LABEL = "Test event"
TYPES = {TEST_TYPE: TEST_LABEL} | TRIGGERS


@dataclass
class SentRow:
    """A delivery in the log."""

    id: str = ""
    webhook_id: str = ""
    webhook: str = ""
    kind: str = ""  # the event's, in words
    words: str = ""
    colour: str = ""
    why: str = ""
    attempts: str = ""
    status: str = ""
    next_words: str = ""  # when the next attempt is, if one is planned
    event_id: str = ""
    when: str = ""
    exact: str = ""
    can_resend: bool = False


@dataclass
class AttemptLine:
    """An attempt, as the page of a delivery shows it."""

    when: str
    words: str
    colour: str
    seconds: str
    answer: str


@dataclass
class SentView:
    """What was sent, and the attempts, the newest first."""

    message_id: str = ""
    type: str = ""
    body: str = ""
    attempts: list[AttemptLine] = field(default_factory=list)


def sent_row(row: OutgoingDelivery, names: dict[str, str], identity: Identity, *, language: str) -> SentRow:
    """Return the row of a delivery."""
    words, colour = STATES[row.state.value]
    planned = exact_time(language, row.next_at, identity.time_zone) if row.next_at else ""
    return SentRow(
        id=row.id,
        webhook_id=row.outgoing_id,
        webhook=names.get(row.outgoing_id, ""),
        kind=translate(language, TYPES.get(row.type, row.type)),
        words=translate(language, words),
        colour=colour,
        why=translate_stored(language, row.error, row.error_values) if row.error else "",
        attempts=str(len(row.history)),
        status=str(row.status) if row.status else "",
        next_words=translate(language, "Next attempt: {when}", when=planned) if planned else "",
        event_id=row.event_id or "",
        when=relative_time(language, row.created_at, now(), identity.time_zone),
        exact=exact_time(language, row.created_at, identity.time_zone),
        can_resend=row.finished_at is not None,
    )


class SentState(LogList, rx.State):
    """The log of what was sent."""

    rows: list[SentRow] = []
    webhooks: list[Option] = []
    target: str = "all"
    state: str = "all"
    type: str = "all"

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the log again when something is sent."""
        async for _ in subscribe(self, "outgoing_webhook"):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def filter_target(self, webhook: str) -> Any:
        """Show what was sent to a webhook, or all."""
        return await self._set_filter("target", webhook)

    @handler(Role.VIEWER)
    async def filter_state(self, state: str) -> Any:
        """Show the deliveries in a state, or all."""
        return await self._set_filter("state", state)

    @handler(Role.VIEWER)
    async def filter_type(self, kind: str) -> Any:
        """Show the deliveries of a kind of event, or all."""
        return await self._set_filter("type", kind)

    @rx.var
    def is_filtered(self) -> bool:
        """Whether filters are set."""
        return (self.target, self.state, self.type) != ("all", "all", "all")

    def _filters(self) -> dict[str, Container[str] | None]:
        return {"target": None, "state": STATES, "type": TYPES}

    def _page_name(self) -> str:
        return "sent_page"

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        asked = self._filter_arguments(webhook_id="target", state="state", kind="type")
        listed, names = await fetch(self, _read, asked, self.page)
        self.webhooks = [Option(row_id, name) for row_id, name in sorted(names.items(), key=lambda pair: pair[1])]
        self.has_more = len(listed) > outgoing_log.PAGE_SIZE
        self.rows = [sent_row(row, names, identity, language=language) for row in listed[: outgoing_log.PAGE_SIZE]]
        self.loaded = True


def _read(
    session: Transaction, who: Identity, asked: dict[str, Any], page: int
) -> tuple[list[OutgoingDelivery], dict[str, str]]:
    return outgoing_log.list_deliveries(session, who, page=page, **asked), outgoing_log.webhook_names(session, who)


class SentDeliveryState(rx.State):
    """The delivery in the address."""

    head: SentRow = SentRow()
    view: SentView = SentView()

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the delivery in the address."""
        self.head, self.view = SentRow(), SentView()
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the delivery again when something is sent."""
        async for _ in subscribe(self, "outgoing_webhook"):
            async with self:
                if self.head.id:
                    await self._fetch()

    @handler(Role.OPERATOR)
    async def send_again(self) -> Any:
        """Send the delivery again, with the same webhook-id."""
        try:
            await call(self, outgoing_log.send_again, self._id())
        except PlatformError as error:
            return await error_toast(self, error)
        await self._fetch()
        return await success_toast(self, "It is sent again.")

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        row, names, body = await fetch(self, _read_delivery, self._id())
        self.view = _view(row, body, identity, language)
        self.head = sent_row(row, names, identity, language=language)


def _read_delivery(
    session: Transaction, who: Identity, delivery_id: str
) -> tuple[OutgoingDelivery, dict[str, str], str]:
    row = outgoing_log.get(session, who, delivery_id)
    return row, outgoing_log.webhook_names(session, who), outgoing_payloads.body_of(session, row) or ""


def _view(row: OutgoingDelivery, body: str, identity: Identity, language: str) -> SentView:
    """Return what a delivery's page shows, with its JSON indented."""
    shown = json.dumps(json.loads(body), ensure_ascii=False, indent=2) if body else ""
    attempts = [_attempt(kept, identity, language) for kept in reversed(row.history)]
    return SentView(message_id=row.message_id, type=row.type, body=shown, attempts=attempts)


def _attempt(kept: dict[str, Any], identity: Identity, language: str) -> AttemptLine:
    status, error = kept.get("status"), str(kept.get("error", ""))
    told = translate(language, "The address answered {status}.", status=status)
    return AttemptLine(
        when=exact_time(language, datetime.fromisoformat(kept["at"]), identity.time_zone),
        words=translate_stored(language, error, kept.get("values", {})) if error else told,
        colour="red" if error else "green",
        seconds=translate(language, "{count} ms", count=kept.get("ms", 0)),
        answer=str(kept.get("answer", "")),
    )
