"""HTTP tool models: requests to other systems that a tenant offers to its agents as tools."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from platform_app.clock import now
from platform_app.form_fields import Control, form_fields
from platform_app.models.base import Instant, Owned, enum_column, factory, in_form

EXAMPLE_SCHEMA = """{
  "type": "object",
  "properties": {"order": {"type": "string", "description": "The number of the order"}},
  "required": ["order"]
}"""


class HttpMethod(StrEnum):
    """The method of a request."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


class ToolEffect(StrEnum):
    """Whether a tool changes anything at the other system."""

    READS = "reads"
    CHANGES = "changes"


class HttpToolFields(SQLModel):
    """What an admin enters of an HTTP tool, beside its secret."""

    name: str = Field(
        title="Name",
        description="Latin letters, digits and _: the model calls it by this name.",
        min_length=2,
        max_length=40,
        schema_extra=in_form("tool", placeholder="order_status"),
    )
    description: str = Field(
        title="What it is for",
        description="The model decides by this when to use it.",
        min_length=1,
        max_length=1_000,
        schema_extra=in_form("tool"),
    )
    effect: ToolEffect = Field(
        default=ToolEffect.READS,
        title="Effect",
        description="A call that changes something is never made twice.",
        sa_type=enum_column(ToolEffect),
        schema_extra=in_form("tool", options={"reads": "Reads only", "changes": "Changes something"}),
    )
    method: HttpMethod = Field(
        default=HttpMethod.GET,
        title="Method",
        sa_type=enum_column(HttpMethod),
        schema_extra=in_form(
            "request",
            options={method.value: method.value for method in HttpMethod},
            untranslated=frozenset(method.value for method in HttpMethod),
        ),
    )
    url: str = Field(
        title="URL",
        description="Arguments in braces stand in the path; the others go to the query, or to the body as JSON.",
        min_length=1,
        max_length=500,
        schema_extra=in_form("request", placeholder="https://shop.example.com/orders/{order}"),
    )
    parameters: str = Field(
        default=EXAMPLE_SCHEMA,
        title="Arguments, a JSON schema",
        description="An object of texts, numbers and yes or no, each with its description.",
        max_length=10_000,
        schema_extra=in_form("request", Control.TEXT_AREA, rows=6),
    )
    seconds: int = Field(
        default=10,
        title="Time-out, seconds",
        ge=1,
        le=30,
        schema_extra=in_form("request", Control.NUMBER, problem="Enter a number from 1 to 30."),
    )
    header: str = Field(
        default="Authorization",
        title="Header of the secret",
        max_length=60,
        schema_extra=in_form("request"),
    )


class HttpTool(Owned, HttpToolFields, table=True):
    """An HTTP tool of a tenant; its secret is a Secret."""

    __table_args__ = (UniqueConstraint("tenant_id", "name"),)
    updated_at: datetime = Field(default_factory=factory(now), sa_type=Instant)


class HttpToolForm(HttpToolFields):
    """The form of an HTTP tool."""

    secret: str = Field(
        default="",
        title="Secret, the value of the header",
        max_length=2_000,
        schema_extra=in_form("request", Control.PASSWORD),
    )


HTTP_TOOL_FORM = form_fields(HttpToolForm)
