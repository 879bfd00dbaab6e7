"""E-mail quotes: removes what an e-mail quotes of earlier ones, and the sender's signature.

Works line by line, so that a long or hostile text takes linear time. What is not recognized stays: a quotation too many
is better than a lost sentence. A forwarded message is content, not a quotation.
"""

import re

_MAX_HEADING = 400  # characters of a line above a quotation
_MAX_SIGNATURE = 15  # lines
_HEADING_LINES = 3  # over which such a line may be wrapped
_LINES_BELOW = 3  # among which a quotation begins
_WROTE = re.compile(
    r"(?:wrote|пишет|пишут|писал\(а\)|писала?|написал\(а\)|написала?|пише|написав|написала|escribió|escreveu"
    r"|a écrit|schrieb|ha scritto|napisał\(a\)|жазды)\s?:$",
    re.IGNORECASE,
)
_DATED = re.compile(r"\d{1,2}[.:/]\d{2}|\b(?:19|20)\d\d\b")
_WITH_ADDRESS = re.compile(r"[<(]?[^\s<>@]{1,64}@[^\s<>@]{1,200}[>)]?\s?:$")
_ORIGINAL = re.compile(
    r"[-_\s]{2,}(?:original message|исходное сообщение|оригинальное сообщение|вихідне повідомлення"
    r"|mensaje original|mensagem original|message d'origine|ursprüngliche nachricht)[-_\s]{2,}",
    re.IGNORECASE,
)
_FROM = re.compile(r"\*?(?:from|от|от кого|від|de|von)\*?:\s?\*?\s*\S", re.IGNORECASE)
_MORE = re.compile(
    r"\*?(?:sent|date|to|cc|subject|отправлено|дата|кому|копия|тема|надіслано|enviado|enviada|fecha|data|para"
    r"|asunto|assunto)\*?:",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"[-_\s]{2,}.{0,40}(?:forwarded|пересылаем|пересланн|переадресован|reenviad|encaminhad)", re.IGNORECASE
)
_DEVICE = re.compile(
    r"(?:sent (?:from|with|via) |get outlook for |отправлено (?:с|из|через) |надіслано з |enviado desde |enviado do )"
    r".{1,80}",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(r"(?:--|—|–)")


def strip_quotes(text: str) -> str:
    """Return what the sender of an e-mail has written, without quotations and signature; never "" for a text."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    own = _without_signature(_without_quotes(lines))
    said = "\n".join(own).strip()
    return said or text.strip()


def _without_quotes(lines: list[str]) -> list[str]:
    """Return the lines without the quotation below them, or above and between them."""
    for place in range(len(lines)):
        if _FORWARDED.match(lines[place].strip()[:_MAX_HEADING]):
            break
        height = _heading(lines, place)
        if not height:
            continue
        above, below = lines[:place], lines[place + height :]
        if any(line.strip() and not line.startswith(">") for line in above):
            return _without_marked(above)
        answered = [line for line in below if not line.startswith(">")]
        return answered if any(line.strip() for line in answered) else lines
    return _without_marked(lines)


def _without_marked(lines: list[str]) -> list[str]:
    """Return the lines without the marked quotations at their end; those within an answer are its context."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1].startswith(">")):
        end -= 1
    return lines[:end]


def _heading(lines: list[str], place: int) -> int:
    """Return over how many lines a heading of a quotation goes that begins at a line; 0 if none does."""
    line = lines[place].strip().lstrip("> ")
    if not line or len(line) > _MAX_HEADING:
        return 0
    if _ORIGINAL.fullmatch(line):
        return 1
    if _FROM.match(line) and sum(bool(_MORE.match(one.strip()[:40])) for one in lines[place + 1 : place + 6]) >= 2:
        return 1
    joined = ""
    for height in range(1, _HEADING_LINES + 1):
        following = lines[place : place + height]
        if len(following) < height or not following[-1].strip():
            return 0
        joined = f"{joined} {following[-1].strip()}"[: 2 * _MAX_HEADING].strip()
        end = place + height
        if joined.endswith(":") and _is_heading(joined, lines[end : end + _LINES_BELOW]):
            return height
    return 0


def _is_heading(line: str, below: list[str]) -> bool:
    """Return whether a line with a colon at its end says who wrote what follows, and when."""
    end = line[-240:]
    if _WROTE.search(end) and (_DATED.search(line) or "@" in line):
        return True
    following = next((one for one in below if one.strip()), "")
    return following.startswith(">") and bool(_WITH_ADDRESS.search(end) or _WROTE.search(end))


def _without_signature(lines: list[str]) -> list[str]:
    """Return the lines without a signature: below "-- ", or what a phone adds at the end."""
    for place in range(len(lines) - 1, max(0, len(lines) - _MAX_SIGNATURE), -1):
        if _SIGNATURE.fullmatch(lines[place]) and any(line.strip() for line in lines[:place]):
            lines = lines[:place]
            break
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    is_device = end > 1 and len(lines[end - 1]) <= 100 and _DEVICE.fullmatch(lines[end - 1].strip())
    return lines[: end - 1] if is_device else lines[:end]
