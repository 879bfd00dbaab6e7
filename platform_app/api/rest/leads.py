"""Leads: pipelines with their stages, and the leads in them."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, Field
from sqlmodel import col

from platform_app.api.rest.contacts import CustomValues, changed_values
from platform_app.api.rest.fields import Id, Line, ListQuery, Name, Page, Search, Tag, View, page_rows
from platform_app.api.rest.operations import Call, Input, operation
from platform_app.db import owned
from platform_app.models.crm import Lead, StageKind
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.crm import contact_links, leads, pipelines, search_text

READ, WRITE = Scope.LEADS_READ, Scope.LEADS_WRITE


class StageView(View):
    """A stage of a pipeline."""

    id: str
    name: str
    kind: StageKind


class PipelineView(BaseModel):
    """A pipeline with its stages, in order."""

    id: str
    name: str
    stages: list[StageView]


class PipelinesView(BaseModel):
    """All pipelines, in order."""

    data: list[PipelineView]


class LeadView(View):
    """A deal with its contacts, of which `contact_id` is the main one, in a stage of a pipeline."""

    id: str
    created_at: datetime
    updated_at: datetime
    title: str
    contact_id: str | None
    other_contact_ids: list[str]
    stage_id: str
    in_stage_since: datetime
    budget: Decimal
    responsible_id: str | None
    source: str
    tags: list[str]
    fields: dict[str, Any]


class LeadQuery(ListQuery):
    """What a list of leads shows; those of a contact are also those of which it is a further one."""

    search: Search | None = None
    stage_id: Id | None = None
    contact_id: Id | None = None
    responsible_id: Id | None = None


class LeadChanges(Input):
    """Values of a lead; those that are left out stay as they are."""

    title: Name | None = None
    stage_id: Id | None = None
    contact_id: Id | None = None
    other_contact_ids: Annotated[list[Id], Field(max_length=contact_links.MAX_OTHERS)] | None = None
    budget: Annotated[int, Field(ge=0, le=999_999_999_999)] | None = None
    responsible_id: Id | None = None
    source: Annotated[Line, Field(max_length=120)] | None = None
    tags: Annotated[list[Tag], Field(max_length=30)] | None = None
    fields: CustomValues | None = None


class NewLead(LeadChanges):
    """A new lead; without a stage it stands in the first one of the first pipeline."""

    title: Name


@operation("GET", "/pipelines", READ, answer=PipelinesView)
def list_pipelines(call: Call) -> PipelinesView:
    """List pipelines with their stages."""
    listed = pipelines.list_pipelines(call.session, call.who)
    views = [
        PipelineView(id=row.id, name=row.name, stages=[StageView.model_validate(stage) for stage in stages])
        for row, stages in listed
    ]
    return PipelinesView(data=views)


@operation("GET", "/leads", READ, query=LeadQuery, answer=Page[LeadView])
def list_leads(call: Call) -> Page[LeadView]:
    """List leads, the newest first."""
    query = owned(Lead, call.who.tenant_id).where(col(Lead.deleted_at).is_(None))
    for name in ("stage_id", "responsible_id"):
        if (value := getattr(call.query, name)) is not None:
            query = query.where(getattr(Lead, name) == value)
    if call.query.contact_id is not None:
        query = query.where(contact_links.has_contact(call.who.tenant_id, call.query.contact_id))
    query = search_text.filter_rows(query, Lead.search_text, call.query.search or "")
    rows = page_rows(call.session, query, call.query, model=Lead)
    shown = rows[: call.query.limit]
    return Page[LeadView](data=_views(call, shown), next_cursor=shown[-1].id if len(rows) > call.query.limit else None)


def _views(call: Call, rows: list[Lead]) -> list[LeadView]:
    others = contact_links.other_contact_ids(call.session, call.who.tenant_id, [row.id for row in rows])
    return [LeadView(**row.model_dump(), other_contact_ids=others[row.id]) for row in rows]


def _view(call: Call, row: Lead) -> LeadView:
    (view,) = _views(call, [row])
    return view


@operation("POST", "/leads", WRITE, body=NewLead, answer=LeadView, status=201)
def create_lead(call: Call) -> LeadView:
    """Create a lead."""
    values = changed_values(call.body)
    if "stage_id" in values:
        return _view(call, leads.create(call.session, call.who, **values))
    row = leads.create_in_first_stage(call.session, call.who, values.pop("title"))
    return _view(call, leads.save(call.session, call.who, row.id, values))


@operation("GET", "/leads/{lead_id}", READ, answer=LeadView)
def get_lead(call: Call) -> LeadView:
    """Read a lead."""
    return _view(call, leads.get(call.session, call.who, call.ids["lead_id"]))


@operation("PATCH", "/leads/{lead_id}", WRITE, body=LeadChanges, answer=LeadView)
def change_lead(call: Call) -> LeadView:
    """Change some values of a lead, or move it to another stage."""
    values = changed_values(call.body)
    stage_id, lead_id = values.pop("stage_id", None), call.ids["lead_id"]
    row = leads.save(call.session, call.who, lead_id, values)
    if stage_id is not None:
        row = leads.move_to_stage(call.session, call.who, lead_id, stage_id)
    return _view(call, row)


@operation("DELETE", "/leads/{lead_id}", WRITE, status=204)
def delete_lead(call: Call) -> None:
    """Move a lead to the bin."""
    leads.delete(call.session, call.who, call.ids["lead_id"])
