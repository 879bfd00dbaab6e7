"""Contact import: upload of a table, mapping of its columns, progress and refused rows."""

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

MAX_REFUSED_ROWS = 50  # on the page; the download has all of them

_STATE_LABELS = {
    ImportState.READY: "Not started",
    ImportState.RUNNING: "In progress|import",
    ImportState.FAILED: ("Stalled"),
}


@dataclass
class ColumnLine:
    """A column of the table with sample values and the field it is imported into."""

    index: str
    header: str
    sample: str
    target: str


@dataclass
class RefusedRowLine:
    """A row that was refused or imported without some values, with the reason."""

    number: int
    error: str
    cells: str
    contact_id: str  # "" if the row was refused


@dataclass
class PastImportRow:
    """An earlier import."""

    id: str
    name: str
    when: str
    summary: str


class ImportContactsState(rx.State):
    """The import in the address, or the upload of a new table."""

    current: str = ""
    state: str = ""
    file_name: str = ""
    columns: list[ColumnLine] = []
    targets: list[Option] = []
    match_by: str = "name"
    total: int = 0
    done: int = 0
    summary: str = ""
    error: str = ""  # why the import failed
    percent: int = 0
    refused: list[RefusedRowLine] = []
    refused_total: int = 0
    incomplete_total: int = 0
    past_imports: list[PastImportRow] = []
    loaded: bool = False
    _columns_of: str = ""  # the id of the import whose columns are shown

    @handler(Role.OPERATOR)
    async def load(self) -> None:
        """Fetch the import in the address and the earlier ones."""
        self.current = self.router.url.query_parameters.get("i", "")[:32]
        await self._fetch()

    @handler(Role.OPERATOR, background=True)
    async def watch(self) -> None:
        """Fetch the progress again while rows are imported."""
        async for _ in subscribe(self, "import", required_role=Role.OPERATOR):
            async with self:
                await self._fetch()

    @handler(Role.OPERATOR)
    async def uploaded(self) -> Any:
        """Show the columns of the table that was just uploaded."""
        newest = await fetch(self, imports.list_recent, limit=1)
        if newest and newest[0].state == ImportState.READY:
            self.current = newest[0].id
        await self._fetch()
        return replace_query(i=self.current)

    @handler(Role.OPERATOR)
    async def map_column(self, index: str, target: str) -> None:
        """Set the field that a column is imported into, "" for none."""
        self.columns = [
            ColumnLine(line.index, line.header, line.sample, target[:60]) if line.index == index else line
            for line in self.columns
        ]

    @handler(Role.OPERATOR)
    async def set_match_by(self, match_by: str) -> None:
        """Set the field that identifies existing contacts."""
        self.match_by = match_by[:10]

    @handler(Role.OPERATOR)
    async def start(self) -> Any:
        """Start the import."""
        mapping = {line.index: line.target for line in self.columns if line.target}
        try:
            await call(self, imports.start, self.current, mapping, match_by=self.match_by)
        except Invalid as error:
            return await error_toast(self, error)
        await self._fetch()
        return None

    @handler(Role.OPERATOR)
    async def resume(self) -> None:
        """Resume a failed import where it stopped."""
        await call(self, import_job.retry, self.current)
        await self._fetch()

    @handler(Role.OPERATOR)
    async def start_over(self) -> Any:
        """Go back to the upload of a new table."""
        self.current = self.state = ""
        await self._fetch()
        return replace_query(i="")

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        past_imports, held, refused = await fetch(self, _read, self.current)
        self.past_imports = [_past_import_row(row, identity, language) for row in past_imports]
        self.targets = [Option(name, translate(language, words)) for name, words in imports.TARGETS.items()]
        self.targets += [Option(f"field.{row.key}", row.name) for row in held]
        row = next((one for one in past_imports if one.id == self.current), None)
        self.loaded = True
        if row is None:
            self.current = self.state = self._columns_of = ""
            return
        if self._columns_of != row.id:
            self._columns_of, self.columns, self.match_by = row.id, _columns(row), row.match_by
        self.state, self.file_name = row.state.value, row.file_name
        self.error = translate(language, row.error) if row.error else ""
        self.total, self.done = row.rows_total, row.rows_done
        self.percent = round(100 * row.rows_done / row.rows_total) if row.rows_total else 0
        self.summary, self.refused_total, self.incomplete_total = _summary(row, language), row.refused, row.incomplete
        self.refused = [
            RefusedRowLine(
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
    past_imports = imports.list_recent(session, who, limit=20)
    held = custom_fields.list_custom_fields(session, who.tenant_id, Holder.CONTACT)
    try:
        asked = imports.get(session, who, import_id) if import_id else None
    except NotFound:
        asked = None
    if asked is not None and asked.id not in {row.id for row in past_imports}:
        past_imports = [*past_imports, asked]
    return (
        past_imports,
        held,
        imports.list_refused_rows(session, who, import_id, limit=MAX_REFUSED_ROWS) if asked else [],
    )


def _columns(row: ContactImport) -> list[ColumnLine]:
    return [
        ColumnLine(
            str(index),
            header,
            " · ".join(cells[index] for cells in row.sample if index < len(cells) and cells[index]),
            row.mapping.get(str(index), ""),
        )
        for index, header in enumerate(row.columns)
    ]


def _summary(row: ContactImport, language: str) -> str:
    counts = {"created": row.created, "changed": row.changed, "refused": row.refused}
    summary = translate(language, "{created} created, {changed} updated, {refused} rejected", **counts)
    if not row.incomplete:
        return summary
    one, many = "{count} row lacks some values", "{count} rows lack some values"
    return f"{summary}, {plural(language, one, many, row.incomplete)}"


def _past_import_row(row: ContactImport, identity: Identity, language: str) -> PastImportRow:
    when = exact_time(language, row.created_at, identity.time_zone)
    state = translate(language, _STATE_LABELS[row.state]) if row.state in _STATE_LABELS else ""
    summary = "" if row.state == ImportState.READY else _summary(row, language)
    return PastImportRow(row.id, row.file_name, when, " · ".join(filter(None, (state, summary))))
