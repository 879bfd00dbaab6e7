"""Media headers: how many pixels a picture has and how long a recording is, as the file says itself.

A file may say something else than what it holds: these figures keep honest ones within bounds, and the bounds of size
keep the others.
"""

import struct

MAX_PIXELS = 64_000_000  # of a picture that is shown or described: unpacked it takes 256 MB
_MAX_SEGMENTS = 1_000  # of a JPEG file that are looked at
_NO_FRAME = (0xC4, 0xC8, 0xCC)  # markers of JPEG among those of frames
_MP3_BITS = (  # thousands of bits a second by index; of MPEG 1 and of MPEG 2, layer 3
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_MP3_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by version


def count_pixels(content: bytes) -> int:
    """Return the pixels of a picture in PNG, GIF, WebP or JPEG, 0 if it does not say."""
    try:
        width, height = _size(content)
    except (struct.error, IndexError):
        return 0
    return width * height


def _size(content: bytes) -> tuple[int, int]:
    if content.startswith(b"\x89PNG") and content[12:16] == b"IHDR":
        return struct.unpack_from(">II", content, 16)
    if content.startswith(b"GIF8"):
        return struct.unpack_from("<HH", content, 6)
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return _webp_size(content)
    return _jpeg_size(content) if content.startswith(b"\xff\xd8") else (0, 0)


def _webp_size(content: bytes) -> tuple[int, int]:
    if content[12:16] == b"VP8X":
        return 1 + int.from_bytes(content[24:27], "little"), 1 + int.from_bytes(content[27:30], "little")
    if content[12:16] == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", content, 26)
    return width & 0x3FFF, height & 0x3FFF


def _jpeg_size(content: bytes) -> tuple[int, int]:
    place = 2
    for _ in range(_MAX_SEGMENTS):
        marker, length = struct.unpack_from(">xBH", content, place)
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width = struct.unpack_from(">HH", content, place + 5)
            return width, height
        place += 1 if marker == 0xFF else 2 + length
    return 0, 0


def read_seconds(content: bytes) -> float | None:
    """Return how long a recording in Ogg, WAV, FLAC, MPEG-4 or MP3 is, None if it does not say."""
    try:
        seconds = _seconds(content)
    except (struct.error, IndexError, ZeroDivisionError):
        return None
    return seconds if seconds is not None and seconds > 0 else None


def _seconds(content: bytes) -> float | None:
    if content.startswith(b"OggS"):
        return _ogg_seconds(content)
    if content.startswith(b"RIFF") and content[12:16] == b"fmt ":
        return (len(content) - 44) / int.from_bytes(content[28:32], "little")
    if content.startswith(b"fLaC"):
        info = int.from_bytes(content[18:26], "big")
        return float(info & (1 << 36) - 1) / (info >> 44)
    return _mp4_seconds(content) if content[4:8] == b"ftyp" else _mp3_seconds(content)


def _ogg_seconds(content: bytes) -> float | None:
    """Return the position of the last page in samples, divided by the samples of a second."""
    (samples,) = struct.unpack_from("<q", content, content.rindex(b"OggS") + 6)
    head = content[:300]
    if b"OpusHead" in head:
        return float(samples) / 48_000
    vorbis = head.find(b"\x01vorbis")
    return float(samples) / int.from_bytes(head[vorbis + 12 : vorbis + 16], "little") if vorbis >= 0 else None


def _mp4_seconds(content: bytes) -> float | None:
    place = content.find(b"mvhd")
    if place < 0:
        return None
    is_long = content[place + 4] == 1  # version 1 has times of 8 bytes
    scale, duration = struct.unpack_from(">IQ" if is_long else ">II", content, place + (24 if is_long else 16))
    return float(duration) / int(scale)


def _mp3_seconds(content: bytes) -> float | None:
    """Return the length by the number of frames, where the first one has it, else by the bits of a second."""
    place = 0
    if content.startswith(b"ID3"):
        place = 10 + sum((byte & 0x7F) << 7 * (3 - index) for index, byte in enumerate(content[6:10]))
    place = content.find(b"\xff", place)
    if place < 0 or content[place + 1] & 0xE6 != 0xE2:  # no frame of layer 3
        return None
    version, index = content[place + 1] >> 3 & 3, content[place + 2] >> 4
    rate = _MP3_RATES[version][content[place + 2] >> 2 & 3] if version in _MP3_RATES else 0
    head = content[place : place + 200]
    for name in (b"Xing", b"Info"):
        if (at := head.find(name)) >= 0 and head[at + 7] & 1:
            return float(int.from_bytes(head[at + 8 : at + 12], "big")) * (1152 if version == 3 else 576) / rate
    return (len(content) - place) * 8 / (_MP3_BITS[0 if version == 3 else 1][index] * 1000)
