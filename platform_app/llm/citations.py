"""Citations: normalizes the numbers of sources in a model's text, in every form that models write."""

import html
import re
import unicodedata
from urllib.parse import urlsplit

MAX_RANGE = 20
_WORD = (
    r"(?:(?:see|cf\.?|см\.?)[^\S\n]*)?"
    r"(?:sources?|refs?\.?|references?|passages?|documents?|docs?|citations?"
    r"|источник(?:и|а|ов)?|ист\.|фрагмент(?:ы|а|ов)?|документ(?:ы|а|ов)?|ссылк[аи])[^\S\n]*[:#№]?[^\S\n]*"
)
_NUMBERS = r"\^?[#№]?\d{1,3}(?:[^\S\n]*(?:,|;|&|-|–|—|and|и)[^\S\n]*\^?[#№]?\d{1,3})*"
_TITLE = r"(?:[^\S\n]+(?:\"[^\"\n]*\"|'[^'\n]*'|\([^()\n]*\)))?"
_DESTINATION = rf"\([^\S\n]*(?:<[^<>\n]*>|[^\s()<>]+(?:\([^\s()]*\)[^\s()]*)*)?{_TITLE}[^\S\n]*\)"
_SQUARE = (
    rf"\[\[[^\S\n]*(?:{_WORD})?{_NUMBERS}[^\S\n]*\]\]"
    rf"|\[[^\S\n]*(?:{_WORD})?{_NUMBERS}(?:†[^\]\n]{{0,80}})?[^\S\n]*\]"
)
_LENTICULAR = (
    rf"[【［〔〖][^\S\n]*(?:{_WORD})?{_NUMBERS}(?::\d{{1,4}})?(?:[†:][^】］〕〗\n]{{0,80}})?[^\S\n]*[】］〕〗]"
)
_CITATION = rf"(?:{_SQUARE}|{_LENTICULAR})(?!{_DESTINATION})"
_ROUND = rf"\([^\S\n]*(?:{_WORD})?{_NUMBERS}[^\S\n]*\)"
_FENCE = r"^[ \t>]*(?P<fence>`{3,}|~{3,})[^\n]*(?:\n(?:.*?)(?:^[ \t>]*(?P=fence)[`~]*[ \t]*$|\Z)|\Z)"
_SPAN = r"(?<!`)(?P<ticks>`+)(?!`)(?:(?!\n[ \t]*\n).)+?(?<!`)(?P=ticks)(?!`)"
_DEFINITION = r"^ {0,3}\[\^?(?P<defined>\d{1,3})\]:[ \t]*(?P<target>\S+)[ \t]*(?:\n|\Z)"
_LABEL = r"(?:[^\[\]\\\n]|\\[^\n]|\[[^\[\]\n]*\])*"
_TOKENS = re.compile(
    rf"(?P<code>{_FENCE}|{_SPAN})"
    rf"|(?P<definition>{_DEFINITION})"
    rf"|(?P<link>!?\[(?P<label>{_LABEL})\](?P<to>{_DESTINATION}))"
    rf"|(?P<cited> ?{_CITATION}(?:[ \t]*[,;]?[ \t]*{_CITATION})*)"
    rf"|(?P<round> {_ROUND})",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_OPENER = re.compile(r"`+|~~~|!?[\[【［〔〖]|!\Z|(?<= )\(")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_BRACKET = r"(?:\[[^\[\]\\\n]*\]|[【［〔〖][^\[\]【】［］〔〕〖〗\n]*[】］〕〗])"
_DECIDED = re.compile(  # within a line: no further text changes whether this is a link or a citation
    r"!?\[[^\[\]\\\n]*\]\([^\s()<>\\]*\)"
    rf"|!?{_BRACKET}(?:[ \t]*[,;]?[ \t]*{_BRACKET})*(?=[ \t]*[,;]?[ \t]*[^\s,;(\[【［〔〖])"
    r"|\([^()\n]*\)(?=[ \t]*\S)"
)
_MAY_DEFINE = re.compile(r" {0,3}\[\^?\d*(?:\Z|\](?:\Z|:))")
_BRACKETS = re.compile(_CITATION, re.IGNORECASE)
_CODE = re.compile(_SPAN, re.DOTALL)
_RANGE = re.compile(r"(\d{1,3})(?:\s*[-–—]\s*\^?[#№]?(\d{1,3}))?")
_UNAMBIGUOUS = re.compile(rf"[【［〔〖†^]|\[\[|{_WORD}", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[ \t]*(?:[.,;:!?…)»”\"\n]|\Z)")
_SENTENCE_END = re.compile(r"[.!?…»”][ \t]*\Z")


def normalize_partial(text: str, known: set[int]) -> str:
    """Return the part of an incomplete reply, with its citations normalized, that no further text can change."""
    length = _decided_length(text)
    parts, position = list[str](), 0
    for match in _TOKENS.finditer(text):
        if match.end() > length:
            break
        parts += [text[position : match.start()], _rewrite(match, known, set())]
        position = match.end()
    return "".join(parts) + text[position:length]


def _decided_length(text: str) -> int:
    """Return the length of the prefix in which no further text changes what is code, a link or a citation."""
    position = 0
    while opener := _OPENER.search(text, position):
        end = _decided_end(text, opener, position)
        if end is None:
            return opener.start()
        position = end
    return len(text)


def _decided_end(text: str, opener: re.Match[str], position: int) -> int | None:
    """Return the end of what begins with an opening character, or None if further text can change what it is."""
    start, line = opener.start(), text.rfind("\n", 0, opener.start()) + 1
    if opener[0][0] in "`~":
        is_fence = line >= position and opener[0][:3] in ("```", "~~~") and not text[line:start].strip(" \t>")
        if is_fence:
            fence = _TOKENS.match(text, line)
            return fence.end() if fence else len(text)
        return _end_of_span(text, opener) if opener[0][0] == "`" else opener.end()
    is_line_complete = text.find("\n", start) >= 0
    if not is_line_complete and (_MAY_DEFINE.match(text, line) or not _DECIDED.match(text, start)):
        return None
    for candidate in (line, start - 1, start):
        token = _TOKENS.match(text, candidate) if candidate >= position else None
        if token is not None and token.end() > start:
            return token.end()
    return start + 1


def _end_of_span(text: str, opener: re.Match[str]) -> int | None:
    """Return the end of the code that backticks open, or of the backticks if there is none; None if unknown yet."""
    span = _CODE.match(text, opener.start())
    if span is not None:
        return span.end() if span.end() < len(text) else None
    is_over = opener.end() < len(text) and _BLANK_LINE.search(text, opener.end())
    return opener.end() if is_over else None


def normalize_citations(text: str, known: set[int]) -> tuple[str, set[int]]:
    """Return a reply with its citations written as [1], and the numbers of the known sources that it cites.

    Unknown numbers are removed where they can only be citations: after a sentence, or in a form that only citations
    have. Code, links, numbers after a word character (an index) and other unknown numbers are left unchanged. A link
    whose text looks like a citation gets its host as text.
    """
    used: set[int] = set()
    return _TOKENS.sub(lambda match: _rewrite(match, known, used), text), used


def _rewrite(match: re.Match[str], known: set[int], used: set[int]) -> str:
    """Return what replaces a token, and add the numbers that it cites to `used`."""
    if match["link"] is not None:
        return _rewrite_link(match)
    if match["definition"] is not None:
        return _rewrite_definition(match)
    if match["cited"] is not None:
        return _rewrite_bracketed(match, known, used)
    return match[0] if match["code"] is not None else _rewrite_parenthesized(match, known, used)


def _numbers(text: str) -> list[int]:
    """Return the numbers of a citation in order, with ranges expanded."""
    numbers: dict[int, None] = {}
    for match in _RANGE.finditer(text):
        first, last = int(match[1]), int(match[2] or match[1])
        if not 0 <= last - first < MAX_RANGE:
            last = first
        numbers |= dict.fromkeys(range(first, last + 1))
    return list(numbers)


def _rewrite_bracketed(match: re.Match[str], known: set[int], used: set[int]) -> str:
    citation = match[0]
    space = " " if citation.startswith(" ") else ""
    numbers = [n for bracket in _BRACKETS.findall(citation) for n in _numbers(_strip_location(bracket))]
    is_certain = bool(_UNAMBIGUOUS.search(citation))
    ends = bool(_CLAUSE_END.match(match.string, match.end()))
    before = match.string[: match.start()]
    if 0 in numbers and not is_certain:
        return citation
    if (
        not space and before[-1:].isalnum() | (before[-1:] == "_") and not is_certain
    ):  # an index, unless a sentence ends
        line = before.rpartition("\n")[2]
        if ends and "=" not in line and set(numbers) <= known:
            used.update(numbers)
        return citation
    if valid := list(dict.fromkeys(n for n in numbers if n in known)):
        used.update(valid)
        return space + "".join(f"[{n}]" for n in valid)
    return "" if is_certain or ends or _SENTENCE_END.search(before) else citation


def _strip_location(bracket: str) -> str:
    """Return a bracket without what follows its number: 【4:0†source】 cites 4."""
    head = re.split(r"†", bracket)[0]
    return re.sub(r"(\d):\d+", r"\1", head) if bracket[0] in "【［〔〖" else head


def _rewrite_parenthesized(match: re.Match[str], known: set[int], used: set[int]) -> str:
    """Rewrite (source 1), and (1) at the end of a sentence; elsewhere a number in parentheses is not a citation."""
    numbers = _numbers(match[0])
    ends = bool(_CLAUSE_END.match(match.string, match.end()))
    is_certain = bool(re.search(_WORD, match[0], re.IGNORECASE))
    valid = [n for n in numbers if n in known]
    if valid and (is_certain or (ends and len(valid) == len(numbers))):
        used.update(valid)
        return " " + "".join(f"[{n}]" for n in valid)
    return "" if is_certain and ends else match[0]


def _rewrite_definition(match: re.Match[str]) -> str:
    """Remove "[1]: address", which would turn the citation [1] into a link; keep other text as words."""
    if re.match(r"<?(?:[a-z][a-z0-9+.-]*:|www\.|/)", match["target"], re.IGNORECASE):
        return ""
    return match[0].replace("]:", "]", 1).replace("[^", "[", 1)


def _rewrite_link(match: re.Match[str]) -> str:
    """Return a link that cannot be mistaken for a citation: if its text is a number, show its host instead."""
    label = unicodedata.normalize("NFKC", html.unescape(match["label"]))
    bare = re.sub(rf"\A{_WORD}|[\W_]", "", re.sub(r"[\W_]+", " ", label).strip() + " ", flags=re.IGNORECASE)
    if not bare.isdigit() or len(bare) > 3:
        return match[0]
    inner = match["to"][1:-1].split()
    address = inner[0].strip("<>") if inner else ""
    try:
        host = urlsplit(address).hostname or address
    except ValueError:
        host = address
    shown = re.sub(r"[\[\]()<>\s]", "", host)
    return f"[{shown}]{match['to']}" if shown else bare
