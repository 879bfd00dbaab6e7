"""Analytics view: figures, leads and the table as the page of analytics shows them."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from platform_app.i18n import money, plural, translate
from platform_app.services.analytics import analytics_table
from platform_app.services.analytics.analytics import BreakdownRow, Figures, Report
from platform_app.services.analytics.outcome_figures import WonLeads
from platform_app.services.analytics.selection import Dimension
from platform_app.state.analytics.analytics_words import (
    NOTHING,
    cell_words,
    change_words,
    day_words,
    dollar_words,
    number_words,
    share_words,
    time_words,
)

REPLIES = ("{count} reply by agents", "{count} replies by agents")
HELPED = ("{count} reply by people", "{count} replies by people")
AUTOMATIC = ("and {count} message from rules and sequences", "and {count} messages from rules and sequences")
UNPRICED = ("{count} reply without a known price", "{count} replies without a known price")
RATED = ("{count} conversation rated", "{count} conversations rated")
# Columns of figures that a list shows: its filters beside that of the row.
LISTS: dict[str, dict[str, str]] = {"Conversations": {}, "Handed over": {"view": "person"}}
APPROVED = ("{count} reply approved", "{count} replies approved")


@dataclass
class Tile:
    """A figure: its value, by how much it has changed, what it was before and more about it."""

    label: str
    value: str
    before: str
    change: str = ""  # with its sign
    is_better: bool = False  # the change is a good one
    note: str = ""
    link: str = ""


@dataclass
class LeadLine:
    """A number of leads won with their value."""

    label: str
    count: str
    value: str


@dataclass
class TableCell:
    """A figure of the breakdown, with the link to the list of what it counts, if there is one."""

    words: str
    link: str = ""
    label: str = ""  # of the link: the row and the column


@dataclass
class TableRow:
    """A row of the breakdown."""

    key: str
    name: str
    link: str
    cells: list[TableCell]


class Tiles:
    """Builds the tiles of a report in a language; `below` is the path of the tenant."""

    def __init__(self, report: Report, language: str, below: str) -> None:
        self.now, self.then, self.language, self.below = report.now, report.before, language, below

    def all(self) -> list[Tile]:
        """Return every tile in its order."""
        return [*self._outcomes(), *self._replies(), *self._rest()]

    def _outcomes(self) -> list[Tile]:
        talks, then = self.now.talks, self.then.talks
        share = talks.without_person / talks.conversations if talks.conversations else 0
        part = self._say("{share} of conversations", share=share_words(self.language, share)) if share else ""
        inbox, questions = f"{self.below}/inbox", f"{self.below}/knowledge/questions"
        return [
            self._count("Conversations", talks.conversations, then.conversations, link=inbox),
            self._count("Answered without a person", talks.without_person, then.without_person, wanted=1, note=part),
            self._count("Handed over to a person", talks.handed_over, then.handed_over, link=f"{inbox}?view=person"),
            self._count(
                "Unanswered questions",
                self.now.usage.unanswered,
                self.then.usage.unanswered,
                wanted=-1,
                link=questions,
            ),
        ]

    def _replies(self) -> list[Tile]:
        talks, then = self.now.talks, self.then.talks
        automatic = plural(self.language, *AUTOMATIC, talks.automatic) if talks.automatic else ""
        return [
            self._count("Replies by agents", talks.replies, then.replies, note=automatic),
            self._count("Replies by people", talks.member_replies, then.member_replies),
            self._time("First response by an agent", talks.agent_median, then.agent_median, talks.agent_90),
            self._time("First response by a person", talks.member_median, then.member_median, talks.member_90),
        ]

    def _rest(self) -> list[Tile]:
        now, then, language = self.now, self.then, self.language
        approval = self._time("Time to approve", now.approvals.median, then.approvals.median, now.approvals.longest_90)
        if now.approvals.count:
            approval.note = f"{approval.note} · {plural(language, *APPROVED, now.approvals.count)}"
        return [approval, self._tokens(), self._cost(), self._rating(now, then)]

    def _tokens(self) -> Tile:
        now, then = self.now.usage, self.then.usage
        tile = self._count("Tokens", now.input_tokens + now.output_tokens, then.input_tokens + then.output_tokens)
        if now.input_tokens or now.output_tokens:
            numbers = {"read": now.input_tokens, "cached": now.cached_tokens, "written": now.output_tokens}
            tile.note = self._say(
                "input {read}, cached {cached}, output {written}",
                **{name: number_words(self.language, number) for name, number in numbers.items()},
            )
        return tile

    def _cost(self) -> Tile:
        now, then, language = self.now.usage, self.then.usage, self.language
        unpriced = plural(language, *UNPRICED, now.unpriced) if now.unpriced else ""
        value = dollar_words(language, now.cost) if now.cost else NOTHING
        return Tile(
            label=self._say("Cost"),
            value=value,
            before=self._before(dollar_words(language, then.cost) if then.cost else ""),
            change=change_words(language, now.cost, then.cost),
            is_better=now.cost < then.cost,
            note=unpriced,
            link=f"{self.below}/settings/budgets",
        )

    def _rating(self, now: Figures, then: Figures) -> Tile:
        stars = {
            name: f"{figures.stars:.1f}" if figures.stars else "" for name, figures in (("now", now), ("then", then))
        }
        return Tile(
            label=self._say("Rating by contacts"),
            value=self._say("{stars} of 5", stars=stars["now"]) if stars["now"] else NOTHING,
            before=self._before(stars["then"]),
            change=change_words(self.language, now.stars, then.stars),
            is_better=(now.stars or 0) > (then.stars or 0),
            note=plural(self.language, *RATED, now.ratings) if now.ratings else "",
        )

    def _count(self, label: str, now: int, then: int, *, wanted: int = 0, note: str = "", link: str = "") -> Tile:
        """Return a tile of a number; `wanted` is 1 if more is better, -1 if less is."""
        return Tile(
            label=self._say(label),
            value=number_words(self.language, now) if now else self._say("None|figures"),
            before=self._before(number_words(self.language, then) if then else ""),
            change=change_words(self.language, now, then),
            is_better=(now - then) * wanted > 0,
            note=note,
            link=link,
        )

    def _time(self, label: str, now: float | None, then: float | None, longest: float | None) -> Tile:
        note = self._say("90 % within {time}", time=time_words(self.language, longest)) if longest is not None else ""
        return Tile(
            label=self._say(label),
            value=time_words(self.language, now),
            before=self._before(time_words(self.language, then) if then is not None else ""),
            change=change_words(self.language, now, then),
            is_better=now is not None and then is not None and now < then,
            note=note,
        )

    def _before(self, words: str) -> str:
        return self._say("{value} before", value=words) if words else self._say("none before")

    def _say(self, msgid: str, **values: str) -> str:
        return translate(self.language, msgid, **values)


def lead_lines(won: WonLeads, language: str, currency: str) -> list[LeadLine]:
    """Return the leads won: all, and those touched by an agent, a rule and a sequence."""
    lines = (
        ("All leads won", won.count, won.value),
        ("An agent replied", won.by_agent, won.agent_value),
        ("A rule ran", won.by_rule, won.rule_value),
        ("In a sequence", won.by_sequence, won.sequence_value),
    )
    return [
        LeadLine(translate(language, label), number_words(language, count), money(language, value, currency))
        for label, count, value in lines
    ]


def chart_rows(report: Report, language: str) -> list[dict[str, Any]]:
    """Return the replies in each part of the period as the chart takes them."""
    return [{"name": day_words(language, day), "agents": a, "people": p} for day, a, p in report.series]


def chart_words(report: Report, language: str) -> str:
    """Return what the chart shows in a sentence, zero in words."""
    agents, people = (sum(counts) for counts in ([a for _, a, _ in report.series], [p for _, _, p in report.series]))
    if not agents and not people:
        return translate(language, "No replies in this period.")
    day, most = max(((day, a + p) for day, a, p in report.series), key=lambda part: part[1])
    sentence = (
        "{agents}, {people}. Most in the week from {day}: {most}."
        if report.period.is_weekly
        else ("{agents}, {people}. Most on {day}: {most}.")
    )
    return translate(
        language,
        sentence,
        agents=plural(language, *REPLIES, agents),
        people=plural(language, *HELPED, people),
        day=day_words(language, day),
        most=number_words(language, most),
    )


def table_rows(rows: list[BreakdownRow], dimension: Dimension, language: str, below: str) -> list[TableRow]:
    """Return the rows of a breakdown; figures of what is still there link to the lists that show it."""
    return [_table_row(row, dimension, language, below) for row in rows]


def _table_row(row: BreakdownRow, dimension: Dimension, language: str, below: str) -> TableRow:
    name, link = analytics_table.row_name(language, dimension, row), _link(row, dimension, below)
    cells = []
    for column in analytics_table.COLUMNS[dimension]:
        value = column.read(row)
        cell = TableCell(cell_words(language, column.kind, value))
        if link and value and column.head in LISTS:
            cell.link = f"{link}&{urlencode(LISTS[column.head])}" if LISTS[column.head] else link
            cell.label = f"{name}, {translate(language, column.head)}: {cell.words}"
        cells.append(cell)
    return TableRow(key=row.key, name=name, link=link, cells=cells)


def _link(row: BreakdownRow, dimension: Dimension, below: str) -> str:
    """Return the inbox with the conversations of a row, "" for a member and for what is not there any more."""
    if not row.is_known or dimension == Dimension.MEMBER:
        return ""
    return f"{below}/inbox?{urlencode({dimension.value: row.key})}"
