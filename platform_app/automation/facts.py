"""Facts: the named values that texts and conditions can use."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from enum import StrEnum


@dataclass(frozen=True)
class NamedValue:
    """An entity with an id and a name: a stage, an agent, a member."""

    id: str
    name: str

    def __str__(self) -> str:
        return self.name


Value = str | bool | Decimal | datetime | time | NamedValue | tuple[str, ...] | None


class FactType(StrEnum):
    """The type of a fact, which decides its operators."""

    TEXT = "text"
    NUMBER = "number"
    MOMENT = "moment"
    TIME = "time"  # of day
    FLAG = "flag"
    LIST = "list"  # of texts
    CHOICE = "choice"


@dataclass(frozen=True)
class Fact:
    """The definition of a fact with its labels."""

    name: str  # group.field, as written between {{ and }}
    label: str
    type: FactType = FactType.TEXT
    choices_from: str = ""  # kind of choices: stage, pipeline, agent, member, weekday, language; tag: besides free text
    options: tuple[str, ...] = ()  # of a custom field
    is_custom: bool = False  # a custom field: its label is not translated
    event_only: bool = False  # known only for the event of a rule


CATALOGUE: tuple[Fact, ...] = (
    Fact("contact.name", "Contact name"),
    Fact("contact.phone", "Contact phone"),
    Fact("contact.email", "Contact email"),
    Fact("contact.language", "Contact language", FactType.CHOICE, "language"),
    Fact("contact.tags", "Contact tags", FactType.LIST),
    Fact("contact.created", "Contact created", FactType.MOMENT),
    Fact("contact.source", "Contact source"),
    Fact("lead.title", "Lead title"),
    Fact("lead.budget", "Lead budget", FactType.NUMBER),
    Fact("lead.stage", "Lead stage", FactType.CHOICE, "stage"),
    Fact("lead.pipeline", "Lead pipeline", FactType.CHOICE, "pipeline"),
    Fact("lead.responsible", "Lead owner", FactType.CHOICE, "member"),
    Fact("lead.tags", "Lead tags", FactType.LIST),
    Fact("lead.source", "Lead source"),
    Fact("lead.other_contacts", "Other contacts of the lead", FactType.LIST),
    Fact("lead.created", "Lead created", FactType.MOMENT),
    Fact("lead.in_stage_since", "Entered current stage", FactType.MOMENT),
    Fact("conversation.messages", "Message count", FactType.NUMBER),
    Fact("conversation.started", "Conversation started|fact", FactType.MOMENT),
    Fact("conversation.last_message", "Last customer message", FactType.MOMENT),
    Fact("agent.name", "Agent name", FactType.CHOICE, "agent"),
    Fact("tenant.name", "Company name"),
    Fact("message.text", "Message text"),
    Fact("reply.text", "Agent’s reply", event_only=True),
    Fact("held.text", "Held message text", event_only=True),
    Fact("task.text", "Task text", event_only=True),
    Fact("note.text", "Note text", event_only=True),
    Fact("event.tag", "Added tag", choices_from="tag", event_only=True),
    Fact("rating.stars", "Rating", FactType.NUMBER, event_only=True),
    Fact("rating.comment", "Rating comment", event_only=True),
    Fact("webhook.name", "Webhook name", event_only=True),
    Fact("now", "Current date and time", FactType.MOMENT),
    Fact("clock.time", "Time of day", FactType.TIME),
    Fact("clock.weekday", "Day of the week", FactType.CHOICE, "weekday"),
)
NAMES = frozenset(fact.name for fact in CATALOGUE)
Catalogue = Mapping[str, Fact]


def catalogue(custom: Iterable[Fact] = ()) -> Catalogue:
    """Return all facts by name: the platform's, then a tenant's custom fields."""
    return {fact.name: fact for fact in (*CATALOGUE, *custom)}


@dataclass(frozen=True)
class Facts:
    """The values known at one moment; a name that is missing or None is unknown.

    `before` holds the former values of what the event changed. `zone` is the tenant's time zone, for moments without
    one. `names` are the names of entities that conditions refer to by id.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    before: Mapping[str, Value] = field(default_factory=dict)
    zone: str = "UTC"
    language: str = "en"  # of the tenant, for numbers and dates in texts
    names: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, object] = field(default_factory=dict)  # of a webhook that the run has called

    def nested(self) -> dict[str, object]:
        """Return the values as templates access them: contact.name as `name` within `contact`."""
        tree: dict[str, object] = {}
        for name, value in self.values.items():
            *groups, leaf = name.split(".")
            inner = tree
            for group in groups:
                step = inner.setdefault(group, {})
                assert isinstance(step, dict)
                inner = step
            inner[leaf] = value
        if self.answers:
            tree["webhook"] = {**_as_dict(tree.get("webhook")), **self.answers}
        return tree


def _as_dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
