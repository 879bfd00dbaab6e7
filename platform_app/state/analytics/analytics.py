"""Analytics: the figures of a period, their chart and their breakdown, with filters kept in the address."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

import reflex as rx

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import Invalid
from platform_app.i18n import translate
from platform_app.models.agent import Channel
from platform_app.models.person import Identity, Role
from platform_app.services.analytics import analytics, analytics_table, periods
from platform_app.services.analytics.analytics import BreakdownRow, Report
from platform_app.services.analytics.periods import DEFAULT_SPAN, SPANS, Period
from platform_app.services.analytics.selection import Dimension, Narrowing
from platform_app.services.channels.channel_names import CHANNELS
from platform_app.state.analytics.analytics_view import (
    LeadLine,
    TableRow,
    Tile,
    Tiles,
    chart_rows,
    chart_words,
    lead_lines,
    table_rows,
)
from platform_app.state.analytics.analytics_words import period_words
from platform_app.state.console import browser
from platform_app.state.console.base import current_identity, current_user, fetch, handler
from platform_app.state.console.option_lists import Option, agent_options

ALL = "all"
DATES = "dates"  # the period that two dates name


class AnalyticsState(rx.State):
    """The page of analytics."""

    span: str = DEFAULT_SPAN
    first: str = ""  # ISO dates of the period that is shown
    last: str = ""
    today: str = ""
    agent: str = ALL
    channel: str = ALL
    tab: str = Dimension.AGENT.value
    problem: str = ""
    period: str = ""
    tiles: list[Tile] = []
    leads: list[LeadLine] = []
    chart: list[dict[str, Any]] = []
    chart_sentence: str = ""
    heads: list[str] = []
    rows: list[TableRow] = []
    agents: list[Option] = []
    channels: list[Option] = []
    download: str = ""
    loaded: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Set period, filters and tab from the address, and fetch."""
        query = self.router.url.query_parameters
        who, language = await current_identity(self), (await current_user(self)).language
        self.agent = query.get("agent", ALL)[:32] or ALL
        self.channel = query.get("channel", ALL) if query.get("channel") in list(Channel) else ALL
        self.tab = query.get("by", "") if query.get("by") in list(Dimension) else Dimension.AGENT.value
        self.agents = await fetch(self, agent_options)
        self.channels = [Option(channel.value, translate(language, name)) for channel, name in CHANNELS.items()]
        period = await self._read_period(who)
        self.first, self.last = period.first.isoformat(), period.last.isoformat()
        self.today = periods.latest("7", who.time_zone, now()).last.isoformat()
        await self._fetch(period, language)
        self.loaded = True

    @handler(Role.VIEWER)
    async def set_span(self, span: str) -> Any:
        """Show another period; DATES is the same one, whose dates can then be changed."""
        if span == DATES:
            return self._open(**{"period": "", "from": self.first, "to": self.last})
        return self._open(**{"period": span if span in SPANS else "", "from": "", "to": ""})

    @handler(Role.VIEWER)
    async def set_first(self, day: str) -> Any:
        """Begin the period on another day."""
        return None if day == self.first else self._open(**{"period": "", "from": _iso(day), "to": self.last})

    @handler(Role.VIEWER)
    async def set_last(self, day: str) -> Any:
        """End the period on another day."""
        return None if day == self.last else self._open(**{"period": "", "from": self.first, "to": _iso(day)})

    @handler(Role.VIEWER)
    async def set_agent(self, agent_id: str) -> Any:
        """Count the conversations of one agent, or of all."""
        return self._open(agent=agent_id[:32])

    @handler(Role.VIEWER)
    async def set_channel(self, channel: str) -> Any:
        """Count the conversations of one channel, or of all."""
        return self._open(channel=channel[:32])

    @handler(Role.VIEWER)
    async def set_tab(self, tab: str) -> Any:
        """Break the figures down by something else."""
        return self._open(by=tab if tab in list(Dimension) else "")

    async def _read_period(self, who: Identity) -> Period:
        """Return the period in the address; one that is refused is the usual one, and the reason is shown."""
        query = self.router.url.query_parameters
        span, first, last = (query.get(name, "")[:20] for name in ("period", "from", "to"))
        self.problem = ""
        self.span = DATES if first or last else span if span in SPANS else DEFAULT_SPAN
        try:
            return periods.parse(span, first, last, zone=who.time_zone, now=now())
        except Invalid as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            return periods.latest(DEFAULT_SPAN, who.time_zone, now())

    async def _fetch(self, period: Period, language: str) -> None:
        who, dimension = await current_identity(self), Dimension(self.tab)
        narrowing = Narrowing("" if self.agent == ALL else self.agent, "" if self.channel == ALL else self.channel)
        report, rows = await fetch(self, _read, period, narrowing, dimension=dimension)
        below = f"/manage/{who.slug}"
        self.period = translate(
            language,
            "{period}, compared with {before}.",
            period=period_words(language, period),
            before=period_words(language, period.before),
        )
        self.tiles = Tiles(report, language, below).all()
        self.leads = lead_lines(report.now.won, language, who.currency)
        self.chart, self.chart_sentence = chart_rows(report, language), chart_words(report, language)
        heads = [analytics_table.HEADS[dimension], *(column.head for column in analytics_table.COLUMNS[dimension])]
        self.heads = [translate(language, head) for head in heads]
        self.rows = table_rows(rows, dimension, language, below)
        self.download = f"/api/analytics/{who.slug}/table.csv?{urlencode(self._query() | {'by': self.tab})}"

    def _query(self) -> dict[str, str]:
        """Return what the address names besides defaults."""
        chosen = {"from": self.first, "to": self.last} if self.span == DATES else {"period": self.span}
        values = chosen | {"agent": self.agent, "channel": self.channel, "by": self.tab}
        defaults = {"period": DEFAULT_SPAN, "agent": ALL, "channel": ALL, "by": Dimension.AGENT.value}
        return {name: value for name, value in values.items() if value not in ("", defaults.get(name))}

    def _open(self, **changed: str) -> Any:
        """Return the event that opens the page with changed filters."""
        values = {name: value for name, value in (self._query() | changed).items() if value not in ("", ALL)}
        path = self.router.url.path
        return browser.redirect(f"{path}?{urlencode(values)}" if values else path)


def _iso(day: str) -> str:
    """Return a date as it was entered. Raises Invalid for what is not one."""
    try:
        return date.fromisoformat(day[:10]).isoformat()
    except ValueError as error:
        raise Invalid("Enter both dates of the period.", field="from") from error


def _read(
    session: Transaction, who: Identity, period: Period, narrowing: Narrowing, *, dimension: Dimension
) -> tuple[Report, list[BreakdownRow]]:
    report = analytics.get_report(session, who, period, narrowing)
    return report, analytics.get_breakdown(session, who, period, narrowing, dimension=dimension)
