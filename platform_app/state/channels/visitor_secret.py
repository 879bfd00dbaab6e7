"""Visitor secret: the secret by which a site signs the visitors of its web chat in."""

from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.models.person import Identity, Role
from platform_app.services.channels import channel_accounts, visitor_identity
from platform_app.state.console.base import call, fetch, handler
from platform_app.state.console.one_time_secret import reveal_once


class VisitorSecretState(rx.State):
    """The secret of the channel account in the address."""

    is_created: bool = False
    dialog_open: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Read whether there is a secret."""
        self.dialog_open = False
        self.is_created = await fetch(self, _has_secret, self._id())

    @handler(Role.ADMIN)
    async def create(self) -> Any:
        """Create a new secret and show it once."""
        secret = await call(self, visitor_identity.create_secret, self._id())
        self.dialog_open = self.is_created = True
        return reveal_once(secret)

    @handler(Role.ADMIN)
    async def set_dialog_open(self, is_open: bool) -> None:
        """Open or close the dialog with the new secret."""
        self.dialog_open = is_open

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]


def _has_secret(session: Transaction, who: Identity, account_id: str) -> bool:
    return visitor_identity.has_secret(session, channel_accounts.get(session, who, account_id))
