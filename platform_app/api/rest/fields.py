"""Fields: the types of values that clients send, as their description says them, and pages of lists."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from sqlmodel import col

from platform_app.api.rest.operations import ID_PATTERN, Query
from platform_app.channels.quick_replies import MAX_TITLE_CHARS
from platform_app.db import Transaction

MAX_PAGE = 100
_VISIBLE = (  # signs of common scripts that are always printed, as ranges
    "!-~¡-¬®-ʯͰ-ͷΑ-ΡΣ-ώЀ-ҁҊ-ӿԱ-Ֆא-תا-يअ-हก-ฮა-ჰぁ-ゖァ-ヺ一-龥가-힣"
)
_LINE = r"[^\x00-\x1f\x7f]"
_TEXT = r"[^\x00]"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_NUMBER = re.compile(r"[0-9]{1,4}")
ModelT = TypeVar("ModelT", bound=BaseModel)


def _moment(value: object) -> object:
    """Return a moment of RFC 3339 as a datetime; a leap second is the second after it."""
    if not isinstance(value, str):
        return value
    if not _MOMENT.fullmatch(value):
        raise ValueError("not a moment")
    is_leap, text = value[17:19] == "60", value.upper().replace("Z", "+00:00")
    fraction = re.search(r"\.(\d+)", text)
    if fraction:
        text = text.replace(fraction[0], "." + fraction[1][:6].ljust(6, "0"))
    try:
        at = datetime.fromisoformat(text[:17] + "59" + text[19:] if is_leap else text)
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("not a moment") from error


def _count(value: object) -> object:
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError("not a number")
    return value


Id = Annotated[str, Field(pattern=ID_PATTERN, examples=["0190d6b2c3f40001a1b2c3d4e5f60718"])]
Moment = Annotated[
    datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"}, mode="validation")
]
Line = Annotated[str, Field(pattern=f"^{_LINE}*$", max_length=200)]
Name = Annotated[str, Field(pattern=f"^{_LINE}*[{_VISIBLE}]{_LINE}*$", min_length=1, max_length=200)]
MessageText = Annotated[str, Field(pattern=f"^{_TEXT}*[{_VISIBLE}]{_TEXT}*$", min_length=1, max_length=20_000)]
Email = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._%+-]{0,62}@[A-Za-z0-9-]{1,60}(\.[A-Za-z0-9-]{1,30}){0,3}\.[A-Za-z]{2,24}$",
        max_length=254,
    ),
]
Phone = Annotated[str, Field(pattern=r"^\+?[0-9]{5,15}$", examples=["+79281234567"])]
Tag = Annotated[str, Field(pattern=f"^{_LINE}*[{_VISIBLE}]{_LINE}*$", min_length=1, max_length=60)]
QuickReply = Annotated[str, Field(pattern=f"^{_LINE}*[{_VISIBLE}]{_LINE}*$", min_length=1, max_length=MAX_TITLE_CHARS)]
Reference = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,120}$", examples=["customer-1024"])]
Search = Annotated[str, Field(pattern=f"^{_LINE}*$", max_length=200)]
Cursor = Annotated[str, Field(pattern=ID_PATTERN, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Field(ge=1, le=MAX_PAGE, description="Rows of a page."), BeforeValidator(_count)]


class View(BaseModel):
    """What the API shows of a row."""

    model_config = ConfigDict(from_attributes=True)


class ListQuery(Query):
    """The parameters of every list."""

    cursor: Cursor | None = None
    limit: Limit = 25


class Page(BaseModel, Generic[ModelT]):
    """A page of a list, and the cursor of the next one, or null."""

    data: list[ModelT]
    next_cursor: str | None


def page(
    session: Transaction, query: Any, wanted: ListQuery, *, model: Any, view: type[ModelT], **more: Any
) -> Page[ModelT]:
    """Return a page of a query's rows, the newest first, by their ids, which sort by creation.

    `more` has `show`, a function that makes the view of a row, if it is more than its attributes.
    """
    rows = page_rows(session, query, wanted, model=model)
    show = more.get("show", view.model_validate)
    shown = rows[: wanted.limit]
    return Page[view](  # type: ignore[valid-type]  # the class is made at run time
        data=[show(row) for row in shown], next_cursor=shown[-1].id if len(rows) > wanted.limit else None
    )


def page_rows(session: Transaction, query: Any, wanted: ListQuery, *, model: Any) -> list[Any]:
    """Return the rows of a page and, if there are more, the first of the next one."""
    if wanted.cursor:
        query = query.where(col(model.id) < wanted.cursor)
    return list(session.exec(query.order_by(col(model.id).desc()).limit(wanted.limit + 1)).all())
