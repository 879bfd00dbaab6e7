"""Outgoing webhooks: the list of outgoing webhooks, and the dialog that creates one."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import reflex as rx

from platform_app.clock import now
from platform_app.errors import Invalid
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.outgoing_webhook import OutgoingWebhook
from platform_app.models.person import Identity, Role
from platform_app.services.webhooks import outgoing_webhooks, webhook_secrets
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.one_time_secret import reveal_once
from platform_app.state.console.undo import SoftDelete, Undo


@dataclass
class OutgoingWebhookRow:
    """An outgoing webhook in the list."""

    id: str
    name: str
    host: str
    colour: str
    words: str
    enabled: bool
    when: str
    exact: str


def address_words(row: OutgoingWebhook, identity: Identity) -> str:
    """Return the address of a webhook for admins; the host alone for others, since a path may hold a token."""
    return row.url if identity.role.includes(Role.ADMIN) else urlsplit(row.url).hostname or ""


def condition(row: OutgoingWebhook) -> tuple[str, str]:
    """Return the colour and the message id of how a webhook stands."""
    if row.stopped_why:
        return "red", "Turned off by the platform"
    if not row.enabled:
        return "", "Off"
    if row.failures:
        return "amber", "Its address fails"
    return ("green", "Delivers") if row.delivered_at else ("", "Nothing sent yet")


class OutgoingWebhooksState(Undo, rx.State):
    """The list of outgoing webhooks."""

    rows: list[OutgoingWebhookRow] = []
    total_words: str = ""
    dialog_open: bool = False
    problems: dict[str, str] = {}
    created_id: str = ""  # the webhook that was made in the dialog
    loaded: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the list."""
        self.undo_sentence, self.dialog_open = "", False
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again when a webhook changes."""
        async for _ in subscribe(self, "outgoing_webhook"):
            async with self:
                await self._fetch()

    @handler(Role.ADMIN)
    async def set_dialog_open(self, is_open: bool) -> None:
        """Open or close the dialog for a new webhook."""
        self.dialog_open, self.created_id, self.problems = is_open, "", {}

    @handler(Role.ADMIN)
    async def create(self, form: dict[str, Any]) -> Any:
        """Create a webhook and show its secret once, or a problem at its field."""
        name, url = str(form.get("name", "")), str(form.get("url", ""))
        try:
            row = await call(self, outgoing_webhooks.create, name=name, url=url)
        except Invalid as error:
            words = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problems = {error.field or "name": words}
            return None
        self.created_id, self.problems = row.id, {}
        await self._fetch()
        return reveal_once(webhook_secrets.get_secret(row))

    @handler(Role.OPERATOR)
    async def switch(self, webhook_id: str, enabled: bool) -> None:
        """Switch a webhook on or off; what waits to be sent is dropped when it is switched off."""
        await call(self, outgoing_webhooks.set_enabled, webhook_id, enabled=enabled)
        await self._fetch()

    @handler(Role.ADMIN)
    async def delete(self, row_id: str) -> Any:
        """Delete a webhook and offer to undo it."""
        row = await call(self, outgoing_webhooks.delete, row_id)
        await self._fetch()
        return await self._offer_undo(row_id, row.name)

    @handler(Role.ADMIN)
    async def undo(self) -> Any:
        """Restore the webhook that was deleted last."""
        self.undo_sentence = ""
        await call(self, outgoing_webhooks.restore, self._undo_id)
        await self._fetch()
        return await success_toast(self, "Restored.")

    def _soft_delete(self) -> SoftDelete:
        return SoftDelete(outgoing_webhooks.delete, outgoing_webhooks.restore)

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        listed = await fetch(self, outgoing_webhooks.list_webhooks)
        self.rows = [_row(row, identity, language) for row in listed]
        self.total_words = plural(language, "{count} webhook", "{count} webhooks", len(listed))
        self.loaded = True


def _row(row: OutgoingWebhook, identity: Identity, language: str) -> OutgoingWebhookRow:
    at, (colour, words) = row.delivered_at, condition(row)
    return OutgoingWebhookRow(
        id=row.id,
        name=row.name,
        host=urlsplit(row.url).hostname or "",
        colour=colour,
        words=translate(language, words),
        enabled=row.enabled,
        when=relative_time(language, at, now(), identity.time_zone) if at else "",
        exact=exact_time(language, at, identity.time_zone) if at else "",
    )
