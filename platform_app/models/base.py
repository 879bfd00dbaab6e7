"""Base: columns and column types that tables share."""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from inspect import Signature
from typing import Any, TypeVar

from sqlalchemy import DateTime, Enum, MetaData
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

from platform_app.clock import new_id, now
from platform_app.form_fields import Control, form_info

ValueT = TypeVar("ValueT")
SQLModel.metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """A timezone-aware datetime, stored without a zone in UTC and read back with UTC."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value else None


def enum_column(kind: type[StrEnum]) -> Any:
    """Return a column type that stores the values of an enumeration as text."""
    return Enum(kind, native_enum=False, length=40, values_callable=lambda words: [word.value for word in words])


def factory(make: Callable[[], ValueT]) -> Callable[[], ValueT]:
    """Return a default factory with an explicit signature without arguments.

    The library inspects the signature for each column of each row, which costs more than creating the row otherwise.
    """

    def made() -> ValueT:
        return make()

    made.__signature__ = Signature()  # type: ignore[attr-defined]  # inspect reads this attribute of a function
    return made


def in_form(section: str = "", control: Control | None = None, **more: Any) -> dict[str, Any]:
    """Return `form_info` as the `schema_extra` of a column."""
    return {"json_schema_extra": form_info(section, control, **more)}


class Row(SQLModel):
    """A table row with an id that sorts by creation time."""

    id: str = Field(default_factory=factory(new_id), primary_key=True, max_length=32)
    created_at: datetime = Field(default_factory=factory(now), sa_type=Instant)


class Owned(Row):
    """A row of one tenant, read through `owned` only; sessions refuse statements without the tenant."""

    tenant_id: str = Field(foreign_key="tenant.id", index=True, max_length=32, ondelete="CASCADE")
