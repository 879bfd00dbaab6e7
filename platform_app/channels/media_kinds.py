"""Media kinds: which attachments are pictures and recordings, by what their channel says and by their first bytes."""

import re
from pathlib import PurePosixPath
from typing import NamedTuple

from platform_app.channels import media_headers
from platform_app.models.channel import AttachmentKind

_LABELS = {
    "Photo": AttachmentKind.PICTURE,
    "Voice message": AttachmentKind.RECORDING,
    "Audio": AttachmentKind.RECORDING,
}
_PICTURE_ENDINGS = ("png", "jpg", "jpeg", "gif", "webp")
_RECORDING_ENDINGS = ("ogg", "oga", "opus", "mp3", "m4a", "wav", "flac")


class MediaType(NamedTuple):
    """What a file is by its first bytes: its kind, its content type, and the ending of its name."""

    kind: AttachmentKind
    content_type: str
    ending: str


_PICTURE, _RECORDING = AttachmentKind.PICTURE, AttachmentKind.RECORDING
_TYPES = (  # never SVG or HTML, in which scripts may run
    (re.compile(rb"\xff\xd8\xff"), MediaType(_PICTURE, "image/jpeg", "jpg")),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), MediaType(_PICTURE, "image/png", "png")),
    (re.compile(rb"GIF8[79]a"), MediaType(_PICTURE, "image/gif", "gif")),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), MediaType(_PICTURE, "image/webp", "webp")),
    (re.compile(rb"OggS"), MediaType(_RECORDING, "audio/ogg", "ogg")),
    (re.compile(rb"ID3|\xff[\xfb\xf3\xf2]"), MediaType(_RECORDING, "audio/mpeg", "mp3")),
    (re.compile(rb".{4}ftypM4[AB] ", re.DOTALL), MediaType(_RECORDING, "audio/mp4", "m4a")),
    (re.compile(rb"RIFF.{4}WAVE", re.DOTALL), MediaType(_RECORDING, "audio/wav", "wav")),
    (re.compile(rb"fLaC"), MediaType(_RECORDING, "audio/flac", "flac")),
)


_MP4_AUDIO = MediaType(_RECORDING, "audio/mp4", "m4a")
_MP4_TRACK = re.compile(rb"hdlr.{8}(soun|vide)", re.DOTALL)  # what a track of MPEG-4 is: sound or a film


def kind_of(label: str, name: str) -> AttachmentKind:
    """Return what a file is by its name's ending, or without one by its label, a message id such as "Photo"."""
    ending = PurePosixPath(name).suffix.lower().removeprefix(".")
    if ending in _PICTURE_ENDINGS:
        return AttachmentKind.PICTURE
    if ending in _RECORDING_ENDINGS:
        return AttachmentKind.RECORDING
    return AttachmentKind.FILE if ending else _LABELS.get(label, AttachmentKind.FILE)


def media_type(content: bytes) -> MediaType | None:
    """Return what a picture or recording is by its first bytes, None for any other file.

    A picture with more than MAX_PIXELS is any other file: unpacked it could take all the memory of a page.
    """
    kind = next((kind for signature, kind in _TYPES if signature.match(content)), None)
    if kind is None and content[4:8] == b"ftyp" and {*_MP4_TRACK.findall(content)} == {b"soun"}:
        return _MP4_AUDIO  # recorders of telephones use the brands of films
    is_picture = kind is not None and kind.kind == AttachmentKind.PICTURE
    return None if is_picture and media_headers.count_pixels(content) > media_headers.MAX_PIXELS else kind
