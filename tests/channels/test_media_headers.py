"""Media headers: pixels and lengths are read from what files say of themselves, and never fail."""

import random
import struct
import wave
from io import BytesIO

import pytest

from platform_app.channels import media_headers
from platform_app.channels.media_kinds import media_type
from platform_app.models.channel import AttachmentKind


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + bytes(9)


def jpeg(width: int, height: int) -> bytes:
    exif = b"\xff\xe1" + struct.pack(">H", 8) + b"\xff\xc0ab\x00\x00"  # a marker within another segment
    tables = b"\xff\xff\xc4" + struct.pack(">H", 4) + b"ab"
    return b"\xff\xd8" + exif + tables + b"\xff\xc2" + struct.pack(">HBHH", 17, 8, height, width) + bytes(12)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height)


def webp(chunk: bytes, head: bytes) -> bytes:
    return b"RIFF" + bytes(4) + b"WEBP" + chunk + head


PICTURES = [
    png(640, 480),
    jpeg(640, 480),
    gif(640, 480),
    webp(b"VP8X", bytes(8) + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")),
    webp(b"VP8L", bytes(4) + b"\x2f" + (639 | 479 << 14).to_bytes(4, "little")),
    webp(b"VP8 ", bytes(10) + struct.pack("<HH", 640, 480)),
]


@pytest.mark.parametrize("content", PICTURES)
def test_a_picture_says_its_size(content: bytes) -> None:
    assert media_headers.count_pixels(content) == 640 * 480


@pytest.mark.parametrize("content", [png(60_000, 60_000), jpeg(65_500, 65_500), gif(65_535, 65_535)])
def test_a_picture_that_unpacks_to_too_much_is_no_picture(content: bytes) -> None:
    assert media_type(content) is None and media_type(png(8_160, 6_144)) is not None


def ogg(codec: bytes, samples: int) -> bytes:
    page = b"OggS\x00\x02" + bytes(8) + bytes(13) + codec
    return page + bytes(100) + b"OggS\x00\x04" + struct.pack("<q", samples) + bytes(40)


def wav(seconds: int) -> bytes:
    file = BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8_000)
        writer.writeframes(bytes(16_000 * seconds))
    return file.getvalue()


def flac(rate: int, samples: int) -> bytes:
    return b"fLaC" + bytes(4) + bytes(10) + (rate << 44 | samples).to_bytes(8, "big")


def m4a(version: int, scale: int, duration: int) -> bytes:
    times = struct.pack(">QQIQ" if version else ">IIII", 0, 0, scale, duration)
    return bytes(4) + b"ftypM4A " + bytes(8) + b"mvhd" + bytes([version, 0, 0, 0]) + times


MP3_HEAD = b"\xff\xfb\x90\x00"  # MPEG 1, layer 3, 128 kbit/s, 44.1 kHz
RECORDINGS = [
    ogg(b"OpusHead", 48_000 * 30),
    ogg(b"\x01vorbis" + bytes(5) + struct.pack("<I", 16_000), 16_000 * 30),
    wav(30),
    flac(44_100, 44_100 * 30),
    m4a(0, 1_000, 30_000),
    m4a(1, 48_000, 48_000 * 30),
    b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10) + MP3_HEAD + bytes(16_000 * 30 - 4),
    MP3_HEAD + bytes(32) + b"Xing" + struct.pack(">II", 1, round(44_100 * 30 / 1_152)) + bytes(100),
]


@pytest.mark.parametrize("content", RECORDINGS)
def test_a_recording_says_its_length(content: bytes) -> None:
    assert media_headers.read_seconds(content) == pytest.approx(30, abs=0.1)


def mp4(brand: bytes, *tracks: bytes) -> bytes:
    return bytes(4) + b"ftyp" + brand + bytes(20) + b"".join(b"hdlr" + bytes(8) + track + bytes(12) for track in tracks)


def test_a_recording_in_mpeg_4_is_told_from_a_film_by_its_tracks() -> None:
    for brand in (b"mp42", b"isom", b"3gp4"):
        recording = media_type(mp4(brand, b"soun"))
        assert recording is not None and (recording.kind, recording.ending) == (AttachmentKind.RECORDING, "m4a")
        assert media_type(mp4(brand, b"vide", b"soun")) is None and media_type(mp4(brand)) is None
    assert media_type(mp4(b"heic", b"pict")) is None


def test_no_bytes_fail() -> None:
    chance = random.Random(7)
    for content in [*PICTURES, *(recording[:200] for recording in RECORDINGS)]:
        for _ in range(300):
            broken = bytearray(content[: chance.randrange(len(content) + 1)])
            for _ in range(min(len(broken), 3)):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            assert media_headers.count_pixels(bytes(broken)) >= 0
            assert media_headers.read_seconds(bytes(broken)) != 0
