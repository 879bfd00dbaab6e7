"""Dashboard view: figures, bars and what waits for members, as the dashboard shows them."""

from dataclasses import dataclass
from datetime import date

from platform_app.i18n import plural, translate
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
}
PERIODS = {
    "Replies today": "vs {count} yesterday",
    "Last 7 days": "vs {count} in the 7 days before",
    "This month": "vs {count} last month",
}


@dataclass
class StatisticCard:
    """A statistic with its label, its comparison and the change since."""

    label: str
    value: str
    note: str
    change: str = ""  # with its sign
    is_up: bool = False
    link: str = ""


@dataclass
class AttentionRow:
    """Something that waits for members, with the link to its list."""

    kind: str
    icon: str
    number: str
    words: str
    link: str


@dataclass
class Bar:
    """The bar of a day: its height in per cent."""

    day: str
    height: int


def replies_words(count: int, language: str, span: str) -> str:
    """Return the number of replies in a span of SPANS, zero in words."""
    nothing, one, many = SPANS[span]
    return plural(language, one, many, count) if count else translate(language, nothing)


def attention_row(item: AttentionItem, below: str, language: str) -> AttentionRow:
    """Return what waits for members as a row; `below` is the path of the tenant."""
    icon, one, many = ATTENTION[item.kind]
    number = f"{MAX_COUNT}+" if item.count > MAX_COUNT else str(item.count)
    return AttentionRow(item.kind, icon, number, plural(language, one, many, item.count), f"{below}{item.path}")


def day_bars(days: list[tuple[date, int]]) -> list[Bar]:
    """Return the bars of the last days, their heights in per cent of the highest."""
    most = max((count for _, count in days), default=0)
    return [Bar(day.isoformat(), max(4, round(100 * count / most)) if most else 4) for day, count in days]


def statistic_cards(found: DashboardSummary, language: str, below: str) -> list[StatisticCard]:
    """Return the figures with their change; `below` is the path of the tenant."""

    def card(label: str, count: PeriodCount) -> StatisticCard:
        note = translate(language, PERIODS[label], count=count.before)
        change = f"{count.now - count.before:+d}".replace("-", "−") if count.now != count.before else ""
        return StatisticCard(translate(language, label), str(count.now), note, change, count.now > count.before)

    active = translate(language, "{count} in total", count=found.all_agents)
    return [
        card("Replies today", found.today),
        card("Last 7 days", found.week),
        card("This month", found.month),
        StatisticCard(translate(language, "Active agents"), str(found.active_agents), active, link=f"{below}/agents"),
        StatisticCard(
            translate(language, "Open conversations"), str(found.open_conversations), "", link=f"{below}/inbox"
        ),
    ]
