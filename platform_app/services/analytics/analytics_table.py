"""Analytics table: the columns of each breakdown, the names of its rows, and the same as CSV."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from platform_app.i18n import translate
from platform_app.models.agent import Channel
from platform_app.services.analytics.analytics import BreakdownRow
from platform_app.services.analytics.periods import Period
from platform_app.services.analytics.selection import Dimension
from platform_app.services.channels.channel_names import CHANNELS
from platform_app.services.crm import csv_files

Kind = Literal["count", "share", "seconds", "dollars"]
Value = int | float | Decimal | None


@dataclass(frozen=True)
class Column:
    """A column of figures: its head as a message id, the kind of its values, and how one is read from a row."""

    head: str
    kind: Kind
    read: Callable[[BreakdownRow], Value]


def _share(row: BreakdownRow) -> float | None:
    return row.talks.without_person / row.talks.conversations if row.talks.conversations else None


_TALKS = (
    Column("Conversations", "count", lambda row: row.talks.conversations),
    Column("Replies by agents", "count", lambda row: row.talks.replies),
    Column("Replies by people", "count", lambda row: row.talks.member_replies),
    Column("Without a person", "share", _share),
    Column("Handed over", "count", lambda row: row.talks.handed_over),
    Column("First response by an agent", "seconds", lambda row: row.talks.agent_median),
    Column("First response by a person", "seconds", lambda row: row.talks.member_median),
    Column("Unanswered questions", "count", lambda row: row.usage.unanswered),
    Column("Tokens", "count", lambda row: row.usage.input_tokens + row.usage.output_tokens),
    Column("Cost", "dollars", lambda row: row.usage.cost),
)
_MEMBERS = (
    Column("Conversations", "count", lambda row: row.talks.conversations),
    Column("Replies", "count", lambda row: row.talks.member_replies),
    Column("First response", "seconds", lambda row: row.talks.member_median),
    Column("First response, 90 %", "seconds", lambda row: row.talks.member_90),
    Column("Approvals decided", "count", lambda row: row.decisions),
)
COLUMNS: dict[Dimension, tuple[Column, ...]] = {
    Dimension.AGENT: (*_TALKS, Column("Leads won", "count", lambda row: row.won)),
    Dimension.CHANNEL: _TALKS,
    Dimension.MEMBER: _MEMBERS,
    Dimension.TAG: _TALKS,
}
HEADS = {Dimension.AGENT: "Agent", Dimension.CHANNEL: "Channel", Dimension.MEMBER: "Member", Dimension.TAG: "Tag"}
_GONE = {
    Dimension.AGENT: ("Deleted agent", "{name} (deleted)"),
    Dimension.CHANNEL: ("Deleted conversations", "{name}"),
    Dimension.MEMBER: ("Removed member", "{name} (not a member)"),
    Dimension.TAG: ("No tag", "{name}"),
}


def row_name(language: str, dimension: Dimension, row: BreakdownRow) -> str:
    """Return what a row is called in a language; what is not there any more says so."""
    if dimension == Dimension.CHANNEL and row.key in list(Channel):
        return translate(language, CHANNELS[Channel(row.key)])
    if row.is_known:
        return row.name
    nameless, named = _GONE[dimension]
    return translate(language, named, name=row.name) if row.name else translate(language, nameless)


def as_csv(language: str, dimension: Dimension, rows: list[BreakdownRow]) -> str:
    """Return a breakdown as the text of a CSV file: times in seconds, money in US dollars, shares in per cent."""
    units = {"seconds": "{name}, seconds", "share": "{name}, %", "dollars": "{name}, USD", "count": "{name}"}
    columns = COLUMNS[dimension]
    heads = [translate(language, units[one.kind], name=translate(language, one.head)) for one in columns]
    lines = [[row_name(language, dimension, row), *(_cell(one.kind, one.read(row)) for one in columns)] for row in rows]
    return csv_files.write_rows([[translate(language, HEADS[dimension]), *heads], *lines])


def file_name(dimension: Dimension, period: Period) -> str:
    """Return the name of the CSV file of a breakdown."""
    return f"analytics-{dimension.value}-{period.first.isoformat()}-{period.last.isoformat()}.csv"


def _cell(kind: Kind, value: Value) -> str:
    if value is None:
        return ""
    if kind == "share":
        return f"{value * 100:.1f}"
    if kind == "seconds":
        return f"{value:.1f}"
    return f"{value:.6f}".rstrip("0").rstrip(".") if kind == "dollars" else str(value)
