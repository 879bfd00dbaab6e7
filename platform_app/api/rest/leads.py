"""Leads: pipelines with their stages, and the leads in them."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, Field
from sqlmodel import col

from platform_app.api.rest.contacts import CustomValues, changed_values
from platform_app.api.rest.fields import Id, Line, ListQuery, Name, Page, Search, Tag, View, page
from platform_app.api.rest.operations import Call, Input, operation
from platform_app.db import owned
from platform_app.models.crm import Lead, StageKind
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.crm import leads, pipelines, search_text

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
    """A deal with a contact, in a stage of a pipeline."""

    id: str
    created_at: datetime
    updated_at: datetime
    title: str
    contact_id: str | None
    stage_id: str
    in_stage_since: datetime
    budget: Decimal
    responsible_id: str | None
    source: str
    tags: list[str]
    fields: dict[str, Any]


class LeadQuery(ListQuery):
    """What a list of leads shows."""

    search: Search | None = None
    stage_id: Id | None = None
    contact_id: Id | None = None
    responsible_id: Id | None = None


class LeadChanges(Input):
    """Values of a lead; those that are left out stay as they are."""

    title: Name | None = None
    stage_id: Id | None = None
    contact_id: Id | None = None
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
    for name in ("stage_id", "contact_id", "responsible_id"):
        if (value := getattr(call.query, name)) is not None:
            query = query.where(getattr(Lead, name) == value)
    query = search_text.filter_rows(query, Lead.search_text, call.query.search or "")
    return page(call.session, query, call.query, model=Lead, view=LeadView)


@operation("POST", "/leads", WRITE, body=NewLead, answer=LeadView, status=201)
def create_lead(call: Call) -> LeadView:
    """Create a lead."""
    values = changed_values(call.body)
    if "stage_id" in values:
        return LeadView.model_validate(leads.create(call.session, call.who, **values))
    row = leads.create_in_first_stage(call.session, call.who, values.pop("title"))
    return LeadView.model_validate(leads.save(call.session, call.who, row.id, values))


@operation("GET", "/leads/{lead_id}", READ, answer=LeadView)
def get_lead(call: Call) -> LeadView:
    """Read a lead."""
    return LeadView.model_validate(leads.get(call.session, call.who, call.ids["lead_id"]))


@operation("PATCH", "/leads/{lead_id}", WRITE, body=LeadChanges, answer=LeadView)
def change_lead(call: Call) -> LeadView:
    """Change some values of a lead, or move it to another stage."""
    values = changed_values(call.body)
    stage_id, lead_id = values.pop("stage_id", None), call.ids["lead_id"]
    row = leads.save(call.session, call.who, lead_id, values)
    if stage_id is not None:
        row = leads.move_to_stage(call.session, call.who, lead_id, stage_id)
    return LeadView.model_validate(row)


@operation("DELETE", "/leads/{lead_id}", WRITE, status=204)
def delete_lead(call: Call) -> None:
    """Move a lead to the bin."""
    leads.delete(call.session, call.who, call.ids["lead_id"])
