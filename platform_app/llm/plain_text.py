"""Plain text: removes Markdown from a text, as a CommonMark parser sees it, and changes nothing else."""

import re
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token

_MARKDOWN = re.compile(r"[*_`~\[<\\&#>]|^[ \t]*[=-]", re.MULTILINE)
BLOCK_PREFIX = r"[ \t>]*(?:(?:[*+-]|\d{1,9}[.)])[ \t]+)*"  # markers of lists and quotations before a block
_QUOTE = re.compile(
    r"^((?:[ \t]|[*+-][ \t]|\d{1,9}[.)][ \t])*)>[ \t]?(?![ \t]?=?[ \t]?[-+−]?\d)"
)  # "> 5" is a comparison before it is a quotation
_HEADING = re.compile(rf"^({BLOCK_PREFIX})#{{1,6}}(?:[ \t]+|$)")
_STAR_BULLET = re.compile(r"^([ \t]*)\*(?=[ \t]+[^\s\d])")
_SERVICE_CODE = re.compile(r"[*#]{1,2}\d[\d*]*#")  # *100#: a service code of telephones
_LINK_TARGET = re.compile(r"(?!(?:javascript|vbscript|data):)(?:[a-z][a-z0-9+.-]*:|[/#?.]|[^/]*\.[^\d])", re.IGNORECASE)
_FENCE_LINE = re.compile(r"(`{3,}|~{3,})[^`\n]*$")
_FENCE_IN = re.compile(rf"{BLOCK_PREFIX}(?:``|~~|`$|~$)")
_HTML = re.compile(rf"^{BLOCK_PREFIX}<", re.MULTILINE)
_ENDLESS_HTML = re.compile(rf"{BLOCK_PREFIX}<(?:[!?]|script|pre|style|textarea)", re.IGNORECASE)
_SPAN = r"(?<!`)(?P<ticks>`+)(?!`)[^`\n]+(?P=ticks)(?!`)"
_INLINE_LINK = r"\[[^\[\]\n*_~<&\\`!]*\]\([^()\s*_~<&\\`]*\)"
_MAY_REFER = re.compile(rf"{_SPAN}|(?P<stray>`+)|{_INLINE_LINK}|\[(?:\d+|[ \t]*)\](?![(\[:])|(?P<open>\\*\[)")
_OPENER = re.compile(rf"[`\[\\!*_~<&]|^{BLOCK_PREFIX}(?:[#>]|[-=]+[ \t]*$)", re.MULTILINE)
_CLOSED = re.compile(  # what no further text changes
    rf"{_SPAN}(?=[^`])|{_INLINE_LINK}|\[\d+\](?=[^(\[:])|!(?=[^\[])|\\[A-Za-z0-9*_#~]|<(?=[ \d=])|&(?=[^A-Za-z#])"
)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_ESCAPED = frozenset("*_`~#[]<>")


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Parse * and _ as the library does, except within a word: 100*2*3 and a**2**b are not emphasis."""
    marker = state.src[state.pos]
    if silent or marker not in "*_":
        return False
    before = state.src[state.pos - 1] if state.pos else " "
    is_single = state.src[state.pos + 1 : state.pos + 2] != marker and before != marker
    scanned = state.scanDelims(state.pos, marker == "*" and not is_single)
    after = state.src[state.pos + scanned.length : state.pos + scanned.length + 1]
    is_between = before.isascii() and before.isalnum() and after.isascii() and after.isalnum()
    for _ in range(scanned.length):
        token = state.push("text", "", 0)
        token.content = marker
        index = len(state.tokens) - 1
        can_open, can_close = scanned.can_open and not is_between, scanned.can_close and not is_between
        state.delimiters.append(Delimiter(ord(marker), scanned.length, index, -1, can_open, can_close))
    state.pos += scanned.length
    return True


def _service_code(state: StateInline, silent: bool) -> bool:
    """Parse a service code of telephones as text."""
    match = _SERVICE_CODE.match(state.src, state.pos)
    before = state.src[state.pos - 1] if state.pos else " "
    if match is None or before in "*#" or before.isalnum():
        return False
    if not silent:
        state.push("text", "", 0).content = match[0]
    state.pos = match.end()
    return True


def _is_link_target(url: str) -> bool:
    """Return whether the text in the parentheses of [text](url) is a URL: f[1](2) is not a link."""
    return bool(_LINK_TARGET.match(url))


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("strikethrough")
    parser.disable("text_join")  # it hides which characters were escaped
    parser.inline.ruler.at("emphasis", _emphasis)
    parser.inline.ruler.before("emphasis", "dialled", _service_code)
    # markdown-it is configured by replacing this method
    parser.validateLink = _is_link_target  # type: ignore[method-assign]
    return parser


_PARSER = _parser()


class _References(dict[str, Any]):
    """Link references by label, without those that are numbers: [1] is a citation."""

    def __setitem__(self, label: str, reference: Any) -> None:
        if not label.isdigit():
            super().__setitem__(label, reference)


def stable_length(text: str) -> int:
    """Return the length of the prefix of an incomplete text whose plain form no further text can change."""
    begin, offset, fence = 0, 0, ""  # `begin`: of the paragraph or the lines of code that are not complete
    *complete, last = text.split("\n")
    for line in complete:
        end = offset + len(line) + 1
        if fence:
            if _FENCE_IN.match(line) and not _is_closing(line, fence):
                return offset
            fence, begin = ("" if _is_closing(line, fence) else fence), end
        elif opening := _FENCE_LINE.match(line):
            fence = "" if _HTML.search(text, begin, offset) else opening[1]
            begin = end
        elif _FENCE_IN.match(line) or _ENDLESS_HTML.match(line):
            return _without_references(text[:begin])
        elif not line.strip(" \t"):
            begin = end
        offset = end
    if fence or _FENCE_IN.match(last):
        return _without_references(text[:begin])
    return _without_references(text[: _open_length(text, begin)])


def _is_closing(line: str, fence: str) -> bool:
    return line.rstrip(" \t").strip(fence[0]) == "" and line.startswith(fence)


def _without_references(text: str) -> int:
    """Return the length up to the paragraph's first Markdown before brackets that a definition may turn into a link."""
    reference = _first_reference(text)
    if reference == len(text):
        return reference
    blank = list(_BLANK_LINE.finditer(text, 0, reference))
    return _open_length(text[:reference], blank[-1].end() if blank else 0)


def _first_reference(text: str) -> int:
    """Return the index of the first brackets that a definition further on may turn into a link, or the length.

    Brackets after backticks that do not end in their line may be code: the index is that of the backticks.
    """
    stray = len(text)
    for match in _MAY_REFER.finditer(text):
        if match["stray"]:
            stray = min(stray, match.start())
        elif match["open"]:
            return min(stray, match.start())
    return len(text)


def _open_length(text: str, begin: int) -> int:
    """Return the length up to the first Markdown in an incomplete paragraph, apart from code, links and escapes."""
    while opener := _OPENER.search(text, begin):
        closed = _CLOSED.match(text, opener.start())
        if closed is None:
            return opener.start()
        begin = closed.end()
    return len(text)


def strip_markdown(text: str) -> str:
    """Return a text without Markdown. List items keep their markers: "- 5" may be a number."""
    if not _MARKDOWN.search(text):
        return text
    lines = text.split("\n")
    removed: set[int] = set()
    env: dict[str, dict[str, dict[str, str]]] = {"references": _References()}
    for token in _PARSER.parse(text, env):
        if token.map is None:
            continue
        first, last = token.map
        if token.type == "fence":
            item = (
                lines[first].partition(token.markup)[0].rstrip()
            )  # the marker of a list item that starts with the fence
            lines[first] = item
            removed |= set() if item.strip(" \t>") else {first}
            if last - 1 > first and re.fullmatch(rf"[ \t>]*{re.escape(token.markup)}[`~]*[ \t]*", lines[last - 1]):
                removed.add(last - 1)
        elif token.type == "blockquote_open":
            lines[first:last] = [_QUOTE.sub(r"\1", line) for line in lines[first:last]]
        elif token.type == "heading_open":
            if token.markup in "=-":
                removed.add(last - 1)
            else:
                lines[first] = re.sub(r"[ \t]+#+[ \t]*$", "", _HEADING.sub(r"\1", lines[first]))
        elif token.type == "list_item_open" and token.markup == "*":
            lines[first] = _STAR_BULLET.sub(r"\1-", lines[first])
        elif token.type == "inline":
            _rewrite_inline(token, lines)
    for label, reference in env.get("references", {}).items():
        removed.update(_definition_lines(label, reference["href"], lines))
    return "\n".join(line for number, line in enumerate(lines) if number not in removed)


def _rewrite_inline(token: Token, lines: list[str]) -> None:
    """Replace the lines of a paragraph, heading or item that contain Markdown."""
    assert token.map is not None
    children = token.children or []
    if all(child.type in ("text", "softbreak") for child in children) and token.content in "\n".join(lines):
        return
    rendered = _render(children).split("\n")
    for number, (old, new) in enumerate(zip(token.content.split("\n"), rendered, strict=False), token.map[0]):
        indent = old[: len(old) - len(old.lstrip(" \t"))]  # the parser drops it from the second line on
        column = lines[number].rfind(old)
        if column >= 0:
            lines[number] = lines[number][:column] + (new if new.startswith(indent) else indent + new)


def _render(children: list[Token]) -> str:
    """Return the text of inline tokens; a link is followed by its address."""
    parts: list[str] = []
    opened: list[tuple[int, str]] = []  # index in `parts`, and marker or address
    for token in children:
        if token.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif token.type == "text_special" and token.info == "escape":
            parts.append(token.content if token.content in _ESCAPED else token.markup)
        elif token.type == "image":
            parts.append(_render_link(token.content, str(token.attrs.get("src", ""))))
        elif token.nesting == 1:
            opened.append((len(parts), str(token.attrs.get("href", "")) or token.markup))
        elif token.nesting == -1 and opened:
            index, marker = opened.pop()
            inner = "".join(parts[index:])
            render = _render_link if token.type == "link_close" else _strip_emphasis
            parts[index:] = [render(inner, marker)]
        else:
            parts.append(token.content)
    return "".join(parts)


def _strip_emphasis(text: str, marker: str) -> str:
    """Return an emphasised text without its markers, unless it is a service code (*111*) or a name (__init__)."""
    is_number = marker == "*" and text.isdigit()
    is_name = marker == "__" and text.isascii() and text.isidentifier()
    return f"{marker}{text}{marker}" if is_number or is_name else text


def _render_link(text: str, address: str) -> str:
    bare = re.sub(r"^(?:mailto:|tel:|https?://)", "", address)
    return text if text in (address, bare) else f"{text} ({address})".lstrip()


def _definition_lines(label: str, href: str, lines: list[str]) -> list[int]:
    """Return the indexes of the lines that define a reference; its links show the address."""
    return [
        number
        for number, line in enumerate(lines)
        if (match := re.match(r"^[ \t>]*\[([^\]]+)\]:[ \t]*\S", line))
        and " ".join(match[1].split()).upper() == label
        and _is_link_target(href)
    ]
