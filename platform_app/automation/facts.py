"""Facts: what can be known when a text is filled or a condition is weighed, by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

Value = str | Decimal | datetime | None


class FactType(StrEnum):
    """What kind of value a fact has; operators fit kinds."""

    TEXT = "text"
    NUMBER = "number"
    MOMENT = "moment"


@dataclass(frozen=True)
class Fact:
    """A thing that may be known, with its words for people."""

    name: str  # group.field, as written between {{ and }}
    words: str
    type: FactType = FactType.TEXT


CATALOGUE: tuple[Fact, ...] = (
    Fact("contact.name", "Name of the contact"),
    Fact("contact.phone", "Phone of the contact"),
    Fact("contact.email", "E-mail of the contact"),
    Fact("contact.language", "Language of the contact"),
    Fact("lead.title", "Title of the lead"),
    Fact("lead.budget", "Budget of the lead", FactType.NUMBER),
    Fact("lead.stage", "Stage of the lead"),
    Fact("lead.pipeline", "Pipeline of the lead"),
    Fact("agent.name", "Name of the agent"),
    Fact("tenant.name", "Name of your company"),
    Fact("message.text", "What the contact has just said"),
    Fact("now", "This moment", FactType.MOMENT),
)
NAMES = frozenset(fact.name for fact in CATALOGUE)


@dataclass(frozen=True)
class Facts:
    """What is known at one moment; a name that is missing or None is not known."""

    values: Mapping[str, Value] = field(default_factory=dict)

    def nested(self) -> dict[str, object]:
        """Return the values as templates reach them: contact.name as a name within a contact."""
        found: dict[str, object] = {}
        for name, value in self.values.items():
            group, _, leaf = name.rpartition(".")
            if not group:
                found[name] = value
            else:
                inner = found.setdefault(group, {})
                assert isinstance(inner, dict)
                inner[leaf] = value
        return found
