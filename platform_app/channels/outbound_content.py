"""Outbound content: what is sent through a channel: texts and templates."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class TemplateInfo:
    """A template as its channel lists it."""

    name: str
    language: str
    category: str
    status: str
    header: str
    body: str
    footer: str
    parameters: tuple[str, ...]
    problem: str = ""  # a message id: why it cannot be sent from here


@dataclass(frozen=True)
class TemplateUse:
    """A template with the values that are filled in, in the order of its parameters."""

    name: str
    language: str
    values: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # of the parameters, if they are named and not numbered

    def as_json(self) -> dict[str, Any]:
        """Return it as it is stored with a message."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TemplateUse":
        """Return what `as_json` stored."""
        values, names = tuple(data.get("values") or ()), tuple(data.get("names") or ())
        return cls(str(data["name"]), str(data["language"]), values, names)


@dataclass(frozen=True)
class MailEnvelope:
    """The headers of an e-mail that is sent, beside sender and receiver."""

    subject: str
    message_id: str  # without angle brackets and domain
    sender_name: str = ""
    thread_id: str = ""  # as `message_id`; stands first in References, so that answers are recognized by it too
    references: tuple[str, ...] = ()  # ids of the thread with their brackets, oldest first; the last is answered
    is_automatic: bool = False  # no person has written or released it
    unsubscribe_url: str = ""  # to which one request opts the contact out (RFC 8058)


@dataclass(frozen=True)
class OutgoingText:
    """A part of a message that is sent."""

    text: str
    is_markdown: bool = False
    reference: str = ""  # of this attempt; a channel that can returns it with the status
    template: TemplateUse | None = None  # sent in place of the text
    mail: MailEnvelope | None = None  # on the channel e-mail
    quick_replies: tuple[str, ...] = ()  # titles of buttons
    ends_quick_replies: bool = False  # those of the message before are still shown where the contact writes
