"""Agents: list and read them, change a draft, and switch one on or off."""

from datetime import datetime
from typing import Annotated

from pydantic import Field
from sqlmodel import col

from platform_app.api.rest.fields import ListQuery, Page, View, page
from platform_app.api.rest.operations import Call, Input, operation
from platform_app.db import owned
from platform_app.models.agent import Agent
from platform_app.services.agents import agents
from platform_app.services.api_keys.scopes import Scope

READ, WRITE = Scope.AGENTS_READ, Scope.AGENTS_WRITE
Instructions = Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=40_000)]


class AgentView(View):
    """A configured AI assistant."""

    id: str
    created_at: datetime
    updated_at: datetime
    name: str
    active: bool
    published_number: int = Field(description="Of the published version; 0 if there is none.")
    changed_since_publish: bool
    revision: int


class AgentDetails(AgentView):
    """An agent with the instructions of its draft and of its published version."""

    draft_instructions: str
    published_instructions: str


class AgentDraft(Input):
    """Instructions for the draft of an agent; members look at them and publish them in the console."""

    instructions: Instructions
    revision: Annotated[int, Field(ge=1, le=2**31)] | None = Field(
        None, description="Of the draft that you have read: if it was changed since, nothing is stored."
    )


class AgentSwitch(Input):
    """Whether an agent answers."""

    active: bool


def _details(row: Agent) -> AgentDetails:
    shown = AgentView.model_validate(row).model_dump()
    draft, published = (str(state.get("instructions", "")) for state in (row.draft, row.published))
    return AgentDetails(**shown, draft_instructions=draft, published_instructions=published)


@operation("GET", "/agents", READ, query=ListQuery, answer=Page[AgentView])
def list_agents(call: Call) -> Page[AgentView]:
    """List agents, the newest first."""
    query = owned(Agent, call.who.tenant_id).where(col(Agent.deleted_at).is_(None))
    return page(call.session, query, call.query, model=Agent, view=AgentView)


@operation("GET", "/agents/{agent_id}", READ, answer=AgentDetails)
def get_agent(call: Call) -> AgentDetails:
    """Read an agent."""
    return _details(agents.get(call.session, call.who, call.ids["agent_id"]))


@operation("PUT", "/agents/{agent_id}/draft", WRITE, body=AgentDraft, answer=AgentDetails)
def change_agent_draft(call: Call) -> AgentDetails:
    """Change the instructions of an agent's draft; nothing is published."""
    sent: AgentDraft = call.body
    row = agents.get(call.session, call.who, call.ids["agent_id"])
    changes = {"instructions": sent.instructions}
    agents.save_draft(call.session, call.who, row.id, changes, revision=sent.revision or row.revision)
    return _details(agents.get(call.session, call.who, row.id))


@operation("PUT", "/agents/{agent_id}/active", WRITE, body=AgentSwitch, answer=AgentView)
def switch_agent(call: Call) -> AgentView:
    """Switch an agent on or off."""
    row = agents.set_active(call.session, call.who, call.ids["agent_id"], active=call.body.active)
    return AgentView.model_validate(row)
