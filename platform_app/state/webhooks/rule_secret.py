"""Rule secret: the secret that signs the webhooks of rules and sequences."""

from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import Conflict
from platform_app.i18n import exact_time, translate
from platform_app.models.person import Identity, Role
from platform_app.services.webhooks import rule_secrets
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler
from platform_app.state.console.one_time_secret import reveal_once


class RuleSecretState(rx.State):
    """The secret that signs the webhooks of rules and sequences."""

    note: str = ""  # until when the secret before signs too, or why it cannot be read
    dialog_open: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Read until when the secret before signs too."""
        self.dialog_open = False
        await self._fetch()

    @handler(Role.ADMIN)
    async def rotate(self) -> Any:
        """Create a new secret and show it once."""
        fresh = await call(self, rule_secrets.rotate)
        self.dialog_open = True
        await self._fetch()
        return reveal_once(fresh.secret)

    @handler(Role.ADMIN)
    async def set_dialog_open(self, is_open: bool) -> None:
        """Open or close the dialog with the new secret."""
        self.dialog_open = is_open

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        try:
            held = await fetch(self, _read)
        except Conflict as error:
            self.note = translate(language, error.sentence, **error.values)
            return
        last = held.former_until if held is not None and held.is_former_valid else None
        until = exact_time(language, last, identity.time_zone) if last else ""
        note = "Until {when} everything is signed with the secret before too."
        self.note = translate(language, note, when=until) if until else ""


def _read(session: Transaction, who: Identity) -> rule_secrets.RuleSecret | None:
    return rule_secrets.read(session, who.tenant_id)
