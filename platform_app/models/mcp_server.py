"""MCP server models: servers of the Model Context Protocol whose tools a tenant offers to its agents."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from platform_app.clock import now
from platform_app.form_fields import Control, form_fields
from platform_app.models.base import Instant, Owned, factory, in_form


class McpServerFields(SQLModel):
    """What an admin enters of an MCP server, beside its secret."""

    name: str = Field(
        title="Name",
        description="Latin letters, digits and _: its tools are named after it.",
        min_length=2,
        max_length=20,
        schema_extra=in_form("server", placeholder="shop"),
    )
    url: str = Field(
        title="URL",
        description="Of the streamable HTTP transport; it often ends in /mcp.",
        min_length=1,
        max_length=300,
        schema_extra=in_form("server", placeholder="https://shop.example.com/mcp"),
    )
    header: str = Field(
        default="Authorization", title="Header of the secret", max_length=60, schema_extra=in_form("server")
    )


class McpServer(Owned, McpServerFields, table=True):
    """An MCP server of a tenant; its secret is a Secret.

    Each of `tools` is {"name", "description", "schema", "hash", "allowed", "changed"} as it was listed last.
    """

    __table_args__ = (UniqueConstraint("tenant_id", "name"),)
    tools: list[dict[str, Any]] = Field(default_factory=factory(list), sa_type=JSON)
    listed_at: datetime | None = Field(default=None, sa_type=Instant)
    updated_at: datetime = Field(default_factory=factory(now), sa_type=Instant)


class McpServerForm(McpServerFields):
    """The form of an MCP server."""

    secret: str = Field(
        default="",
        title="Secret, the value of the header",
        max_length=2_000,
        schema_extra=in_form("server", Control.PASSWORD),
    )


MCP_SERVER_FORM = form_fields(McpServerForm)
