"""Feed view: recent updates as the dashboard shows them, by day and by what they are about."""

from dataclasses import dataclass, field
from datetime import datetime

from platform_app.i18n import day_name, exact_time, plural, relative_time, translate, translate_stored
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity
from platform_app.services.feed.activity import FeedRow

KINDS = {
    "agent": ("green", "Agents"),
    "knowledge": ("green", "Knowledge"),
    "conversation": ("blue", "Conversations"),
    "reply": ("blue", "Replies"),
    "rule": ("purple", "Rules"),
    "sequence": ("purple", "Sequences"),
    "integration": ("green", "Integrations"),
    "person": ("", "People"),
    "failure": ("amber", "Failures"),
}
_GROUPED = ("/inbox?", "/test-chat?", "/leads/", "/contacts/")  # beginnings of links whose updates are shown together


@dataclass
class UpdateRow:
    """An activity in the list of recent updates."""

    id: str
    colour: str
    kind: str
    sentence: str
    count: str  # number of occurrences that are shown as one
    actor: str  # "" if the sentence names it
    link: str
    event: str  # path of the event page
    when: str
    exact: str


@dataclass
class UpdateGroup:
    """The updates of a day about one conversation, lead or contact: the newest, and the others below it."""

    newest: UpdateRow
    more: list[UpdateRow] = field(default_factory=list)
    words: str = ""  # how many others there are


@dataclass
class FeedDay:
    """A day of recent updates."""

    name: str
    groups: list[UpdateGroup] = field(default_factory=list)


def feed_days(rows: list[FeedRow], identity: Identity, language: str, now: datetime) -> list[FeedDay]:
    """Return updates, newest first, by the day in the company's time zone and by what they are about."""
    days: dict[str, FeedDay] = {}
    groups: dict[tuple[str, str], UpdateGroup] = {}
    for found in rows:
        row = _update_row(found, identity, language, now)
        name = day_name(language, found.newest.at, now, identity.time_zone)
        subject = found.newest.link if found.newest.link.startswith(_GROUPED) else row.id
        if (name, subject) in groups:
            groups[name, subject].more.append(row)
            continue
        groups[name, subject] = UpdateGroup(row)
        days.setdefault(name, FeedDay(name)).groups.append(groups[name, subject])
    for group in groups.values():
        count = len(group.more)
        group.words = plural(language, "{count} earlier update", "{count} earlier updates", count) if count else ""
    return list(days.values())


def _update_row(found: FeedRow, identity: Identity, language: str, now: datetime) -> UpdateRow:
    row, kind, below = found.newest, ActivityKind(found.newest.kind).value, f"/manage/{identity.slug}"
    sentence = translate_stored(language, row.sentence, found.values)
    return UpdateRow(
        id=row.id,
        colour=KINDS[kind][0],
        kind=translate(language, KINDS[kind][1]),
        sentence=sentence,
        count=plural(language, "{count} time", "{count} times", found.count) if found.count > 1 else "",
        actor="" if found.actor in sentence else found.actor,
        link=f"{below}{row.link}" if row.link else "",
        event=f"{below}/events/{row.event_id}" if row.event_id else "",
        when=relative_time(language, row.at, now, identity.time_zone),
        exact=exact_time(language, row.at, identity.time_zone),
    )
