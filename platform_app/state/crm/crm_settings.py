"""CRM settings: pipelines with their stages, and the tenant's own fields."""

from dataclasses import dataclass, field
from typing import Any

import reflex as rx

from platform_app import custom_fields
from platform_app.db import Transaction
from platform_app.errors import PlatformError
from platform_app.i18n import translate
from platform_app.models.crm import FieldKind, Holder, StageKind
from platform_app.models.person import Identity, Role
from platform_app.services.crm import custom_field_definitions, pipelines
from platform_app.state.console.base import call, current_user, error_toast, fetch, handler

FIELD_KINDS = {
    "text": "Text",
    "number": "Number",
    "money": "Money",
    "date": "Date",
    "choice": "Choice",
    "yes_no": "Yes or no",
}


@dataclass
class StageLine:
    """A stage as it is edited."""

    id: str
    name: str
    kind: str


@dataclass
class PipelineLine:
    """A pipeline as it is edited."""

    id: str
    name: str
    stages: list[StageLine] = field(default_factory=list)


@dataclass
class OwnField:
    """A field of the tenant's own."""

    id: str
    holder: str
    name: str
    variable: str
    kind: str
    is_choice: bool
    options: str


class CrmSettingsState(rx.State):
    """Pipelines and fields of the tenant."""

    pipelines: list[PipelineLine] = []
    fields: list[OwnField] = []
    new_kind: str = "text"
    drawn: int = 0  # grows with every change of what there is: inputs are drawn anew then
    loaded: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch pipelines and fields."""
        await self._fetch()

    @handler(Role.ADMIN)
    async def add_pipeline(self, form: dict[str, Any]) -> Any:
        """Make a pipeline with the usual stages."""
        stages = pipelines.default_stages((await current_user(self)).language)
        return await self._do(pipelines.create, str(form.get("name", "")), stages)

    @handler(Role.ADMIN)
    async def rename_pipeline(self, pipeline_id: str, name: str) -> Any:
        """Give a pipeline another name."""
        return await self._do(pipelines.rename, pipeline_id, name, redraw=False)

    @handler(Role.ADMIN)
    async def delete_pipeline(self, pipeline_id: str) -> Any:
        """Take a pipeline without leads away."""
        return await self._do(pipelines.delete, pipeline_id)

    @handler(Role.ADMIN)
    async def add_stage(self, form: dict[str, Any]) -> Any:
        """Add a stage at the end of the pipeline that the form names."""
        return await self._do(pipelines.add_stage, str(form.get("pipeline", "")), str(form.get("name", "")))

    @handler(Role.ADMIN)
    async def change_stage(self, stage_id: str, name: str, kind: StageKind) -> Any:
        """Give a stage another name or meaning."""
        return await self._do(pipelines.update_stage, stage_id, redraw=False, name=name, kind=kind)

    @handler(Role.ADMIN)
    async def move_stage(self, stage_id: str, up: bool) -> Any:
        """Move a stage before or behind its neighbour."""
        return await self._do(pipelines.move_stage, stage_id, up=up)

    @handler(Role.ADMIN)
    async def delete_stage(self, stage_id: str) -> Any:
        """Take a stage without leads away."""
        return await self._do(pipelines.delete_stage, stage_id)

    @handler(Role.ADMIN)
    async def choose_kind(self, kind: str) -> None:
        """Say what the new field is to hold."""
        self.new_kind = kind if kind in FIELD_KINDS else "text"

    @handler(Role.ADMIN)
    async def add_own_field(self, form: dict[str, Any]) -> Any:
        """Add a field to contacts or leads."""
        holder = Holder.LEAD if form.get("holder") == "lead" else Holder.CONTACT
        kind, options = FieldKind(self.new_kind), str(form.get("options", ""))
        return await self._do(
            custom_field_definitions.create, holder, name=str(form.get("name", "")), kind=kind, options=options
        )

    @handler(Role.ADMIN)
    async def change_field(self, field_id: str, name: str, options: str) -> Any:
        """Rename a field or change its choices."""
        return await self._do(custom_field_definitions.update, field_id, redraw=False, name=name, options=options)

    @handler(Role.ADMIN)
    async def delete_field(self, field_id: str) -> Any:
        """Take a field away."""
        return await self._do(custom_field_definitions.delete, field_id)

    async def _do(self, service: Any, *given: Any, redraw: bool = True, **named: Any) -> Any:
        try:
            await call(self, service, *given, **named)
        except PlatformError as error:
            await self._fetch()
            return await error_toast(self, error)
        await self._fetch(redraw=redraw)
        return None

    async def _fetch(self, *, redraw: bool = True) -> None:
        self.pipelines, self.fields = await fetch(self, _read)
        self.drawn += redraw
        self.loaded = True


def _read(session: Transaction, who: Identity) -> tuple[list[PipelineLine], list[OwnField]]:
    found = [
        PipelineLine(pipeline.id, pipeline.name, [StageLine(s.id, s.name, s.kind.value) for s in stages])
        for pipeline, stages in pipelines.list_pipelines(session, who)
    ]
    own = [
        OwnField(
            id=row.id,
            holder=row.holder.value,
            name=row.name,
            variable="{{ " + f"{row.holder.value}.field.{row.key}" + " }}",
            kind=translate(who.language, FIELD_KINDS[row.kind.value]),
            is_choice=row.kind == FieldKind.CHOICE,
            options="\n".join(row.options),
        )
        for row in custom_fields.list_custom_fields(session, who.tenant_id)
    ]
    return found, own
