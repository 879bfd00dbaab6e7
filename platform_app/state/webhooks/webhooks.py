"""Webhooks: the list of incoming webhooks, and the dialog that creates one."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app import fact_snapshots
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import Conflict, Invalid
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.person import Identity, Role
from platform_app.models.webhook import IncomingWebhook
from platform_app.services.channels import public_addresses
from platform_app.services.webhooks import incoming_webhooks, webhook_secrets
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.one_time_secret import reveal_once
from platform_app.state.console.page_address import replace_query
from platform_app.state.console.undo import SoftDelete, Undo

TABS = ("incoming", "received", "outgoing", "sent")


@dataclass
class WebhookRow:
    """A webhook in the list."""

    id: str
    name: str
    agent: str
    address: str  # for those who manage webhooks: it may be all that protects one
    signed: bool
    enabled: bool
    when: str
    exact: str


def address_of(row: IncomingWebhook, identity: Identity, origin: str) -> str:
    """Return the address of a webhook for admins, an error text if it cannot be decrypted, "" for others."""
    if not identity.role.includes(Role.ADMIN):
        return ""
    try:
        return public_addresses.shown_hook_address(f"/hooks/{webhook_secrets.get_address(row)}", origin)
    except Conflict as error:
        return translate(identity.language, error.sentence)


class WebhooksState(Undo, rx.State):
    """The list of incoming webhooks."""

    tab: str = TABS[0]
    rows: list[WebhookRow] = []
    total_words: str = ""
    dialog_open: bool = False
    problem: str = ""
    created_id: str = ""  # the webhook that was made in the dialog
    created_address: str = ""
    new_signed: bool = True
    loaded: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Set the tab from the address, and fetch."""
        asked = self.router.url.query_parameters.get("tab")
        self.tab = asked if asked in TABS else TABS[0]
        self.undo_sentence, self.dialog_open = "", False
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again when a webhook changes."""
        async for _ in subscribe(self, "webhook"):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def show_tab(self, tab: str) -> Any:
        """Change the tab; the address keeps it. Raises Invalid for an unknown tab."""
        if tab not in TABS:
            raise Invalid("This value isn’t allowed.")
        self.tab = tab
        return replace_query(tab="" if tab == TABS[0] else tab)

    @handler(Role.ADMIN)
    async def set_dialog_open(self, is_open: bool) -> None:
        """Open or close the dialog for a new webhook."""
        self.dialog_open = is_open
        self.created_id, self.created_address, self.new_signed, self.problem = "", "", True, ""

    @handler(Role.ADMIN)
    async def set_new_signed(self, signed: bool) -> None:
        """Set whether the new webhook requires signed deliveries."""
        self.new_signed = signed

    @handler(Role.ADMIN)
    async def create(self, form: dict[str, Any]) -> Any:
        """Create a webhook; show its address and its secret once."""
        try:
            row = await call(self, incoming_webhooks.create, name=str(form.get("name", "")), signed=self.new_signed)
        except Invalid as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            return None
        self.created_id, self.created_address = (
            row.id,
            address_of(row, await current_identity(self), self.router.headers.origin),
        )
        self.problem = ""
        await self._fetch()
        return reveal_once(webhook_secrets.get_secret(row)) if row.signed else None

    @handler(Role.OPERATOR)
    async def switch(self, webhook_id: str, enabled: bool) -> None:
        """Switch a webhook on or off; off answers as if there were no such address."""
        await call(self, incoming_webhooks.set_enabled, webhook_id, enabled=enabled)
        await self._fetch()

    @handler(Role.ADMIN)
    async def delete(self, row_id: str) -> Any:
        """Delete a webhook and offer to undo it."""
        row = await call(self, incoming_webhooks.delete, row_id)
        await self._fetch()
        return await self._offer_undo(row_id, row.name)

    @handler(Role.ADMIN)
    async def undo(self) -> Any:
        """Restore the webhook that was deleted last."""
        self.undo_sentence = ""
        await call(self, incoming_webhooks.restore, self._undo_id)
        await self._fetch()
        return await success_toast(self, "Restored.")

    def _soft_delete(self) -> SoftDelete:
        return SoftDelete(incoming_webhooks.delete, incoming_webhooks.restore)

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        listed, names = await fetch(self, _read)
        origin = self.router.headers.origin
        self.rows = [_row(row, names, identity, language=language, origin=origin) for row in listed]
        self.total_words = plural(language, "{count} webhook", "{count} webhooks", len(listed))
        self.loaded = True


def _read(session: Transaction, who: Identity) -> tuple[list[IncomingWebhook], dict[str, str]]:
    return incoming_webhooks.list_webhooks(session, who), fact_snapshots.entity_names(session, who.tenant_id)


def _row(row: IncomingWebhook, names: dict[str, str], identity: Identity, *, language: str, origin: str) -> WebhookRow:
    at = row.received_at
    return WebhookRow(
        id=row.id,
        name=row.name,
        agent=names.get(row.agent_id or "", ""),
        address=address_of(row, identity, origin),
        signed=row.signed,
        enabled=row.enabled,
        when=relative_time(language, at, now(), identity.time_zone) if at else "",
        exact=exact_time(language, at, identity.time_zone) if at else "",
    )
