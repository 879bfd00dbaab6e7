"""Text: decodes plain text, also if it is short, damaged or in an old Cyrillic encoding."""

import math
import re
from pathlib import Path

from charset_normalizer import from_bytes

from platform_app.errors import Invalid
from platform_app.rag.readers.reader_report import Report, say
from platform_app.text.byte_order_marks import marked_encoding

SAMPLE_BYTES = 64_000  # bytes by which an encoding is detected
_CYRILLIC_PRIORS = {"cp1251": 1.0, "koi8_r": 0.0, "cp866": 0.0, "iso8859_5": -1.0}  # added to the score of each
_LETTER_PERCENTAGES = (  # letters of Russian texts, in per cent of them
    ("о", 11), ("е", 8.4), ("а", 8), ("и", 7.3), ("н", 6.7), ("т", 6.3), ("с", 5.5), ("р", 4.7), ("в", 4.5),
    ("л", 4.4), ("к", 3.5), ("м", 3.2), ("д", 3), ("п", 2.8), ("у", 2.6), ("я", 2), ("ы", 1.9), ("ь", 1.7),
    ("г", 1.7), ("з", 1.6), ("б", 1.6), ("ч", 1.4), ("й", 1.2), ("х", 1), ("ж", 0.9), ("ш", 0.7), ("ю", 0.6),
    ("ц", 0.5), ("щ", 0.4), ("э", 0.3), ("ф", 0.3), ("ё", 0.3), ("і", 0.3), ("ї", 0.3), ("є", 0.3), ("ъ", 0.05),
)  # fmt: skip
_WEIGHTS = {letter: 10 + 4 * math.log(share / 11) for letter, share in _LETTER_PERCENTAGES}
_SIGN_WEIGHTS = dict.fromkeys("—–«»“”„’…№°§•€\u00a0", 3.0)
_WORDS = re.compile(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*")
_CONTROL = re.compile(rb"[\x00-\x08]")
_HIGH = frozenset((0x00, 0x01, 0x04, 0x20, 0x21, 0x22))  # of Latin, Cyrillic and signs in UTF-16
_CAPITAL_WITHIN_WORD = re.compile("[а-яёіїє](?=[А-ЯЁІЇЄ])")
_RARE_LETTERS = re.compile("[^\x00-\x7f\ufffd\u0800-\u1dff]")  # rarely formed by the bytes of an 8-bit text


def read(path: Path, report: Report) -> str:
    """Return the text of a file. Raises Invalid if it is not text."""
    return decode(path.read_bytes(), report)


def decode(data: bytes, report: Report) -> str:
    """Return bytes as text; undecodable ones are omitted and reported. Raises Invalid if it is not text."""
    if marked := marked_encoding(data):
        return _decode_leniently(data, marked, report)
    if _CONTROL.search(data[:SAMPLE_BYTES]):
        if wide := _utf16_encoding(data[:SAMPLE_BYTES]):
            return _decode_leniently(data[: len(data) // 2 * 2], wide, report)
        if b"\x00" in data[:SAMPLE_BYTES]:
            raise Invalid("This isn’t a text file, although its name suggests it.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_leniently(data, _encoding(data[:SAMPLE_BYTES], data), report)


def detect_encoding(sample: bytes) -> str:
    """Return the encoding of the beginning of a text: by its byte order mark, else by its statistics."""
    if marked := marked_encoding(sample):
        return marked
    if _CONTROL.search(sample) and (wide := _utf16_encoding(sample)):
        return wide
    return _encoding(sample, sample)


def _decode_leniently(data: bytes, encoding: str, report: Report) -> str:
    text = data.decode(encoding, "replace")
    bad = text.count("\ufffd")
    if bad:
        if bad > len(text) // 4:
            raise Invalid("This isn’t a text file, although its name suggests it.")
        say(report, "Damaged characters skipped: {count}. The rest was read.", count=bad)
    return text.replace("\ufffd", "")


def _utf16_encoding(sample: bytes) -> str:
    """Return utf-16-le or utf-16-be for bytes without a byte order mark, "" for neither.

    In UTF-16 the high bytes of most letters are one of a few.
    """
    high_bytes = {"utf-16-le": sample[1::2], "utf-16-be": sample[: len(sample) // 2 * 2 : 2]}
    shares = {name: sum(byte in _HIGH for byte in sample) / max(1, len(sample)) for name, sample in high_bytes.items()}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= 0.95 and min(shares.values()) < 0.6 else ""


def _encoding(sample: bytes, data: bytes) -> str:
    """Return the encoding of bytes that are not clean UTF-8."""
    if _is_utf8(sample) or (sample.isascii() and _is_utf8(data)):
        return "utf-8"
    if sample.isascii():
        first = next(index for index, byte in enumerate(data) if byte > 0x7F)
        sample = data[first : first + SAMPLE_BYTES]
    letters = b"".join(_WORDS.findall(sample))
    if sum(byte > 0x7F for byte in letters) * 2 > len(letters):  # whole words of high bytes: not a Western language
        scores = {name: _cyrillic_score(sample, name) + prior for name, prior in _CYRILLIC_PRIORS.items()}
        best = max(scores, key=lambda name: scores[name])
        if scores[best] > 2:
            return best
    detected = from_bytes(sample).best() if len(sample) >= 64 else None
    return detected.encoding if detected is not None else "cp1252"


def _is_utf8(data: bytes) -> bool:
    """Return whether bytes are UTF-8, possibly damaged."""
    text = data.decode("utf-8", "replace")
    return len(_RARE_LETTERS.findall(text)) >= 2 * text.count("\ufffd")


def _cyrillic_score(sample: bytes, encoding: str) -> float:
    """Return how much bytes in an encoding look like Cyrillic words: common letters, no capitals within words."""
    text = sample.decode(encoding, "replace")
    non_ascii = [letter for letter in text if letter > "\x7f"]
    score = sum(_WEIGHTS.get(letter.lower(), _SIGN_WEIGHTS.get(letter, -12.0)) for letter in non_ascii)
    capitals = sum(letter.isupper() for letter in non_ascii)
    return (score - capitals - 12 * len(_CAPITAL_WITHIN_WORD.findall(text))) / max(1, len(non_ascii))
