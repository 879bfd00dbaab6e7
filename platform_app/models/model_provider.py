"""Model provider models: the providers that a tenant connected, each with the models that it lists."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from platform_app.clock import now
from platform_app.form_fields import Control, form_fields
from platform_app.models.base import Instant, Owned, enum_column, factory, in_form

DEFAULT_PROVIDER = "default"  # in the settings of an agent: the tenant's default provider
INSTALLATION_PROVIDER = "installation"
NO_PROVIDER = "none"


class Wire(StrEnum):
    """The API by which a provider is asked for replies."""

    CHAT_COMPLETIONS = "chat_completions"
    RESPONSES = "responses"


class ProviderFields(SQLModel):
    """What an admin enters of a provider, beside its key."""

    name: str = Field(title="Name", min_length=1, max_length=80, schema_extra=in_form("provider"))
    base_url: str = Field(
        title="URL",
        description="Of an OpenAI-compatible API. Most addresses end in /v1.",
        min_length=1,
        max_length=300,
        schema_extra=in_form("provider", placeholder="https://api.openai.com/v1"),
    )
    wire: Wire = Field(
        default=Wire.CHAT_COMPLETIONS,
        title="API",
        description=("Nearly all providers support Chat Completions. Some models use tools only with Responses."),
        sa_type=enum_column(Wire),
        schema_extra=in_form(
            "provider",
            options={"chat_completions": "Chat completions", "responses": "Responses"},
            untranslated=frozenset({"chat_completions", "responses"}),
        ),
    )
    transcription_model: str = Field(
        default="",
        title="Transcription model",
        description="Turns recordings into text. Leave empty to use one of the provider’s list, for example whisper-1.",
        max_length=200,
        schema_extra=in_form("provider"),
    )
    input_price: float | None = Field(  # in US dollars for a million tokens; None: as the list of prices says
        default=None,
        title="Price per million input tokens ($)",
        description="For models without a known price.",
        ge=0,
        le=10_000,
        schema_extra=in_form("prices", Control.NUMBER, problem=("Enter a price from 0 to 10,000 or leave empty.")),
    )
    output_price: float | None = Field(
        default=None,
        title="Price per million output tokens ($)",
        ge=0,
        le=10_000,
        schema_extra=in_form("prices", Control.NUMBER, problem=("Enter a price from 0 to 10,000 or leave empty.")),
    )


class ModelProvider(Owned, ProviderFields, table=True):
    """A provider of a tenant; its key is a Secret."""

    is_default: bool = False  # for agents that name none
    models: list[dict[str, Any]] = Field(default_factory=factory(list), sa_type=JSON)  # as of catalogue.Model.as_json
    listed_at: datetime | None = Field(default=None, sa_type=Instant)  # when `models` were listed
    updated_at: datetime = Field(default_factory=factory(now), sa_type=Instant)


class ProviderForm(ProviderFields):
    """The form of a provider."""

    key: str = Field(default="", title="Key", max_length=500, schema_extra=in_form("provider", Control.PASSWORD))


PROVIDER_FORM = form_fields(ProviderForm)
