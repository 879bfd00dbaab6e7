"""Integration: a connected CRM: its synchronization, mapping, conflict rules and log."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import Invalid, NotFound, PlatformError
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.integrations.base import CrmError
from platform_app.models.integration import ConflictRule, ConnectionState, CrmCall, CrmConnection, CrmSync, SyncState
from platform_app.models.person import Identity, Role
from platform_app.services.integrations import (
    call_log,
    conflict_rules,
    connections,
    definitions,
    failed_changes,
    post_secrets,
    synchronization,
)
from platform_app.services.integrations.failed_changes import FailedChange
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
from platform_app.state.integrations.exchange_view import (
    CallLine,
    FailedLine,
    PhaseLine,
    RuleLine,
    call_line,
    failed_line,
    phase_lines,
    rule_lines,
)
from platform_app.state.integrations.integrations import state_words
from platform_app.state.integrations.mapping import MappingGroup, mapping_groups


@dataclass(frozen=True)
class _Read:
    row: CrmConnection
    sync: CrmSync | None
    groups: list[MappingGroup]
    failed: list[FailedChange]
    calls: list[CrmCall]


class IntegrationState(FieldProblems, rx.State):
    """The connection in the address."""

    connection_id: str = ""
    name: str = ""
    crm: str = ""
    kind: str = ""  # of CrmKind
    host: str = ""
    state: str = ""
    colour: str = ""
    problem: str = ""
    is_refused: bool = False
    is_paused: bool = False
    is_synced: bool = False
    is_running: bool = False
    posts: bool = False  # the CRM posts changes; else they are asked for
    posts_address: str = ""  # to which it posts them, for admins; "" if it cannot reach this platform
    when: str = ""
    exact: str = ""
    sync_words: str = ""
    sync_error: str = ""
    phases: list[PhaseLine] = []
    groups: list[MappingGroup] = []
    rules: list[RuleLine] = []
    failed: list[FailedLine] = []
    calls: list[CallLine] = []
    mapping_problem: str = ""
    mapping_problem_at: str = ""  # the line with the problem

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the connection."""
        self.connection_id, self.problems, self.mapping_problem, self.mapping_problem_at = "", {}, "", ""
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the connection again when it changes."""
        async for _ in subscribe(self, "integration"):
            async with self:
                if self.connection_id:
                    await self._fetch()

    @handler(Role.ADMIN)
    async def synchronize(self) -> Any:
        """Begin a synchronization of everything."""
        return await self._do(synchronization.start, self._id())

    @handler(Role.ADMIN)
    async def cancel(self) -> Any:
        """End the synchronization that is under way."""
        return await self._do(synchronization.cancel, self._id())

    @handler(Role.ADMIN)
    async def set_paused(self, paused: bool) -> Any:
        """Pause the exchange, or go on."""
        return await self._do(connections.set_paused, self._id(), paused=paused)

    @handler(Role.ADMIN)
    async def set_counterpart(self, link_id: str, value: str) -> None:
        """Say what a pipeline, stage, colleague or field of the CRM is here, or show the problem at it."""
        self.mapping_problem, self.mapping_problem_at = "", ""
        try:
            await call(self, definitions.set_counterpart, self._id(), link_id=link_id[:32], value=value[:32])
        except PlatformError as error:
            self.mapping_problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.mapping_problem_at = link_id
        await self._fetch()

    @handler(Role.ADMIN)
    async def set_rule(self, name: str, rule: ConflictRule) -> Any:
        """Set which side wins when a field was changed on both."""
        return await self._do(conflict_rules.set_rule, self._id(), name=name[:40], rule=rule)

    @handler(Role.ADMIN)
    async def send_again(self, link_id: str) -> Any:
        """Send a change again that the CRM did not accept."""
        return await self._do(failed_changes.send_again, self._id(), link_id[:32])

    @handler(Role.ADMIN)
    async def replace_token(self, form: dict[str, Any]) -> Any:
        """Try a new token and store it, or show the problem at the field."""
        row = await fetch(self, connections.get, self._id())
        token = str(form.get("token", ""))[:6_000]
        try:
            access = await asyncio.to_thread(connections.verify, row.kind, row.host, token)
            await call(self, connections.set_token, row.id, access)
        except (Invalid, NotFound) as error:
            words = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problems = self.problems | {"token": words}
            return None
        self.problems = {}
        await self._fetch()
        return await success_toast(self, "The new token is in use.")

    @handler(Role.ADMIN)
    async def set_post_secret(self, form: dict[str, Any]) -> Any:
        """Store the secret by which the CRM signs what it posts, or show the problem at the field."""
        secret = str(form.get("secret", ""))[:400]
        try:
            await call(self, post_secrets.set_post_secret, self._id(), secret)
        except (Invalid, NotFound) as error:
            words = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problems = self.problems | {"secret": words}
            return None
        self.problems = {}
        await self._fetch()
        return await success_toast(self, "Posts signed with this token are accepted.")

    @handler(Role.ADMIN)
    async def disconnect(self) -> Any:
        """Disconnect the account, and go back to the list."""
        opened = await fetch(self, connections.end_webhook, self._id())
        if opened is not None:
            with suppress(CrmError):  # the address ends with the connection all the same
                await asyncio.to_thread(opened[0].unsubscribe, opened[1])
        await call(self, connections.disconnect, self._id())
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}/integrations")

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    async def _do(self, service: Any, *given: Any, **named: Any) -> Any:
        try:
            await call(self, service, *given, **named)
        except PlatformError as error:
            await self._fetch()
            return await error_toast(self, error)
        await self._fetch()
        return None

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        read = await fetch(self, _read, self._id())
        row = read.row
        words, self.colour = state_words(row)
        self.name, self.host, self.crm = row.name, row.host, connections.type_of(row.kind).label
        is_admin, self.kind = identity.role.includes(Role.ADMIN), row.kind.value
        self.posts_address = connections.wanted_webhook(row) if is_admin else ""
        self.state, self.posts = translate(language, words), bool(row.webhook)
        self.problem = translate(language, row.problem, **row.problem_values) if row.problem else ""
        self.is_refused, self.is_paused = row.state == ConnectionState.REFUSED, row.paused_at is not None
        self.is_synced = row.synced_at is not None
        self.when = relative_time(language, row.exchanged_at, now(), identity.time_zone) if row.exchanged_at else ""
        self.exact = exact_time(language, row.exchanged_at, identity.time_zone) if row.exchanged_at else ""
        self._show_sync(read.sync, language)
        self.groups = read.groups
        self.rules = rule_lines(row, language)
        self.failed = [failed_line(change, language) for change in read.failed]
        self.calls = [call_line(entry, identity, language) for entry in read.calls]
        self.connection_id = row.id

    def _show_sync(self, sync: CrmSync | None, language: str) -> None:
        """Show how far the newest synchronization has come."""
        self.is_running = sync is not None and sync.state == SyncState.RUNNING
        self.sync_words, self.sync_error, self.phases = "", "", []
        if sync is None:
            return
        told = {"created": sync.created, "changed": sync.changed, "refused": sync.refused}
        self.sync_words = translate(language, "{created} created, {changed} updated, {refused} rejected", **told)
        self.sync_error = translate(language, sync.error, **sync.error_values) if sync.error else ""
        self.phases = phase_lines(sync, language)


def _read(session: Transaction, who: Identity, connection_id: str) -> _Read:
    row = connections.get(session, who, connection_id)
    return _Read(
        row=row,
        sync=synchronization.newest(session, row),
        groups=mapping_groups(session, who, row),
        failed=failed_changes.list_failed(session, who, row.id),
        calls=call_log.list_calls(session, who, row.id, limit=30),
    )
