"""Facts: the values that templates and conditions can use, by name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from enum import StrEnum


@dataclass(frozen=True)
class NamedValue:
    """Something with an id that people know by its name: a stage, an agent, a member."""

    id: str
    name: str

    def __str__(self) -> str:
        return self.name


Value = str | bool | Decimal | datetime | time | NamedValue | tuple[str, ...] | None


class FactType(StrEnum):
    """What kind of value a fact has; operators fit kinds."""

    TEXT = "text"
    NUMBER = "number"
    MOMENT = "moment"
    TIME = "time"  # of day
    FLAG = "flag"
    LIST = "list"  # of texts
    CHOICE = "choice"


@dataclass(frozen=True)
class Fact:
    """A thing that may be known, with its words for people."""

    name: str  # group.field, as written between {{ and }}
    label: str
    type: FactType = FactType.TEXT
    choices_from: str = (
        ""  # what is offered: stage, pipeline, agent, member, weekday, language; tag: beside what is typed
    )
    options: tuple[str, ...] = ()  # of a tenant's own field
    is_custom: bool = False  # a tenant's own field: its words are not in the catalogs
    event_only: bool = False  # known only of the event that a rule is weighed for


CATALOGUE: tuple[Fact, ...] = (
    Fact("contact.name", "Name of the contact"),
    Fact("contact.phone", "Phone of the contact"),
    Fact("contact.email", "E-mail of the contact"),
    Fact("contact.language", "Language of the contact", FactType.CHOICE, "language"),
    Fact("contact.tags", "Tags of the contact", FactType.LIST),
    Fact("contact.created", "When the contact came", FactType.MOMENT),
    Fact("lead.title", "Title of the lead"),
    Fact("lead.budget", "Budget of the lead", FactType.NUMBER),
    Fact("lead.stage", "Stage of the lead", FactType.CHOICE, "stage"),
    Fact("lead.pipeline", "Pipeline of the lead", FactType.CHOICE, "pipeline"),
    Fact("lead.responsible", "Who is responsible for the lead", FactType.CHOICE, "member"),
    Fact("lead.tags", "Tags of the lead", FactType.LIST),
    Fact("lead.source", "Source of the lead"),
    Fact("lead.created", "When the lead came", FactType.MOMENT),
    Fact("lead.in_stage_since", "When the lead came into its stage", FactType.MOMENT),
    Fact("conversation.messages", "Messages in the conversation", FactType.NUMBER),
    Fact("conversation.started", "When the conversation began", FactType.MOMENT),
    Fact("conversation.last_message", "When the contact wrote last", FactType.MOMENT),
    Fact("agent.name", "Name of the agent", FactType.CHOICE, "agent"),
    Fact("tenant.name", "Name of your company"),
    Fact("message.text", "What the contact has just said"),
    Fact("reply.text", "What the agent has replied", event_only=True),
    Fact("task.text", "Text of the task", event_only=True),
    Fact("event.tag", "Tag that was given", choices_from="tag", event_only=True),
    Fact("webhook.name", "Name of the webhook", event_only=True),
    Fact("now", "This moment", FactType.MOMENT),
    Fact("clock.time", "Time of day", FactType.TIME),
    Fact("clock.weekday", "Day of the week", FactType.CHOICE, "weekday"),
)
NAMES = frozenset(fact.name for fact in CATALOGUE)
Catalogue = Mapping[str, Fact]


def catalogue(custom: Iterable[Fact] = ()) -> Catalogue:
    """Return every fact by its name: the platform's, then a tenant's own fields."""
    return {fact.name: fact for fact in (*CATALOGUE, *custom)}


@dataclass(frozen=True)
class Facts:
    """What is known at one moment; a name that is missing or None is not known.

    `before` holds what changed with the event that is weighed, as it was. `zone` is the tenant's time zone, in which
    moments without one are meant. `names` are the names of what conditions hold by id.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    before: Mapping[str, Value] = field(default_factory=dict)
    zone: str = "UTC"
    language: str = "en"  # of the tenant: how numbers and dates are written in texts
    names: Mapping[str, str] = field(default_factory=dict)

    def nested(self) -> dict[str, object]:
        """Return the values as templates reach them: contact.name as a name within a contact."""
        found: dict[str, object] = {}
        for name, value in self.values.items():
            *groups, leaf = name.split(".")
            inner = found
            for group in groups:
                step = inner.setdefault(group, {})
                assert isinstance(step, dict)
                inner = step
            inner[leaf] = value
        return found
