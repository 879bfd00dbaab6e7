"""CRM settings: pipelines with their stages, and custom fields."""

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
    """A stage in the editor."""

    id: str
    name: str
    kind: str


@dataclass
class PipelineLine:
    """A pipeline in the editor."""

    id: str
    name: str
    stages: list[StageLine] = field(default_factory=list)


@dataclass
class CustomFieldRow:
    """A custom field in the editor."""

    id: str
    holder: str
    name: str
    variable: str
    kind: str
    is_choice: bool
    options: str


class CrmSettingsState(rx.State):
    """The pipelines and custom fields of the tenant."""

    pipelines: list[PipelineLine] = []
    fields: list[CustomFieldRow] = []
    new_kind: str = "text"
    form_key: int = 0  # incremented with every structural change, which redraws the inputs
    loaded: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch pipelines and custom fields."""
        await self._fetch()

    @handler(Role.ADMIN)
    async def add_pipeline(self, form: dict[str, Any]) -> Any:
        """Create a pipeline with default stages."""
        stages = pipelines.default_stages((await current_user(self)).language)
        return await self._run(pipelines.create, str(form.get("name", "")), stages)

    @handler(Role.ADMIN)
    async def rename_pipeline(self, pipeline_id: str, name: str) -> Any:
        """Rename a pipeline."""
        return await self._run(pipelines.rename, pipeline_id, name, redraw=False)

    @handler(Role.ADMIN)
    async def delete_pipeline(self, pipeline_id: str) -> Any:
        """Delete a pipeline without leads."""
        return await self._run(pipelines.delete, pipeline_id)

    @handler(Role.ADMIN)
    async def add_stage(self, form: dict[str, Any]) -> Any:
        """Add a stage at the end of the pipeline in the form."""
        return await self._run(pipelines.add_stage, str(form.get("pipeline", "")), str(form.get("name", "")))

    @handler(Role.ADMIN)
    async def change_stage(self, stage_id: str, name: str, kind: StageKind) -> Any:
        """Set the name and kind of a stage."""
        return await self._run(pipelines.update_stage, stage_id, redraw=False, name=name, kind=kind)

    @handler(Role.ADMIN)
    async def move_stage(self, stage_id: str, up: bool) -> Any:
        """Move a stage up or down."""
        return await self._run(pipelines.move_stage, stage_id, up=up)

    @handler(Role.ADMIN)
    async def delete_stage(self, stage_id: str) -> Any:
        """Delete a stage without leads."""
        return await self._run(pipelines.delete_stage, stage_id)

    @handler(Role.ADMIN)
    async def set_new_kind(self, kind: str) -> None:
        """Set the kind of the field in the form for a new one."""
        self.new_kind = kind if kind in FIELD_KINDS else "text"

    @handler(Role.ADMIN)
    async def add_custom_field(self, form: dict[str, Any]) -> Any:
        """Create a custom field of contacts or leads."""
        holder = Holder.LEAD if form.get("holder") == "lead" else Holder.CONTACT
        kind, options = FieldKind(self.new_kind), str(form.get("options", ""))
        return await self._run(
            custom_field_definitions.create, holder, name=str(form.get("name", "")), kind=kind, options=options
        )

    @handler(Role.ADMIN)
    async def change_field(self, field_id: str, name: str, options: str) -> Any:
        """Set the name and options of a custom field."""
        return await self._run(custom_field_definitions.update, field_id, redraw=False, name=name, options=options)

    @handler(Role.ADMIN)
    async def delete_field(self, field_id: str) -> Any:
        """Delete a custom field."""
        return await self._run(custom_field_definitions.delete, field_id)

    async def _run(self, service: Any, *given: Any, redraw: bool = True, **named: Any) -> Any:
        try:
            await call(self, service, *given, **named)
        except PlatformError as error:
            await self._fetch()
            return await error_toast(self, error)
        await self._fetch(redraw=redraw)
        return None

    async def _fetch(self, *, redraw: bool = True) -> None:
        self.pipelines, self.fields = await fetch(self, _read)
        self.form_key += redraw
        self.loaded = True


def _read(session: Transaction, who: Identity) -> tuple[list[PipelineLine], list[CustomFieldRow]]:
    found = [
        PipelineLine(pipeline.id, pipeline.name, [StageLine(s.id, s.name, s.kind.value) for s in stages])
        for pipeline, stages in pipelines.list_pipelines(session, who)
    ]
    own = [
        CustomFieldRow(
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
