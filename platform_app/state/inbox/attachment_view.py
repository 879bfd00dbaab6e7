"""Attachment view: what a contact attached to a message, as the inbox shows it."""

from dataclasses import dataclass

from platform_app.i18n import translate
from platform_app.models.channel import Attachment, AttachmentKind
from platform_app.models.person import Identity
from platform_app.services.chat.media_reading import NO_MEDIA

_TEXTS = {
    AttachmentKind.FILE: "",
    AttachmentKind.RECORDING: "Transcript by {model}",
    AttachmentKind.PICTURE: "Description by {model}",
}


@dataclass
class AttachmentLink:
    """A file that a contact attached."""

    href: str
    label: str  # its name, else its kind
    kind: str = "file"  # a value of AttachmentKind
    text_label: str = ""  # what the text is, and the model that made it
    text: str = ""  # of a recording or picture
    problem: str = ""  # why there is no text


def build_attachment(row: Attachment, who: Identity, language: str) -> AttachmentLink:
    """Return an attachment with its address, and the text that a model made of it.

    What is no picture or recording, whatever its name says, is stored as any other file: a browser would show nothing.
    """
    kind = AttachmentKind.FILE if row.text_problem == NO_MEDIA else row.kind
    return AttachmentLink(
        f"/api/attachments/{who.slug}/{row.id}",
        row.name or translate(language, row.label),
        kind=kind.value,
        text_label=translate(language, _TEXTS[row.kind], model=row.text_model) if row.text else "",
        text=row.text,
        problem=translate(language, row.text_problem) if row.text_problem else "",
    )
