"""Webhook: an incoming webhook: settings, secret, fields and latest deliveries."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import Invalid, PlatformError
from platform_app.form_fields import TYPED, WRONG_VALUE, Control
from platform_app.i18n import exact_time, translate
from platform_app.models.crm import FieldKind
from platform_app.models.person import Identity, Role
from platform_app.models.webhook import WEBHOOK_FORM, IncomingWebhook, ReceivedDelivery, WebhookField
from platform_app.services.webhooks import delivery_log, incoming_webhooks, webhook_fields, webhook_secrets
from platform_app.services.webhooks.webhook_fields import FieldSuggestion
from platform_app.state.console.base import call, current_identity, current_user, error_toast, fetch, handler
from platform_app.state.console.field_problems import FieldProblems
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.one_time_secret import reveal_once
from platform_app.state.console.option_lists import Option, agent_options
from platform_app.state.crm.crm_settings import FIELD_KINDS
from platform_app.state.webhooks.deliveries import DeliveryRow, delivery_row
from platform_app.state.webhooks.webhooks import address_of

NONE = "none"
MAX_DELIVERIES = 10  # deliveries beside the settings


@dataclass
class WebhookFieldLine:
    """A field of the webhook."""

    id: str
    name: str
    path: str
    kind: str
    variable: str


@dataclass
class SuggestedFieldLine:
    """A value of the last delivery that could become a field."""

    path: str
    kind: str
    kind_words: str
    text: str


@dataclass
class _PageData:
    webhook: IncomingWebhook
    fields: list[WebhookField]
    suggestions: list[FieldSuggestion]
    deliveries: list[ReceivedDelivery]
    agents: list[Option]


class WebhookState(FieldProblems, rx.State):
    """The webhook in the address."""

    webhook_key: str = ""  # changes with every load, which redraws the fields
    name: str = ""
    initial: dict[str, str] = {}
    address: str = ""
    choices: dict[str, str] = {}  # the selected value by field
    flags: dict[str, bool] = {}
    agents: list[Option] = []
    signed: bool = True
    enabled: bool = True
    renewal_note: str = ""
    renewal_dialog_open: bool = False
    fields: list[WebhookFieldLine] = []
    fields_key: int = 0
    suggestions: list[SuggestedFieldLine] = []
    deliveries: list[DeliveryRow] = []
    _loads: int = 0

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the webhook and fill the form."""
        self.webhook_key, self.renewal_dialog_open, self.problems = "", False, {}
        row = await fetch(self, incoming_webhooks.get, self._id())
        self.initial = {name: str(getattr(row, name)) for name, shown in WEBHOOK_FORM.items() if shown.control in TYPED}
        await self._fetch()
        self._loads += 1
        self.webhook_key = f"{row.id}-{self._loads}"

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the deliveries again when one arrives."""
        async for _ in subscribe(self, "webhook"):
            async with self:
                if self.webhook_key:
                    await self._fetch()

    @handler(Role.OPERATOR)
    async def save(self, field: str, value: Any) -> None:
        """Save a setting, or show the problem at the field. Raises Invalid if the field is unknown."""
        if field not in WEBHOOK_FORM:
            raise Invalid(WRONG_VALUE)
        if await self._save_field(field, incoming_webhooks.save, self._id(), {field: "" if value == NONE else value}):
            await self._fetch()

    @handler(Role.OPERATOR)
    async def switch(self, enabled: bool) -> None:
        """Switch the webhook on or off; off answers as if there were no such address."""
        await call(self, incoming_webhooks.set_enabled, self._id(), enabled=enabled)
        await self._fetch()

    @handler(Role.ADMIN)
    async def require_signature(self, signed: bool) -> None:
        """Set whether deliveries must be signed."""
        await call(self, incoming_webhooks.require_signature, self._id(), signed=signed)
        await self._fetch()

    @handler(Role.ADMIN)
    async def rotate_secret(self) -> Any:
        """Create a new secret and show it once."""
        row = await call(self, incoming_webhooks.rotate_secret, self._id())
        self.renewal_dialog_open = True
        await self._fetch()
        return reveal_once(webhook_secrets.get_secret(row))

    @handler(Role.ADMIN)
    async def set_renewal_dialog_open(self, is_open: bool) -> None:
        """Open or close the dialog with the new secret."""
        self.renewal_dialog_open = is_open

    @handler(Role.OPERATOR)
    async def add_field_by_path(self, form: dict[str, Any]) -> Any:
        """Add a field for a path of the payload. Raises Invalid if its kind is unknown."""
        kind = str(form.get("kind", ""))
        if kind not in FIELD_KINDS:
            raise Invalid("This value isn’t allowed.")
        path, name = str(form.get("path", "")), str(form.get("name", ""))
        return await self._change(webhook_fields.add_field, self._id(), path=path, name=name, kind=FieldKind(kind))

    @handler(Role.OPERATOR)
    async def add_suggested_field(self, path: str, kind: FieldKind) -> Any:
        """Add a field for a value of the last delivery."""
        return await self._change(webhook_fields.add_field, self._id(), path=path, kind=kind)

    @handler(Role.OPERATOR)
    async def add_all_suggested(self) -> Any:
        """Add fields for all values of the last delivery."""
        return await self._change(webhook_fields.add_all_suggested, self._id())

    @handler(Role.OPERATOR)
    async def rename_field(self, field_id: str, name: str) -> Any:
        """Rename a field."""
        return await self._change(webhook_fields.rename, field_id, name=name, redraw=False)

    @handler(Role.OPERATOR)
    async def delete_field(self, field_id: str) -> Any:
        """Delete a field."""
        return await self._change(webhook_fields.delete, field_id)

    async def _change(self, service: Any, *given: Any, redraw: bool = True, **named: Any) -> Any:
        """Change the fields; return a toast if that is refused."""
        try:
            await call(self, service, *given, **named)
        except PlatformError as error:
            return await error_toast(self, error)
        self.fields_key += redraw
        await self._fetch()
        return None

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    async def _fetch(self) -> None:
        """Fetch everything but the form."""
        identity, language = await current_identity(self), (await current_user(self)).language
        data = await fetch(self, _read, self._id())
        row = data.webhook
        self.name, self.choices, self.agents = row.name, {"agent_id": row.agent_id or NONE}, data.agents
        self.signed, self.enabled = row.signed, row.enabled
        self.flags = {
            name: getattr(row, name) for name, shown in WEBHOOK_FORM.items() if shown.control == Control.SWITCH
        }
        self.address = address_of(row, identity, self.router.headers.origin)
        last = row.former_until if webhook_secrets.is_former_valid(row) else None
        until = exact_time(language, last, identity.time_zone) if last else ""
        self.renewal_note = translate(language, "The secret before is valid until {when}.", when=until) if until else ""
        self.fields = [_line(field, language) for field in data.fields]
        self.suggestions = [_offer(suggestion, language) for suggestion in data.suggestions]
        names = {row.id: row.name}
        self.deliveries = [
            delivery_row(delivery, names, identity, language=language) for delivery in data.deliveries[:MAX_DELIVERIES]
        ]


def _read(session: Transaction, who: Identity, webhook_id: str) -> _PageData:
    row = incoming_webhooks.get(session, who, webhook_id)
    return _PageData(
        row,
        webhook_fields.list_fields(session, who, row.id),
        webhook_fields.suggest_fields(session, who, row.id),
        delivery_log.list_deliveries(session, who, webhook_id=row.id, size=MAX_DELIVERIES),
        agent_options(session, who),
    )


def _line(row: WebhookField, language: str) -> WebhookFieldLine:
    words = translate(language, FIELD_KINDS[row.kind.value])
    return WebhookFieldLine(row.id, row.name, row.path, words, f"{{{{ webhook.field.{row.key} }}}}")


def _offer(suggestion: FieldSuggestion, language: str) -> SuggestedFieldLine:
    words = translate(language, FIELD_KINDS[suggestion.kind.value])
    return SuggestedFieldLine(suggestion.leaf.path, suggestion.kind.value, words, suggestion.leaf.text[:120])
