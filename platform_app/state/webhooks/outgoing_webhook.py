"""Outgoing webhook: an outgoing webhook: settings, events, secret and latest deliveries."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import Invalid, PlatformError
from platform_app.form_fields import WRONG_VALUE
from platform_app.i18n import exact_time, plural, translate
from platform_app.models.event import EventKind
from platform_app.models.outgoing_webhook import OUTGOING_FORM, OutgoingDelivery, OutgoingWebhook
from platform_app.models.person import Identity, Role
from platform_app.services.webhooks import outgoing_log, outgoing_webhooks, webhook_secrets
from platform_app.state.console import browser
from platform_app.state.console.base import (
    call,
    current_identity,
    current_user,
    error_toast,
    fetch,
    handler,
    success_toast,
)
from platform_app.state.console.field_problems import FieldProblems
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.one_time_secret import reveal_once
from platform_app.state.rules.rule_words import TRIGGERS
from platform_app.state.webhooks.outgoing_webhooks import address_words
from platform_app.state.webhooks.sent import SentRow, sent_row

MAX_DELIVERIES = 10  # deliveries beside the settings
KIND_GROUPS: dict[str, tuple[EventKind, ...]] = {
    "Conversations": (
        EventKind.MESSAGE_RECEIVED,
        EventKind.REPLY_SENT,
        EventKind.MEMBER_REPLIED,
        EventKind.CONVERSATION_STARTED,
        EventKind.CONVERSATION_CLOSED,
        EventKind.CONVERSATION_REOPENED,
        EventKind.CONVERSATION_RATED,
        EventKind.CONVERSATION_ASSIGNED,
        EventKind.CONVERSATION_SNOOZED,
        EventKind.SNOOZE_ENDED,
        EventKind.HANDED_OFF,
        EventKind.TAKEN_OVER,
        EventKind.HANDED_BACK,
        EventKind.NO_REPLY,
        EventKind.APPROVAL_REQUESTED,
        EventKind.APPROVAL_OVERDUE,
        EventKind.REPLY_APPROVED,
        EventKind.REPLY_REJECTED,
        EventKind.MESSAGE_HELD,
    ),
    "Contacts and leads": (
        EventKind.CONTACT_CREATED,
        EventKind.CONTACT_UPDATED,
        EventKind.OPTED_OUT,
        EventKind.LEAD_CREATED,
        EventKind.LEAD_UPDATED,
        EventKind.STAGE_CHANGED,
        EventKind.TAG_ADDED,
        EventKind.NOTE_ADDED,
        EventKind.TASK_CREATED,
        EventKind.TASK_COMPLETED,
        EventKind.TASK_DUE,
    ),
    "Automation and members": (
        EventKind.SEQUENCE_FINISHED,
        EventKind.SCHEDULE,
        EventKind.WEBHOOK_RECEIVED,
        EventKind.MANUAL,
        EventKind.MEMBER_INVITED,
        EventKind.INVITATION_REVOKED,
        EventKind.MEMBER_JOINED,
        EventKind.MEMBER_CHANGED,
        EventKind.MEMBER_REMOVED,
    ),
}


@dataclass
class KindLine:
    """A kind of event that can be subscribed to."""

    kind: str
    words: str
    selected: bool


@dataclass
class KindGroup:
    """Kinds of events under a heading."""

    name: str
    kinds: list[KindLine]


class OutgoingWebhookState(FieldProblems, rx.State):
    """The outgoing webhook in the address."""

    webhook_key: str = ""  # changes with every load, which redraws the fields
    name: str = ""
    initial: dict[str, str] = {}
    address: str = ""
    enabled: bool = True
    notice: str = ""  # why nothing is delivered
    groups: list[KindGroup] = []
    chosen_words: str = ""
    renewal_note: str = ""
    renewal_dialog_open: bool = False
    deliveries: list[SentRow] = []
    has_failed: bool = False
    _loads: int = 0

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the webhook and fill the form."""
        self.webhook_key, self.renewal_dialog_open, self.problems = "", False, {}
        row = await fetch(self, outgoing_webhooks.get, self._id())
        shown = await current_identity(self)
        self.initial = {"name": row.name, "url": row.url if shown.role.includes(Role.ADMIN) else ""}
        await self._fetch()
        self._loads += 1
        self.webhook_key = f"{row.id}-{self._loads}"

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the webhook again when it changes or something is sent."""
        async for _ in subscribe(self, "outgoing_webhook"):
            async with self:
                if self.webhook_key:
                    await self._fetch()

    @handler(Role.ADMIN)
    async def save(self, field: str, value: Any) -> None:
        """Save a setting, or show the problem at the field. Raises Invalid if the field is unknown."""
        if field not in OUTGOING_FORM:
            raise Invalid(WRONG_VALUE)
        if await self._save_field(field, outgoing_webhooks.save, self._id(), {field: value}):
            await self._fetch()

    @handler(Role.ADMIN)
    async def subscribe_to(self, kind: str, wanted: bool) -> None:
        """Subscribe to a kind of event, or no longer."""
        await call(self, outgoing_webhooks.set_subscribed, self._id(), kind, wanted=wanted)
        await self._fetch()

    @handler(Role.ADMIN)
    async def subscribe_to_all(self, wanted: bool) -> None:
        """Subscribe to every kind of event, or to none."""
        kinds = [kind.value for kind in EventKind] if wanted else []
        await call(self, outgoing_webhooks.subscribe, self._id(), kinds)
        await self._fetch()

    @handler(Role.OPERATOR)
    async def switch(self, enabled: bool) -> None:
        """Switch the webhook on or off; what waits to be sent is dropped when it is switched off."""
        await call(self, outgoing_webhooks.set_enabled, self._id(), enabled=enabled)
        await self._fetch()

    @handler(Role.ADMIN)
    async def rotate_secret(self) -> Any:
        """Create a new secret and show it once."""
        row = await call(self, outgoing_webhooks.rotate_secret, self._id())
        self.renewal_dialog_open = True
        await self._fetch()
        return reveal_once(webhook_secrets.get_secret(row))

    @handler(Role.ADMIN)
    async def set_renewal_dialog_open(self, is_open: bool) -> None:
        """Open or close the dialog with the new secret."""
        self.renewal_dialog_open = is_open

    @handler(Role.OPERATOR)
    async def send_test(self) -> Any:
        """Send a test event; the latest deliveries show what came of it."""
        try:
            await call(self, outgoing_log.send_test, self._id())
        except PlatformError as error:
            return await error_toast(self, error)
        await self._fetch()
        return await success_toast(self, "A test event is on its way.")

    @handler(Role.OPERATOR)
    async def send_failed_again(self) -> Any:
        """Send again what was not delivered."""
        try:
            count = await call(self, outgoing_log.send_failed_again, self._id())
        except PlatformError as error:
            return await error_toast(self, error)
        await self._fetch()
        language = (await current_user(self)).language
        words = plural(language, "{count} delivery is sent again.", "{count} deliveries are sent again.", count)
        return browser.toast_success(words)

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    async def _fetch(self) -> None:
        """Fetch everything but the form."""
        identity, language = await current_identity(self), (await current_user(self)).language
        row, listed, failed = await fetch(self, _read, self._id())
        self.name, self.enabled, self.address = row.name, row.enabled, address_words(row, identity)
        self.notice, self.has_failed = _notice(row, identity, language), bool(failed)
        self.groups = [_group(name, kinds, row, language) for name, kinds in KIND_GROUPS.items()]
        count = {"count": len(row.kinds), "all": len(EventKind)}
        self.chosen_words = translate(language, "{count} of {all} chosen", **count)
        last = row.former_until if webhook_secrets.is_former_valid(row) else None
        until = exact_time(language, last, identity.time_zone) if last else ""
        note = "Until {when} everything is signed with the secret before too."
        self.renewal_note = translate(language, note, when=until) if until else ""
        names = {row.id: row.name}
        self.deliveries = [sent_row(one, names, identity, language=language) for one in listed[:MAX_DELIVERIES]]


def _read(
    session: Transaction, who: Identity, webhook_id: str
) -> tuple[OutgoingWebhook, list[OutgoingDelivery], list[OutgoingDelivery]]:
    row = outgoing_webhooks.get(session, who, webhook_id)
    listed = outgoing_log.list_deliveries(session, who, webhook_id=row.id, size=MAX_DELIVERIES)
    failed = outgoing_log.list_deliveries(session, who, webhook_id=row.id, state="failed", size=1)
    return row, listed, failed


def _notice(row: OutgoingWebhook, identity: Identity, language: str) -> str:
    if row.stopped_why:
        why = translate(language, row.stopped_why)
        return translate(language, "The platform has turned it off. {why}", why=why)
    if not row.failing_since:
        return ""
    since = exact_time(language, row.failing_since, identity.time_zone)
    return translate(
        language, "The address has failed since {when}. After five days the webhook is turned off.", when=since
    )


def _group(name: str, kinds: tuple[EventKind, ...], row: OutgoingWebhook, language: str) -> KindGroup:
    lines = [KindLine(kind.value, translate(language, TRIGGERS[kind.value]), kind.value in row.kinds) for kind in kinds]
    return KindGroup(translate(language, name), lines)
