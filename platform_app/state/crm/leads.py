"""Leads: the list of leads and the board by stage."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import Invalid
from platform_app.fact_snapshots import entity_names
from platform_app.i18n import exact_time, money, plural, relative_time, translate
from platform_app.models.crm import Lead
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import members
from platform_app.services.crm import contacts, leads, pipelines, tags
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler
from platform_app.state.console.list_page import ListPage
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.option_lists import Option
from platform_app.state.console.page_address import replace_query
from platform_app.state.console.undo import SoftDelete, Undo

DEFAULT_ORDER = "-updated"
STAGE_KINDS = {"open": ("Open", ""), "won": ("Won", "green"), "lost": ("Lost", "red")}


@dataclass
class LeadRow:
    """A lead in the list and on the board."""

    id: str
    title: str
    contact: str
    stage_id: str
    stage: str
    budget: str
    responsible: str
    tags: list[str]
    when: str
    exact: str


@dataclass
class BoardColumn:
    """A stage on the board with its newest leads."""

    id: str
    name: str
    colour: str
    words: str  # number of leads and sum of budgets
    more: str  # number of leads that are not shown
    leads: list[LeadRow] = field(default_factory=list)


@dataclass
class _PipelineData:
    """The tenant's pipelines, stages and members, for filters and names."""

    pipelines: list[Option]
    stages: list[Option]
    members: list[Option]
    stages_by_pipeline: dict[str, list[tuple[str, str, str]]]  # stages: id, name, kind
    names: dict[str, str]


class LeadsState(ListPage, Undo, rx.State):
    """The leads of the tenant."""

    view: str = "board"
    rows: list[LeadRow] = []
    columns: list[BoardColumn] = []
    pipelines: list[Option] = []
    pipeline: str = ""
    stages: list[Option] = []
    stage: str = "all"
    members: list[Option] = []
    responsible: str = "all"
    tag: str = ""
    announcement: str = ""  # of a move, for screen readers

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Set view, filters, sorting and page from the address, and fetch."""
        asked = self._read_query(leads.SORT_KEYS, DEFAULT_ORDER)
        self.view = "list" if asked.get("view") == "list" else "board"
        self.pipeline, self.stage = asked.get("pipeline", "")[:32], asked.get("stage", "all")[:32]
        self.responsible, self.tag = asked.get("responsible", "all")[:32], asked.get("tag", "")[:60]
        self.undo_sentence = self.announcement = ""
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again when a lead changes."""
        async for _ in subscribe(self, "lead"):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def set_view(self, view: str | list[str]) -> Any:
        """Show the board or the list."""
        self.view = "list" if view == "list" else "board"
        return await self._apply_filters()

    @handler(Role.VIEWER)
    async def set_filter(self, name: str, value: str) -> Any:
        """Filter by pipeline, stage, responsible member or tag. Raises Invalid for an unknown filter."""
        if name not in ("pipeline", "stage", "responsible", "tag"):
            raise Invalid("This value isn’t allowed.")
        setattr(self, name, value[:60])
        self.page, self.selected = 1, []
        return await self._apply_filters()

    @handler(Role.OPERATOR)
    async def create(self) -> Any:
        """Create a lead in the first stage and open its card."""
        title = translate((await current_user(self)).language, "New lead")
        made = await call(self, leads.create_in_first_stage, title, self.pipeline)
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}/leads/{made.id}")

    @handler(Role.OPERATOR)
    async def move(self, lead_id: str, stage_id: str) -> None:
        """Move a lead to a stage."""
        row = await call(self, leads.move_to_stage, lead_id, stage_id)
        await self._fetch()
        stage = next((column.name for column in self.columns if column.id == stage_id), "")
        self.announcement = translate(
            (await current_user(self)).language, "“{title}” is in {stage}.", title=row.title, stage=stage
        )

    @handler(Role.OPERATOR)
    async def tag_selected(self, form: dict[str, Any]) -> Any:
        """Add a tag to the selected leads."""
        count = await call(self, tags.add_tag, self.selected, str(form.get("tag", "")), target=leads)
        return await self._finish_bulk_action("{count} lead tagged", "{count} leads tagged", count)

    @handler(Role.OPERATOR)
    async def move_selected(self, stage_id: str) -> Any:
        """Move the selected leads to a stage."""
        count = await call(self, _move_all, self.selected, stage_id)
        return await self._finish_bulk_action("{count} lead moved", "{count} leads moved", count)

    @handler(Role.OPERATOR)
    async def assign_selected(self, user_id: str) -> Any:
        """Set the responsible member of the selected leads."""
        count = await call(self, _assign_all, self.selected, user_id)
        return await self._finish_bulk_action("{count} lead assigned", "{count} leads assigned", count)

    @handler(Role.OPERATOR)
    async def delete_selected(self) -> Any:
        """Delete the selected leads."""
        selected, self.selected = self.selected, []
        return await self._delete_many(selected, "{count} lead deleted", "{count} leads deleted")

    @rx.var
    def is_filtered(self) -> bool:
        """Whether search or filters are set."""
        return bool(self.search or self.tag or self.stage != "all" or self.responsible != "all")

    def _soft_delete(self) -> SoftDelete:
        return SoftDelete(leads.delete, leads.restore)

    async def _apply_filters(self) -> Any:
        await self._fetch()
        kept = {"stage": self.stage, "responsible": self.responsible, "tag": self.tag, "pipeline": self.pipeline}
        if self.pipelines and self.pipeline == self.pipelines[0].id:
            kept["pipeline"] = ""
        return replace_query(view="" if self.view == "board" else "list", **kept, **self._query_values(DEFAULT_ORDER))

    async def _fetch(self) -> None:
        language = (await current_user(self)).language
        pipelines_data = await fetch(self, _read_pipeline_data)
        self.pipelines, self.stages, self.members = (
            pipelines_data.pipelines,
            pipelines_data.stages,
            pipelines_data.members,
        )
        if self.pipeline not in pipelines_data.stages_by_pipeline:
            self.pipeline = pipelines_data.pipelines[0].id if pipelines_data.pipelines else ""
        asked: dict[str, Any] = {"search": self.search, "tag": self.tag}
        asked["responsible_id"] = "" if self.responsible == "all" else self.responsible
        if self.view == "board":
            await self._fetch_board(pipelines_data, asked)
        else:
            await self._fetch_list(pipelines_data, asked)
        self.total_words = plural(language, "{count} lead", "{count} leads", self.total)
        self.loaded = True

    async def _fetch_list(self, pipelines_data: _PipelineData, asked: dict[str, Any]) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        asked["stage_id"] = "" if self.stage == "all" else self.stage
        sort = self.sort if self.sort in leads.SORT_KEYS else "updated"
        order: dict[str, Any] = {
            "sort": sort,
            "descending": self.descending,
            "page": self.page,
            "page_size": int(self.size),
        }
        found, total = await fetch(self, leads.list_leads, **order, **asked)
        self._set_total(total)
        known = pipelines_data.names | await fetch(self, contacts.contact_names, [row.contact_id for row in found])
        self.rows, self.columns = [lead_row(row, known, identity, language) for row in found], []

    async def _fetch_board(self, pipelines_data: _PipelineData, asked: dict[str, Any]) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        stages = pipelines_data.stages_by_pipeline.get(self.pipeline, [])
        totals, shown, people = await fetch(self, _read_board, [stage_id for stage_id, _, _ in stages], **asked)
        self.total = sum(totals.get(stage_id, (0, 0))[0] for stage_id, _, _ in stages)
        self.rows, self.columns = [], []
        for stage_id, name, kind in stages:
            count, budget = totals.get(stage_id, (0, Decimal(0)))
            rows = [lead_row(row, pipelines_data.names | people, identity, language) for row in shown[stage_id]]
            words = f"{count} · {money(language, budget, identity.currency)}" if budget else str(count)
            more = translate(language, "and {count} more", count=count - len(rows)) if count > len(rows) else ""
            self.columns.append(BoardColumn(stage_id, name, STAGE_KINDS[kind][1], words, more, rows))


def lead_row(row: Lead, known: dict[str, str], identity: Identity, language: str) -> LeadRow:
    """Return the row of a lead; `known` holds names by id."""
    return LeadRow(
        id=row.id,
        title=row.title,
        contact=known.get(row.contact_id or "", ""),
        stage_id=row.stage_id,
        stage=known.get(row.stage_id, ""),
        budget=money(language, row.budget, identity.currency) if row.budget else "",
        responsible=known.get(row.responsible_id or "", ""),
        tags=row.tags,
        when=relative_time(language, row.updated_at, now(), identity.time_zone),
        exact=exact_time(language, row.updated_at, identity.time_zone),
    )


def _read_pipeline_data(session: Transaction, who: Identity) -> _PipelineData:
    found = pipelines.list_pipelines(session, who)
    return _PipelineData(
        pipelines=[Option(pipeline.id, pipeline.name) for pipeline, _ in found],
        stages=[Option(stage.id, f"{p.name} · {stage.name}") for p, stages in found for stage in stages],
        members=[Option(user.id, user.name) for user, _ in members.list_members(session, who)],
        stages_by_pipeline={
            p.id: [(stage.id, stage.name, stage.kind.value) for stage in stages] for p, stages in found
        },
        names=entity_names(session, who.tenant_id),
    )


def _read_board(
    session: Transaction, who: Identity, /, stage_ids: list[str], **asked: Any
) -> tuple[dict[str, tuple[int, Decimal]], dict[str, list[Lead]], dict[str, str]]:
    shown = {stage_id: leads.newest_in_stage(session, who, stage_id, **asked) for stage_id in stage_ids}
    people = contacts.contact_names(session, who, (row.contact_id for rows in shown.values() for row in rows))
    return leads.stage_totals(session, who, **asked), shown, people


def _move_all(session: Transaction, who: Identity, lead_ids: list[str], stage_id: str) -> int:
    return len([leads.move_to_stage(session, who, lead_id, stage_id) for lead_id in lead_ids])


def _assign_all(session: Transaction, who: Identity, lead_ids: list[str], user_id: str) -> int:
    return len([leads.save(session, who, lead_id, {"responsible_id": user_id}) for lead_id in lead_ids])
