"""Citations: finds the numbers of sources in a model's text, in every form that models write, and unifies them."""

import html
import re
import unicodedata
from urllib.parse import urlsplit

LONGEST_RANGE = 20
_WORD = (
    r"(?:(?:see|cf\.?|см\.?)\s*)?"
    r"(?:sources?|refs?\.?|references?|passages?|documents?|docs?|citations?"
    r"|источник(?:и|а|ов)?|ист\.|фрагмент(?:ы|а|ов)?|документ(?:ы|а|ов)?|ссылк[аи])\s*[:#№]?\s*"
)
_NUMBERS = r"\^?[#№]?\d{1,3}(?:\s*(?:,|;|&|-|–|—|and|и)\s*\^?[#№]?\d{1,3})*"
_TITLE = r"(?:\s+(?:\"[^\"\n]*\"|'[^'\n]*'|\([^()\n]*\)))?"
_DESTINATION = rf"\(\s*(?:<[^<>\n]*>|[^\s()<>]+(?:\([^\s()]*\)[^\s()]*)*)?{_TITLE}\s*\)"
_SQUARE = rf"\[\[\s*(?:{_WORD})?{_NUMBERS}\s*\]\]|\[\s*(?:{_WORD})?{_NUMBERS}(?:†[^\]\n]{{0,80}})?\s*\]"
_LENTICULAR = r"[【［〔〖]\s*(?:" + _WORD + r")?" + _NUMBERS + r"(?::\d{1,4})?(?:[†:][^】］〕〗\n]{0,80})?\s*[】］〕〗]"
_ONE = rf"(?:{_SQUARE}|{_LENTICULAR})(?!{_DESTINATION})"
_ROUND = rf"\(\s*(?:{_WORD})?{_NUMBERS}\s*\)"
_FENCE = r"^[ \t>]*(?P<fence>`{3,}|~{3,})[^\n]*(?:\n(?:.*?)(?:^[ \t>]*(?P=fence)[`~]*[ \t]*$|\Z)|\Z)"
_SPAN = r"(?<!`)(?P<ticks>`+)(?!`)(?:(?!\n[ \t]*\n).)+?(?<!`)(?P=ticks)(?!`)"
_DEFINITION = r"^ {0,3}\[\^?(?P<defined>\d{1,3})\]:[ \t]*(?P<target>\S+)[ \t]*(?:\n|\Z)"
_LABEL = r"(?:[^\[\]\\\n]|\\.|\[[^\[\]\n]*\])*"
_PARTS = re.compile(
    rf"(?P<code>{_FENCE}|{_SPAN})"
    rf"|(?P<definition>{_DEFINITION})"
    rf"|(?P<link>!?\[(?P<label>{_LABEL})\](?P<to>{_DESTINATION}))"
    rf"|(?P<cited> ?{_ONE}(?:[ \t]*[,;]?[ \t]*{_ONE})*)"
    rf"|(?P<round> {_ROUND})",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_BRACKETS = re.compile(_ONE, re.IGNORECASE)
_RANGE = re.compile(r"(\d{1,3})(?:\s*[-–—]\s*\^?[#№]?(\d{1,3}))?")
_CERTAIN = re.compile(rf"[【［〔〖†^]|\[\[|{_WORD}", re.IGNORECASE)
_CLAUSE_ENDS = re.compile(r"[ \t]*(?:[.,;:!?…)»”\"\n]|\Z)")
_SENTENCE_ENDED = re.compile(r"[.!?…»”][ \t]*\Z")


def cited(text: str, known: set[int]) -> tuple[str, set[int]]:
    """Return a reply with its citations written as [1], and the numbers of the known sources that it cites.

    Numbers of unknown sources are removed where they can be nothing else: after a sentence, or in a form that only
    citations have. Numbers in code, links, after a word character (an index), or elsewhere stay. A link that looks like
    a citation shows its host.
    """
    used: set[int] = set()

    def rewrite(match: re.Match[str]) -> str:
        if match["link"] is not None:
            return _told_apart(match)
        if match["definition"] is not None:
            return _definition(match)
        if match["cited"] is not None:
            return _square(match, known, used)
        return match[0] if match["code"] is not None else _round(match, known, used)

    return _PARTS.sub(rewrite, text), used


def _numbers(text: str) -> list[int]:
    """Return the numbers that a citation names, in order, with ranges expanded."""
    found: dict[int, None] = {}
    for match in _RANGE.finditer(text):
        first, last = int(match[1]), int(match[2] or match[1])
        if not 0 <= last - first < LONGEST_RANGE:
            last = first
        found |= dict.fromkeys(range(first, last + 1))
    return list(found)


def _square(match: re.Match[str], known: set[int], used: set[int]) -> str:
    found = match[0]
    space = " " if found.startswith(" ") else ""
    numbers = [n for one in _BRACKETS.findall(found) for n in _numbers(_without_tail(one))]
    is_certain = bool(_CERTAIN.search(found))
    ends = bool(_CLAUSE_ENDS.match(match.string, match.end()))
    before = match.string[: match.start()]
    if 0 in numbers and not is_certain:
        return found
    if not space and before[-1:].isalnum() | (before[-1:] == "_") and not is_certain:  # an index, if no sentence ends
        line = before.rpartition("\n")[2]
        if ends and "=" not in line and set(numbers) <= known:
            used.update(numbers)
        return found
    if valid := list(dict.fromkeys(n for n in numbers if n in known)):
        used.update(valid)
        return space + "".join(f"[{n}]" for n in valid)
    return "" if is_certain or ends or _SENTENCE_ENDED.search(before) else found


def _without_tail(bracket: str) -> str:
    """Return a bracket without what follows its number: 【4:0†source】 names 4."""
    head = re.split(r"†", bracket)[0]
    return re.sub(r"(\d):\d+", r"\1", head) if bracket[0] in "【［〔〖" else head


def _round(match: re.Match[str], known: set[int], used: set[int]) -> str:
    """Read (source 1), and (1) at the end of a sentence; a number in parentheses is no source anywhere else."""
    numbers = _numbers(match[0])
    ends = bool(_CLAUSE_ENDS.match(match.string, match.end()))
    is_certain = bool(re.search(_WORD, match[0], re.IGNORECASE))
    valid = [n for n in numbers if n in known]
    if valid and (is_certain or (ends and len(valid) == len(numbers))):
        used.update(valid)
        return " " + "".join(f"[{n}]" for n in valid)
    return "" if is_certain and ends else match[0]


def _definition(match: re.Match[str]) -> str:
    """Take out "[1]: address", which would turn the source [1] into a link; what is no address stays as words."""
    if re.match(r"<?(?:[a-z][a-z0-9+.-]*:|www\.|/)", match["target"], re.IGNORECASE):
        return ""
    return match[0].replace("]:", "]", 1).replace("[^", "[", 1)


def _told_apart(match: re.Match[str]) -> str:
    """Return a link so that nobody takes it for a source: one whose text is a number shows where it leads."""
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
