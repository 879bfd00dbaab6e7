"""Template lexer: splits a template into Liquid tokens in one pass, and refuses expensive ones.

It replaces the library's lexer, whose patterns scan the rest of the text again from each unclosed opening. Every limit
is a count, so that the cost grows only with the length of the text.
"""

import re
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from liquid.exceptions import LiquidSyntaxError
from liquid.token import TOKEN_COMMENT, TOKEN_CONTENT, TOKEN_EXPRESSION, TOKEN_OUTPUT, TOKEN_TAG, Token

MAX_SOURCE_LENGTH = 20_000  # characters of a template
MAX_PARTS = 500  # outputs and tags of a template
MAX_WORDS = 2_000  # names, values and signs in all of them
MAX_WORDS_OF_PART = 400
MAX_PART_LENGTH = 2_000  # characters of an output or a tag
MAX_SEARCHES = 20  # `contains` in all of a template: each looks through a whole text
MAX_DEPTH = 10  # tags within each other
MAX_NUMBER_LENGTH = 15  # digits
_LIMITS = {  # of one output or tag: what counts as what, and how many of it there may be
    "|": ("filters", 20),
    "and": ("joints", 50),
    "or": ("joints", 50),
    "[": ("brackets", 10),
    "contains": ("searches", MAX_SEARCHES),
}
_EXCERPT_LENGTH = 60  # characters of an excerpt
_TOO_MUCH = "“{what}” is too complex. Split it into several parts."

BLOCKS = {"if": {"elsif", "else"}, "unless": {"elsif", "else"}, "case": {"when", "else"}}
_ENDS = {f"end{name}": name for name in BLOCKS}
_OPENING = re.compile(r"\{\{|\{%")
_TAG = re.compile(r"(#|\w+)\s*")
_COMMENT = re.compile(r"\{%-?\s{0,20}(end)?comment\s{0,20}(-?)%\}")
_WORD = re.compile(
    r"""(?P<string>'[^']*'|"[^"]*")|(?P<number>-?\d[\d.]*)|(?P<name>\w[\w\-]*\??)"""
    r"""|(?P<sign>[|:,.\[\]]|[!=<>]{1,2})|(?P<space>[ \n\t\r\xa0]+)|(?P<other>.)""",
    re.DOTALL,
)


@dataclass(frozen=True)
class TemplateProblem:
    """A problem of a template: a message id, its value, and the line, from 1."""

    sentence: str
    what: str
    line: int


class TemplateSyntaxError(LiquidSyntaxError):
    """A template that cannot be parsed, with its problem."""

    def __init__(self, problem: TemplateProblem) -> None:
        super().__init__(problem.sentence, token=None)
        self.problem = problem


def excerpt(text: str, start: int) -> str:
    """Return the start of the output or tag at a position of a template, on one line."""
    if not text.startswith(("{{", "{%"), start):
        start = max(text.rfind("{{", 0, start + 1), text.rfind("{%", 0, start + 1), 0)
    end = text.find("%}" if text.startswith("{%", start) else "}}", start)
    part = " ".join(text[start : start + _EXCERPT_LENGTH * 2 if end < 0 else end + 2].split())
    return part if len(part) <= _EXCERPT_LENGTH else part[: _EXCERPT_LENGTH - 1] + "…"


def syntax_error(sentence: str, text: str, start: int, what: str = "") -> TemplateSyntaxError:
    """Return the error for a position of a template; without `what` it names the part there."""
    return TemplateSyntaxError(TemplateProblem(sentence, what or excerpt(text, start), text.count("\n", 0, start) + 1))


@dataclass
class _Lexer:
    text: str
    parts: int = 0
    words: int = 0
    searches: int = 0
    open: list[tuple[str, int]] = field(default_factory=list)  # open tags and their positions
    strips: bool = False  # the part before strips the following space

    def tokens(self) -> Iterator[Token]:
        text, place = self.text, 0
        while opening := _OPENING.search(text, place):
            start = opening.start()
            yield from self._content(place, start, strips_end=text.startswith("-", start + 2))
            end = text.find("%}" if opening[0] == "{%" else "}}", start + 2)
            if end < 0:
                raise syntax_error("“{what}” isn’t closed.", text, start)
            place = end + 2
            self.parts += 1
            if self.parts > MAX_PARTS:
                raise syntax_error("The text has more than {what} variables and tags.", text, start, str(MAX_PARTS))
            inner, inner_end = self._inner(start, end)
            if opening[0] == "{{":
                yield Token(TOKEN_OUTPUT, text[start:place], start, text)
                yield self._expression(inner, inner_end, start)
                continue
            place = yield from self._tag(inner, inner_end, start=start, place=place)
        yield from self._content(place, len(text))
        if self.open:
            raise syntax_error("“{what}” has no end tag.", text, self.open[-1][1])

    def _content(self, start: int, end: int, *, strips_end: bool = False) -> Iterator[Token]:
        value = self.text[start:end]
        value = value.lstrip() if self.strips else value
        value = value.rstrip() if strips_end else value
        if value:
            yield Token(TOKEN_CONTENT, value, start, self.text)

    def _inner(self, start: int, end: int) -> tuple[int, int]:
        """Return the start and end of a part's content, without dashes and surrounding space."""
        text, begin = self.text, start + 2
        self.strips = end > begin and text[end - 1] == "-"
        begin += text.startswith("-", begin)
        end = max(end - self.strips, begin)
        inner = text[begin:end]
        return begin + len(inner) - len(inner.lstrip()), begin + len(inner.rstrip())

    def _tag(self, inner: int, inner_end: int, *, start: int, place: int) -> Generator[Token, None, int]:
        """Yield the tokens of a tag; return the position after it."""
        text = self.text
        tag = _TAG.match(text, inner, inner_end)
        name = tag[1] if tag else ""
        yield Token(TOKEN_TAG, name, inner, text)
        if name == "#":
            return place
        if name == "comment":
            end, place = self._end_of_comment(place, start)
            yield Token(TOKEN_COMMENT, text[start:end], start, text)
            yield Token(TOKEN_TAG, "endcomment", end, text)
            return place
        self._nest(name, start)
        if tag and tag.end() < inner_end:
            yield self._expression(tag.end(), inner_end, start)
        return place

    def _nest(self, name: str, start: int) -> None:
        """Update the open tags. Raises TemplateSyntaxError for unknown or misplaced ones."""
        around = self.open[-1][0] if self.open else ""
        if name in BLOCKS:
            self.open.append((name, start))
            if len(self.open) > MAX_DEPTH:
                raise syntax_error("Tags are nested more than {what} deep.", self.text, start, str(MAX_DEPTH))
        elif name in _ENDS and _ENDS[name] == around:
            self.open.pop()
        elif name in _ENDS or any(name in inner for inner in BLOCKS.values()):
            if name in _ENDS or name not in BLOCKS.get(around, ()):
                raise syntax_error("“{what}” doesn’t belong here.", self.text, start)
        else:
            raise syntax_error("Unknown tag {what}.", self.text, start, name or excerpt(self.text, start))

    def _end_of_comment(self, place: int, start: int) -> tuple[int, int]:
        """Return the start and end of a comment's end tag; comments nest."""
        depth = 1
        for match in _COMMENT.finditer(self.text, place):
            depth += -1 if match[1] else 1
            if not depth:
                self.strips = bool(match[2])
                return match.start(), match.end()
        raise syntax_error("“{what}” has no end tag.", self.text, start)

    def _expression(self, begin: int, end: int, start: int) -> Token:
        """Return the token of an expression. Raises TemplateSyntaxError if it is too complex."""
        text, seen = self.text, Counter[str]()
        for word in _WORD.finditer(text, begin, end):
            kind, value = str(word.lastgroup), word[0]
            if kind == "space":
                continue
            if kind == "other":
                quote = value in "'\""
                sentence = "A quotation mark isn’t closed in “{what}”." if quote else ("“{what}” isn’t allowed here.")
                raise syntax_error(sentence, text, word.start(), "" if quote else value)
            if kind == "number" and len(value) > MAX_NUMBER_LENGTH:
                raise syntax_error(
                    "The number {what} is too long.", text, word.start(), f"{value[:MAX_NUMBER_LENGTH]}…"
                )
            seen["words"] += 1
            if limit := _LIMITS.get(value):
                seen[limit[0]] += 1
                if seen[limit[0]] > limit[1]:
                    raise syntax_error(_TOO_MUCH, text, start)
        self.words += seen["words"]
        self.searches += seen["searches"]
        if seen["words"] > MAX_WORDS_OF_PART or end - begin > MAX_PART_LENGTH:
            raise syntax_error(_TOO_MUCH, text, start)
        if self.words > MAX_WORDS or self.searches > MAX_SEARCHES:
            raise syntax_error("The text has too many variables and conditions. Shorten it.", text, start)
        return Token(TOKEN_EXPRESSION, text[begin:end].replace("\xa0", " "), begin, text)


def tokenize(text: str) -> Iterator[Token]:
    """Yield the tokens of a template. Raises TemplateSyntaxError if it cannot be parsed."""
    if len(text) > MAX_SOURCE_LENGTH:
        raise syntax_error(
            "The text is longer than {what} characters.", text, MAX_SOURCE_LENGTH, str(MAX_SOURCE_LENGTH)
        )
    return _Lexer(text).tokens()
