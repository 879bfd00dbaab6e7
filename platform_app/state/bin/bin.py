"""Bin: the list of what was deleted, restoring, and the dialog that deletes for good."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.engine.bin import bin
from platform_app.errors import Invalid
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.bin import BinEntry, BinKind
from platform_app.models.person import Identity, Role
from platform_app.services.bin.bin_kinds import KINDS
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.list_page import ListPage
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.page_address import replace_query

KIND_LABELS = {kind: held.label for kind, held in KINDS.items()}
_COUNTED: dict[BinKind, tuple[str, str]] = {
    BinKind.RULE: ("{count} rule", "{count} rules"),
    BinKind.SEQUENCE: ("{count} sequence", "{count} sequences"),
    BinKind.SCRIPT: ("{count} script", "{count} scripts"),
    BinKind.SOURCE: ("{count} page", "{count} pages"),
}


@dataclass
class BinRow:
    """An entry of the bin in the list."""

    id: str
    name: str  # "" if it has none
    kind: str
    with_words: str  # what was deleted with an agent
    by: str
    when: str
    exact: str
    gone: str  # when it will be gone for good
    gone_exact: str


class BinState(ListPage, rx.State):
    """The page of the bin."""

    rows: list[BinRow] = []
    kind: str = "all"
    asked_id: str = ""  # the entry whose deletion for good is being confirmed; "": none
    asked_name: str = ""
    problem: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Set search, kind and page from the address, and fetch."""
        asked = self._read_query((), "")
        self.kind, self.asked_id, self.problem = _kind(asked.get("kind", "")), "", ""
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again when something is deleted or restored."""
        async for _ in subscribe(self, "bin"):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def filter_kind(self, kind: str) -> Any:
        """Show the entries of a kind, or all."""
        self.kind, self.page = _kind(kind), 1
        return await self._apply_filters()

    @handler(Role.OPERATOR)
    async def restore(self, entry_id: str) -> Any:
        """Restore what an entry stands for."""
        entry = await call(self, bin.restore, entry_id[:32])
        await self._fetch()
        if not entry.name:
            return await success_toast(self, "Restored.")
        return await success_toast(self, "“{name}” restored.", name=entry.name)

    @handler(Role.ADMIN)
    async def ask(self, entry_id: str) -> None:
        """Open the dialog that deletes an entry for good. Raises Invalid if the list has no such entry."""
        names = {row.id: row.name for row in self.rows}
        if entry_id not in names:
            raise Invalid("This value isn’t allowed.")
        self.asked_id, self.asked_name, self.problem = entry_id, names[entry_id], ""

    @handler(Role.ADMIN)
    async def close_question(self, is_open: bool) -> None:
        """Close the dialog."""
        if not is_open:
            self.asked_id = ""

    @handler(Role.ADMIN)
    async def confirm(self, form: dict[str, Any]) -> Any:
        """Delete for good what was asked about, if its name was typed."""
        try:
            await call(self, bin.delete_for_good, self.asked_id, name=str(form.get("name", ""))[:400])
        except Invalid as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            return browser.focus("confirmed_name")
        self.asked_id = ""
        await self._fetch()
        return await success_toast(self, "Permanently deleted.")

    @rx.var
    def is_filtered(self) -> bool:
        """Whether search or kind are set."""
        return bool(self.search or self.kind != "all")

    async def _apply_filters(self) -> Any:
        await self._fetch()
        return replace_query(kind="" if self.kind == "all" else self.kind, **self._query_values(""))

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        found = await fetch(
            self,
            bin.list_entries,
            search=self.search,
            kind="" if self.kind == "all" else self.kind,
            page=self.page,
            page_size=int(self.size),
        )
        self._set_total(found.total)
        self.rows = [_row(row, found.with_counts.get(row.row_id, {}), identity, language) for row in found.entries]
        self.total_words = plural(language, "{count} deleted", "{count} deleted", found.total)
        self.loaded = True


def _kind(kind: str) -> str:
    return kind if kind in list(BinKind) else "all"


def counts_in_words(counts: dict[BinKind, int], language: str) -> str:
    """Return the rules, sequences and scripts of an agent in words, "" without any."""
    return ", ".join(plural(language, *_COUNTED[kind], counts[kind]) for kind in _COUNTED if counts.get(kind))


def _row(entry: BinEntry, counts: dict[BinKind, int], identity: Identity, language: str) -> BinRow:
    words = counts_in_words(counts, language)
    return BinRow(
        id=entry.id,
        name=entry.name,
        kind=translate(language, KIND_LABELS[entry.kind]),
        with_words=translate(language, "Includes: {words}", words=words) if words else "",
        by=entry.deleted_by,
        when=relative_time(language, entry.deleted_at, now(), identity.time_zone),
        exact=exact_time(language, entry.deleted_at, identity.time_zone),
        gone=relative_time(language, entry.expires_at, now(), identity.time_zone),
        gone_exact=exact_time(language, entry.expires_at, identity.time_zone),
    )
