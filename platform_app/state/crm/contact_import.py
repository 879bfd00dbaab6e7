"""Contact import: a table is uploaded, its columns are matched, and its rows are watched as they come in."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app import custom_fields
from platform_app.db import Transaction
from platform_app.errors import Invalid, NotFound
from platform_app.i18n import exact_time, plural, translate
from platform_app.models.crm import ContactImport, CustomField, Holder, ImportState, RefusedRow
from platform_app.models.person import Identity, Role
from platform_app.services.crm import import_job, imports
from platform_app.state.console.base import call, current_identity, current_user, error_toast, fetch, handler
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.option_lists import Option
from platform_app.state.console.page_address import replace_query

SHOWN = 50  # refused rows on the page; all of them are in the file

_STANDS = {ImportState.READY: "not begun", ImportState.RUNNING: "under way", ImportState.FAILED: "stands still"}


@dataclass
class ColumnLine:
    """A column of the table, with what stands in it first and where it goes."""

    place: str
    head: str
    sample: str
    target: str


@dataclass
class RefusedLine:
    """A row that could not be taken, or came in without some of its values, and why."""

    number: int
    why: str
    cells: str
    contact_id: str  # what it became, if it came in


@dataclass
class PastImport:
    """An import of before."""

    id: str
    name: str
    when: str
    words: str


class ImportContactsState(rx.State):
    """The import that the address names, or none yet."""

    current: str = ""
    state: str = ""
    file_name: str = ""
    columns: list[ColumnLine] = []
    targets: list[Option] = []
    match_by: str = "name"
    total: int = 0
    done: int = 0
    words: str = ""
    why: str = ""  # it stands still
    percent: int = 0
    refused: list[RefusedLine] = []
    refused_total: int = 0
    incomplete_total: int = 0
    past: list[PastImport] = []
    loaded: bool = False
    _drawn: str = ""  # the import whose columns are shown

    @handler(Role.OPERATOR)
    async def load(self) -> None:
        """Show the import that the address names, and those of before."""
        self.current = self.router.url.query_parameters.get("i", "")[:32]
        await self._fetch()

    @handler(Role.OPERATOR, background=True)
    async def watch(self) -> None:
        """Follow the rows as they come in."""
        async for _ in subscribe(self, "import", required_role=Role.OPERATOR):
            async with self:
                await self._fetch()

    @handler(Role.OPERATOR)
    async def uploaded(self) -> Any:
        """Show the columns of the table that has just come."""
        newest = await fetch(self, imports.list_recent, limit=1)
        if newest and newest[0].state == ImportState.READY:
            self.current = newest[0].id
        await self._fetch()
        return replace_query(i=self.current)

    @handler(Role.OPERATOR)
    async def match(self, place: str, target: str) -> None:
        """Say where a column goes."""
        self.columns = [
            ColumnLine(line.place, line.head, line.sample, target[:60]) if line.place == place else line
            for line in self.columns
        ]

    @handler(Role.OPERATOR)
    async def choose_match(self, match_by: str) -> None:
        """Say when a row belongs to a contact that is there already."""
        self.match_by = match_by[:10]

    @handler(Role.OPERATOR)
    async def begin(self) -> Any:
        """Let the rows be taken in."""
        mapping = {line.place: line.target for line in self.columns if line.target}
        try:
            await call(self, imports.start, self.current, mapping, match_by=self.match_by)
        except Invalid as error:
            return await error_toast(self, error)
        await self._fetch()
        return None

    @handler(Role.OPERATOR)
    async def go_on(self) -> None:
        """Let an import that stands still go on where it stopped."""
        await call(self, import_job.retry, self.current)
        await self._fetch()

    @handler(Role.OPERATOR)
    async def again(self) -> Any:
        """Make room for another table."""
        self.current = self.state = ""
        await self._fetch()
        return replace_query(i="")

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        past, held, refused = await fetch(self, _read, self.current)
        self.past = [_past(row, identity, language) for row in past]
        self.targets = [Option(name, translate(language, words)) for name, words in imports.TARGETS.items()]
        self.targets += [Option(f"field.{row.key}", row.name) for row in held]
        row = next((one for one in past if one.id == self.current), None)
        self.loaded = True
        if row is None:
            self.current = self.state = self._drawn = ""
            return
        if self._drawn != row.id:
            self._drawn, self.columns, self.match_by = row.id, _columns(row), row.match_by
        self.state, self.file_name = row.state.value, row.file_name
        self.why = translate(language, row.error) if row.error else ""
        self.total, self.done = row.rows_total, row.rows_done
        self.percent = round(100 * row.rows_done / row.rows_total) if row.rows_total else 0
        self.words, self.refused_total, self.incomplete_total = _words(row, language), row.refused, row.incomplete
        self.refused = [
            RefusedLine(
                one.number,
                imports.describe_problems(one, language),
                " · ".join(filter(None, one.cells)),
                one.contact_id or "",
            )
            for one in refused
        ]


def _read(
    session: Transaction, who: Identity, import_id: str
) -> tuple[list[ContactImport], list[CustomField], list[RefusedRow]]:
    past = imports.list_recent(session, who, limit=20)
    held = custom_fields.list_custom_fields(session, who.tenant_id, Holder.CONTACT)
    try:
        asked = imports.get(session, who, import_id) if import_id else None
    except NotFound:
        asked = None
    if asked is not None and asked.id not in {row.id for row in past}:
        past = [*past, asked]
    return past, held, imports.list_refused_rows(session, who, import_id, limit=SHOWN) if asked else []


def _columns(row: ContactImport) -> list[ColumnLine]:
    return [
        ColumnLine(
            str(place),
            head,
            " · ".join(cells[place] for cells in row.sample if place < len(cells) and cells[place]),
            row.mapping.get(str(place), ""),
        )
        for place, head in enumerate(row.columns)
    ]


def _words(row: ContactImport, language: str) -> str:
    counts = {"created": row.created, "changed": row.changed, "refused": row.refused}
    words = translate(language, "{created} new, {changed} changed, {refused} refused", **counts)
    if not row.incomplete:
        return words
    one, many = "{count} row lacks some values", "{count} rows lack some values"
    return f"{words}, {plural(language, one, many, row.incomplete)}"


def _past(row: ContactImport, identity: Identity, language: str) -> PastImport:
    when = exact_time(language, row.created_at, identity.time_zone)
    stands = translate(language, _STANDS[row.state]) if row.state in _STANDS else ""
    words = "" if row.state == ImportState.READY else _words(row, language)
    return PastImport(row.id, row.file_name, when, " · ".join(filter(None, (stands, words))))
