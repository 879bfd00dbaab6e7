"""Attached media: the recordings and pictures of the messages that a reply answers, as its context holds them."""

from dataclasses import dataclass, field
from typing import Any

from platform_app.models.channel import AttachmentKind


@dataclass
class MediaText:
    """A recording or picture of a message that a reply answers, with its text or why there is none."""

    id: str
    kind: AttachmentKind
    name: str  # of the file, else its label
    text: str = ""
    problem: str = ""  # a message id

    def as_json(self) -> dict[str, Any]:
        """Return the recording or picture as a trace stores it."""
        return {"kind": self.kind.value, "name": self.name, "text": self.text[:500], "problem": self.problem}


@dataclass
class ReplyMedia:
    """The recordings and pictures of the messages that a reply answers."""

    message_ids: list[str] = field(default_factory=list)  # of those messages that may have some
    files: list[MediaText] = field(default_factory=list)
    unread: str = ""  # a value of AttachmentKind: what could not be read, because of which a person takes over
    language: str = ""  # the code of the language of the answer, where there are some

    @property
    def missing(self) -> list[MediaText]:
        """Those without a text."""
        return [file for file in self.files if not file.text]

    def as_json(self) -> dict[str, Any]:
        """Return what a trace stores."""
        return {"files": [file.as_json() for file in self.files], "unread": self.unread}
