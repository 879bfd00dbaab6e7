"""Scripts: what agents are to say in certain situations."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from sqlmodel import col

from platform_app.api.rest.fields import Id, ListQuery, Name, Page, QuickReply, View, page
from platform_app.api.rest.operations import Call, Input, operation
from platform_app.channels.quick_replies import MAX_QUICK_REPLIES
from platform_app.db import owned
from platform_app.models.script import Script, ScriptKind
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.scripts import scripts

READ, WRITE = Scope.SCRIPTS_READ, Scope.SCRIPTS_WRITE


def _lines(value: object) -> object:
    return value.splitlines() if isinstance(value, str) else value


class ScriptView(View):
    """A script for one agent or all, in one stage or any."""

    id: str
    created_at: datetime
    updated_at: datetime
    title: str
    kind: ScriptKind
    text: str
    examples: str
    quick_replies: Annotated[list[str], BeforeValidator(_lines)]
    agent_id: str | None
    stage_id: str | None
    condition: dict[str, Any]
    enabled: bool
    revision: int


class ScriptQuery(ListQuery):
    """What a list of scripts shows."""

    kind: ScriptKind | None = None
    agent_id: Id | None = None


class Switch(Input):
    """Whether something is in force."""

    enabled: bool


class NewScript(Input):
    """A new script; variables such as {{ contact.name }} are written in the console."""

    title: Name
    kind: ScriptKind
    text: Annotated[str, Field(pattern=r"^[^\x00{}%]*$", max_length=4_000)]
    agent_id: Id | None = None
    stage_id: Id | None = None
    quick_replies: list[QuickReply] = Field(
        default_factory=list, max_length=MAX_QUICK_REPLIES, description="Offered by a reply that follows the script."
    )
    enabled: bool = True


@operation("GET", "/scripts", READ, query=ScriptQuery, answer=Page[ScriptView])
def list_scripts(call: Call) -> Page[ScriptView]:
    """List scripts, the newest first."""
    query = owned(Script, call.who.tenant_id).where(col(Script.deleted_at).is_(None))
    for name in ("kind", "agent_id"):
        if (value := getattr(call.query, name)) is not None:
            query = query.where(getattr(Script, name) == value)
    return page(call.session, query, call.query, model=Script, view=ScriptView)


@operation("POST", "/scripts", WRITE, body=NewScript, answer=ScriptView, status=201)
def create_script(call: Call) -> ScriptView:
    """Create a script."""
    fields = call.body.model_dump(exclude={"enabled", "quick_replies"})
    row = scripts.create(call.session, call.who, quick_replies="\n".join(call.body.quick_replies), **fields)
    row.enabled = call.body.enabled
    return ScriptView.model_validate(row)


@operation("GET", "/scripts/{script_id}", READ, answer=ScriptView)
def get_script(call: Call) -> ScriptView:
    """Read a script."""
    return ScriptView.model_validate(scripts.get(call.session, call.who, call.ids["script_id"]))


@operation("PUT", "/scripts/{script_id}/enabled", WRITE, body=Switch, answer=ScriptView)
def switch_script(call: Call) -> ScriptView:
    """Switch a script on or off, with effect from the next reply."""
    row = scripts.set_enabled(call.session, call.who, call.ids["script_id"], enabled=call.body.enabled)
    return ScriptView.model_validate(row)


@operation("DELETE", "/scripts/{script_id}", WRITE, status=204)
def delete_script(call: Call) -> None:
    """Move a script to the bin."""
    scripts.delete(call.session, call.who, call.ids["script_id"])
