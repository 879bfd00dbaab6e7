"""Integrations: the list of connected CRMs, and the dialog that connects one."""

import asyncio
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import PlatformError
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.integration import ConnectionState, CrmConnection, CrmKind
from platform_app.models.person import Identity, Role
from platform_app.services.integrations import connections, definitions, oauth_connections
from platform_app.services.integrations.connections import CrmAccess
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler
from platform_app.state.console.live_updates import subscribe

SIGN_IN_PROBLEMS = {
    "over": oauth_connections.OVER,
    "refused": "The CRM denied access. Check the integration there and start again.",
}
STATE_WORDS = {
    ConnectionState.CONNECTED: ("Connected", "green"),
    ConnectionState.REFUSED: ("Access denied", "red"),
    ConnectionState.DISCONNECTED: ("Disconnected", "gray"),
}


@dataclass
class ConnectionRow:
    """A connected account in the list."""

    id: str
    name: str
    crm: str
    host: str
    state: str
    colour: str
    problem: str
    when: str  # of the last exchange
    exact: str


class IntegrationsState(rx.State):
    """The connected CRMs of the tenant."""

    rows: list[ConnectionRow] = []
    loaded: bool = False
    dialog: str = ""  # the CRM that is being connected, "" while the dialog is closed
    problem: str = ""
    problem_field: str = ""
    redirect_address: str = ""  # to which the CRM sends the browser back after a sign-in there
    sign_in_problem: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the list, and tell how a sign-in ended from which the browser comes."""
        self.dialog = ""
        language = (await current_user(self)).language
        ended = SIGN_IN_PROBLEMS.get(self.router.url.query_parameters.get("sign_in", ""), "")
        self.sign_in_problem = translate(language, ended) if ended else ""
        self.redirect_address = oauth_connections.redirect_address(await current_identity(self))
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again when a connection changes."""
        async for _ in subscribe(self, "integration"):
            async with self:
                await self._fetch()

    @handler(Role.ADMIN)
    async def open_dialog(self, kind: str) -> None:
        """Open the dialog for a CRM, or close it with ""."""
        self.dialog = kind if kind in set(CrmKind) else ""
        self.problem, self.problem_field = "", ""

    @handler(Role.ADMIN)
    async def connect(self, form: dict[str, Any]) -> Any:
        """Try the token, connect the account and open its page, or show the problem at its field."""
        if self.dialog not in set(CrmKind):
            return None
        kind = CrmKind(self.dialog)
        account, token = str(form.get("account", ""))[:300], str(form.get("token", ""))[:6_000]
        self.problem, self.problem_field = "", ""
        try:
            access = await asyncio.to_thread(connections.verify, kind, account, token)
            row = await call(self, _connect, access)
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field or "token"
            return None
        self.dialog = ""
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}/integrations/{row.id}")

    @handler(Role.ADMIN)
    async def sign_in(self, form: dict[str, Any]) -> Any:
        """Go to the CRM to sign in there, or show the problem at its field."""
        given = {name: str(form.get(name, ""))[:400] for name in ("account", "client_id", "client_secret")}
        self.problem, self.problem_field = "", ""
        try:
            address = await call(self, oauth_connections.begin, **given)
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field or "client_id"
            return None
        return browser.load_address(address)

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        found = await fetch(self, connections.list_connections)
        self.rows = [_row(row, identity, language) for row in found]
        self.loaded = True


def _connect(session: Transaction, who: Identity, access: CrmAccess) -> CrmConnection:
    row = connections.connect(session, who, access)
    definitions.store(session, who, row, access.definitions)
    return row


def _row(row: CrmConnection, identity: Identity, language: str) -> ConnectionRow:
    words, colour = state_words(row)
    at = row.exchanged_at
    return ConnectionRow(
        id=row.id,
        name=row.name,
        crm=connections.type_of(row.kind).label,
        host=row.host,
        state=translate(language, words),
        colour=colour,
        problem=translate(language, row.problem, **row.problem_values) if row.problem else "",
        when=relative_time(language, at, now(), identity.time_zone) if at else "",
        exact=exact_time(language, at, identity.time_zone) if at else "",
    )


def state_words(row: CrmConnection) -> tuple[str, str]:
    """Return the state of a connection as a message id, and its colour."""
    if row.state == ConnectionState.CONNECTED and row.paused_at is not None:
        return "Paused", "amber"
    if row.state == ConnectionState.CONNECTED and row.synced_at is None:
        return "Not synchronized yet", "amber"
    return STATE_WORDS[row.state]
