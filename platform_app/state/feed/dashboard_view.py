"""Dashboard view: figures, bars and what waits for members, as the dashboard shows them."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from platform_app.i18n import money, plural, translate
from platform_app.models.person import Identity
from platform_app.services.attention.attention import MAX_COUNT, AttentionItem
from platform_app.services.feed.dashboard import DashboardSummary, PeriodCount

SPANS = {
    "days": ("No replies in the last 14 days", "{count} reply in 14 days", "{count} replies in 14 days"),
    "months": ("No replies in the last 6 months", "{count} reply in 6 months", "{count} replies in 6 months"),
}
# What waits for members: icon, and its words as a plural.
ATTENTION = {
    "approvals": ("badge-check", "reply needs approval", "replies need approval"),
    "conversations": ("user-round", "conversation with a person", "conversations with a person"),
    "questions": ("circle-help", "unanswered question", "unanswered questions"),
    "overdue": ("alarm-clock", "overdue task", "overdue tasks"),
    "runs": ("workflow", "rule run failed in 7 days", "rule runs failed in 7 days"),
    "jobs": ("list-x", "job out of retries", "jobs out of retries"),
    "uncertain": ("cloud-alert", "job with an unknown outcome", "jobs with an unknown outcome"),
    "sources": ("file-x", "source failed", "sources failed"),
    "sites": ("globe", "web address not read", "web addresses not read"),
}
PERIODS = {  # what the same part of the period before had, and that it had nothing
    "Replies today": ("vs {count} by this time yesterday", "none by this time yesterday"),
    "Last 7 days": ("vs {count} in the 7 days before", "none in the 7 days before"),
    "This month": ("vs {count} by this time last month", "none by this time last month"),
}


@dataclass
class Bar:
    """The bar of a day: its height in per cent."""

    day: str
    height: int
    is_strong: bool  # it is part of the period that the figure counts


@dataclass
class StageBar:
    """A stage of a pipeline: its leads, the sum of their budgets, and its bar in per cent of the longest."""

    id: str
    name: str
    leads: str
    budget: str
    width: int
    link: str


@dataclass
class StatisticCard:
    """A statistic with its label, its comparison and the change since."""

    label: str
    value: str
    note: str
    change: str = ""  # with its sign
    is_up: bool = False
    link: str = ""
    bars: list[Bar] = field(default_factory=list)  # of the last 14 days; []: all are zero
    bars_words: str = ""  # what the bars show, or that there is nothing


@dataclass
class AttentionRow:
    """Something that waits for members, with the link to its list."""

    kind: str
    icon: str
    number: str
    words: str
    link: str


def replies_words(count: int, language: str, span: str) -> str:
    """Return the number of replies in a span of SPANS, zero in words."""
    nothing, one, many = SPANS[span]
    return plural(language, one, many, count) if count else translate(language, nothing)


def attention_row(item: AttentionItem, below: str, language: str) -> AttentionRow:
    """Return what waits for members as a row; `below` is the path of the tenant."""
    icon, one, many = ATTENTION[item.kind]
    number = f"{MAX_COUNT}+" if item.count > MAX_COUNT else str(item.count)
    return AttentionRow(item.kind, icon, number, plural(language, one, many, item.count), f"{below}{item.path}")


def stage_bars(found: DashboardSummary, language: str, identity: Identity) -> list[StageBar]:
    """Return the stages with their leads; each links to its leads in the list."""
    most = max((stage.leads for stage in found.stages), default=0)
    return [
        StageBar(
            stage.stage_id,
            stage.name,
            str(stage.leads) if stage.leads else "—",
            money(language, stage.budget, identity.currency) if stage.budget else "",
            round(100 * stage.leads / most) if most else 0,
            f"/manage/{identity.slug}/leads?"
            + urlencode({"view": "list", "pipeline": stage.pipeline_id, "stage": stage.stage_id}),
        )
        for stage in found.stages
    ]


def statistic_cards(found: DashboardSummary, language: str, below: str) -> list[StatisticCard]:
    """Return the figures with their change and their last 14 days; `below` is the path of the tenant."""
    today = found.days[-1][0]
    replies, in_month = [count for _, count in found.days], sum(day.month == today.month for day, _ in found.days)
    analytics = f"{below}/analytics?period="
    return [
        _period_card("Replies today", found.today, language, _Series("Replies by day", replies, 1)),
        _period_card("Last 7 days", found.week, language, _Series("Replies by day", replies, 7), link=f"{analytics}7"),
        _period_card(
            "This month",
            found.month,
            language,
            _Series("Replies of the month so far", found.month_so_far(), in_month),
            link=f"{analytics}30",
        ),
        _agents_card(found, language, below),
        _conversations_card(found, language, below),
    ]


@dataclass(frozen=True)
class _Series:
    """The last 14 days of a figure: what is counted (a message id), the counts, and how many last ones it covers."""

    what: str
    counts: list[int]
    strong: int

    def bars(self) -> list[Bar]:
        most = max(self.counts, default=0)
        first = len(self.counts) - self.strong
        return [
            Bar(str(place), max(4, round(100 * count / most)), place >= first)
            for place, count in enumerate(self.counts)
            if most
        ]

    def words(self, language: str) -> str:
        if not any(self.counts):
            return translate(language, "Nothing in 14 days")
        numbers = ", ".join(map(str, self.counts))
        return translate(language, "{what}, 14 days: {numbers}", what=translate(language, self.what), numbers=numbers)


def _card(label: str, count: int, note: str, series: _Series, *, language: str, **more: Any) -> StatisticCard:
    value = str(count) if count else translate(language, "None|figures")
    words = series.words(language)
    return StatisticCard(translate(language, label), value, note, bars=series.bars(), bars_words=words, **more)


def _period_card(label: str, count: PeriodCount, language: str, series: _Series, *, link: str = "") -> StatisticCard:
    words, nothing = PERIODS[label]
    note = translate(language, words, count=count.before) if count.before else translate(language, nothing)
    change = _signed(count.now - count.before)
    return _card(
        label, count.now, note, series, language=language, change=change, is_up=count.now > count.before, link=link
    )


def _agents_card(found: DashboardSummary, language: str, below: str) -> StatisticCard:
    total = translate(language, "{count} in total", count=found.all_agents)
    today = found.answering[-1]
    one, many = "{count} agent replied today", "{count} agents replied today"
    replied = plural(language, one, many, today) if today else ""
    note = " · ".join(filter(None, (total, replied)))
    series = _Series("Agents that replied, by day", found.answering, 1)
    return _card("Active agents", found.active_agents, note, series, language=language, link=f"{below}/agents")


def _conversations_card(found: DashboardSummary, language: str, below: str) -> StatisticCard:
    opened, closed = found.opened_today, found.closed_today
    note = translate(language, "opened today: {opened}, closed: {closed}", opened=opened, closed=closed)
    if not opened and not closed:
        note = translate(language, "none opened or closed today")
    series = _Series("Conversations started, by day", found.started, 1)
    more = {"change": _signed(opened - closed), "is_up": opened > closed, "link": f"{below}/inbox"}
    return _card("Open conversations", found.open_conversations, note, series, language=language, **more)


def _signed(number: int) -> str:
    """Return a number with its sign, "" for zero."""
    return f"{number:+d}".replace("-", "−") if number else ""
