"""Audit log: the entries of the company's audit log, and whether they are as they were written."""

import asyncio
from collections.abc import Container
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

import reflex as rx

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.audit import AuditEntry, AuditHead
from platform_app.models.person import Identity, Role
from platform_app.services.audit import audit_list, audit_words, verification
from platform_app.services.audit.audit_list import AuditFilter
from platform_app.state.console.base import current_identity, current_user, fetch, handler
from platform_app.state.console.log_list import ALL, LogList
from platform_app.state.console.option_lists import Option

FAULTS = {
    "altered": "Entry {number} was altered.",
    "missing": "Entry {number} is missing.",
    "inserted": "Entry {number} was inserted or moved.",
    "cut": "The entries from {number} on are missing.",
    "added": "Entry {number} was added without the key of this installation.",
    "head": "The end of the log, entry {number}, wasn’t signed by this installation.",
}


@dataclass
class AuditRow:
    """An entry, as the page shows it."""

    number: str = ""
    who: str = ""
    action: str = ""
    subject: str = ""
    changes: str = ""
    address: str = ""
    when: str = ""
    exact: str = ""


class AuditLogState(LogList, rx.State):
    """The audit log of the company."""

    rows: list[AuditRow] = []
    members: list[Option] = []
    member: str = ALL
    action: str = ALL
    object: str = ALL
    first: str = ""  # ISO dates
    last: str = ""
    verdict: str = ""
    has_fault: bool = False
    is_verifying: bool = False
    download: str = ""

    @handler(Role.ADMIN)
    async def filter_member(self, member: str) -> Any:
        """Show what a member did, or everything."""
        return await self._set_filter("member", member)

    @handler(Role.ADMIN)
    async def filter_action(self, action: str) -> Any:
        """Show the entries with an action, or all."""
        return await self._set_filter("action", action)

    @handler(Role.ADMIN)
    async def filter_object(self, kind: str) -> Any:
        """Show what was done to a kind of object, or to all."""
        return await self._set_filter("object", kind)

    @handler(Role.ADMIN)
    async def set_first(self, day: str) -> Any:
        """Show the entries from a day on, or from the beginning."""
        return None if day == self.first else await self._set_filter("first", day)

    @handler(Role.ADMIN)
    async def set_last(self, day: str) -> Any:
        """Show the entries until a day, or until now."""
        return None if day == self.last else await self._set_filter("last", day)

    @handler(Role.ADMIN, background=True)
    async def verify(self) -> None:
        """Read the whole log and compare every entry with its hash and the signed end."""
        async with self:
            if self.is_verifying:
                return
            self.is_verifying = True
            identity = await current_identity(self)
        try:
            await asyncio.to_thread(verification.verify_and_note, identity.tenant_id)
        finally:
            async with self:
                self.is_verifying = False
                await self._fetch()

    @rx.var
    def is_filtered(self) -> bool:
        """Whether filters are set."""
        chosen = (self.member, self.action, self.object)
        return chosen != (ALL, ALL, ALL) or bool(self.first or self.last)

    def _filters(self) -> dict[str, Container[str] | None]:
        actions, kinds = audit_words.ACTIONS, audit_words.OBJECTS
        return {"member": None, "action": actions, "object": kinds, "first": None, "last": None}

    def _assign_filter(self, name: str, value: str) -> None:
        if name in ("first", "last"):
            setattr(self, name, value if _day(value) else "")
        else:
            super()._assign_filter(name, value)

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        if identity.role.includes(Role.ADMIN):
            arguments = self._filter_arguments(actor_id="member", action="action", object_kind="object")
            asked = AuditFilter(**arguments, first=_day(self.first), last=_day(self.last))
            listed, head, members = await fetch(self, _read, asked, self.page)
            self.has_more = len(listed) > audit_list.PAGE_SIZE
            self.rows = [_row(row, identity, language) for row in listed[: audit_list.PAGE_SIZE]]
            self.members = [Option(user_id, name) for user_id, name in members]
            self.verdict, self.has_fault = _verdict(head, identity, language), bool(head and head.fault)
            self.download = f"/api/audit/{identity.slug}/log.csv?{urlencode(self._query())}"
        self.loaded = True

    def _query(self) -> dict[str, str]:
        values = {name: str(getattr(self, name)) for name in self._filters()}
        return {name: value for name, value in values.items() if value not in ("", ALL)}


def _day(text: str) -> date | None:
    """Return the day of an ISO date, None for any other text."""
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _read(
    session: Transaction, who: Identity, asked: AuditFilter, page: int
) -> tuple[list[AuditEntry], AuditHead | None, list[tuple[str, str]]]:
    rows = audit_list.list_entries(session, who, asked, page=page)
    return rows, audit_list.get_head(session, who), audit_list.list_people(session, who)


def _row(row: AuditEntry, identity: Identity, language: str) -> AuditRow:
    return AuditRow(
        number=str(row.number),
        who=audit_words.actor(language, row),
        action=audit_words.action(language, row.action),
        subject=audit_words.subject(language, row),
        changes=audit_words.changes(language, row.changes, identity.time_zone),
        address=row.address,
        when=relative_time(language, row.at, now(), identity.time_zone),
        exact=exact_time(language, row.at, identity.time_zone),
    )


def _verdict(head: AuditHead | None, identity: Identity, language: str) -> str:
    """Return whether the log was verified, when, and what was found."""
    if head is None:
        return ""
    if head.verified_at is None:
        count = plural(language, "{count} entry", "{count} entries", head.number)
        return translate(language, "{entries}, not verified yet.", entries=count)
    when = exact_time(language, head.verified_at, identity.time_zone)
    if head.fault:
        fault = translate(language, FAULTS[head.fault], number=head.fault_number)
        return translate(language, "{fault} Checked {when}.", fault=fault, when=when)
    count = plural(language, "{count} entry", "{count} entries", head.verified_count)
    return translate(language, "Verified {when}: {entries} in order.", entries=count, when=when)
