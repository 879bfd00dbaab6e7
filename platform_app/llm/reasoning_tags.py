"""Reasoning tags: separates a model's reasoning between tags from its answer while both are streamed."""

import re
from dataclasses import dataclass, field

MOST_KEPT = 20_000  # characters of thoughts
_WORDS = ("think", "thinking", "thought", "thoughts", "reasoning", "reflection", "scratchpad")
_NAME = rf"(?:[a-z]{{2,10}}:)?(?:{'|'.join(_WORDS)})"
_BEGIN = (
    rf"<\s*{_NAME}(?:\s[^<>\n]{{0,80}})?>|◁\s*{_NAME}\s*▷|\[{_NAME}\]"
    r"|<\|begin_of_thought\|>|<\|channel\|>\s*analysis\s*<\|message\|>"
)
_END = (
    rf"<\s*/\s*{_NAME}\s*>|◁\s*/\s*{_NAME}\s*▷|\[/{_NAME}\]|<\|end_of_thought\|>"
    r"|<\|channel\|>\s*final\s*<\|message\|>"
)
_MARK = re.compile(rf"(?P<begin>{_BEGIN})|(?P<end>{_END})|(?P<code>`+|~{{3,}})", re.IGNORECASE)
_ENDS = re.compile(_END, re.IGNORECASE)
_HALF = re.compile(
    r"(?:<\|[a-z_|<> ]{0,40}|~{1,2}|[<◁\[]\s*/?\s*(?P<name>[a-z:]*)(?P<rest>[^<>◁▷\[\]\n]{0,80}))\Z", re.IGNORECASE
)
_HALF_SIZE = 120
_LINE_START = re.compile(r"(?:^|\n)[ \t>]*(?:[*+-][ \t]+|\d{1,3}[.)][ \t]+)?\Z")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_TEMPLATE_MAY_OPEN = re.compile(
    r"(?:^|[^a-z0-9])(?:r1|qwq|z1|m[12])(?:[^a-z0-9]|$)|think|reason|magistral", re.IGNORECASE
)


def template_may_open(model: str) -> bool:
    """Return whether a model's template may open the reasoning, so that a reply has only the end tag."""
    return bool(_TEMPLATE_MAY_OPEN.search(model))


@dataclass
class ThinkingFilter:
    """Splits a growing text into the answer and the reasoning, in pieces of any size.

    Tags inside Markdown code belong to the answer. An end tag without a start makes all before it reasoning: the answer
    starts again. With `is_waiting`, nothing is returned until such an end or a start is found.
    """

    is_waiting: bool = False
    answer: str = ""
    thoughts: str = ""
    was_opened_by_template: bool = False
    _given: int = 0
    _held: str = field(default="", repr=False)
    _is_thinking: bool = False
    _fence: str = ""

    @property
    def is_thinking(self) -> bool:
        """Whether reasoning has started and not ended."""
        return self._is_thinking

    def feed(self, piece: str, *, is_last: bool = False) -> str:
        """Add a piece, `is_last` at the end of the text; return the new part of the answer."""
        self._held += piece
        while self._settle(is_last=is_last):
            pass
        if self.is_waiting and not is_last:
            return ""
        fresh = self.answer[self._given :]
        self._given = len(self.answer)
        return fresh

    def _settle(self, *, is_last: bool) -> bool:
        """Settle the next part of what is held; tell whether there is more to settle."""
        if self._is_thinking:
            return self._think(is_last=is_last)
        if self._fence:
            return self._pass_fence(is_last=is_last)
        match = _MARK.search(self._held)
        if match is None:
            half = _half_of_tag(self._held, is_last=is_last)
            self._answer(len(self._held) if half is None else half)
            if is_last:
                self._held = ""  # the text broke off within a tag
            return False
        if match["code"]:
            return self._pass_code(match, is_last=is_last)
        self._answer(match.start())
        self._held = self._held[match.end() - match.start() :]
        if match["begin"]:
            self._is_thinking = True
            self.is_waiting = self.is_waiting and bool(self.answer.strip())
        else:
            self._think_again()
        return True

    def _answer(self, size: int) -> None:
        """Count the first characters of what is held to the answer."""
        self.answer += self._held[:size]
        self._held = self._held[size:]

    def _remember(self, text: str) -> None:
        self.thoughts = (self.thoughts + text)[:MOST_KEPT]

    def _think_again(self) -> None:
        """Make a thought of what was taken for the answer."""
        self._remember(self.answer)
        self.answer, self._given = "", 0
        self.was_opened_by_template, self.is_waiting = True, False

    def _think(self, *, is_last: bool) -> bool:
        match = _ENDS.search(self._held)
        size = match.start() if match else len(self._held) if is_last else max(len(self._held) - _HALF_SIZE, 0)
        self._remember(self._held[:size])
        self._held = self._held[match.end() if match else size :]
        self._is_thinking = match is None
        return match is not None

    def _pass_code(self, match: re.Match[str], *, is_last: bool) -> bool:
        """Pass code over, once it is known to be code."""
        marks, end = match["code"], match.end()
        if end == len(self._held) and not is_last:  # there may be more of them
            self._answer(match.start())
            return False
        if len(marks) >= 3 and _LINE_START.search((self.answer[-200:] + self._held[: match.start()])[-200:]):
            self._answer(end)
            self._fence = marks[0] * 3
            return True
        closing = re.compile(rf"(?<!`){marks}(?!`)").search(self._held, end) if marks[0] == "`" else None
        blank = _BLANK_LINE.search(self._held, end)
        if closing and not (blank and blank.start() < closing.start()):
            if closing.end() == len(self._held) and not is_last:
                self._answer(match.start())
                return False
            self._answer(closing.end())
            return True
        if marks[0] == "~" or blank or is_last:
            self._answer(end)
            return True
        self._answer(match.start())
        return False

    def _pass_fence(self, *, is_last: bool) -> bool:
        """Pass a fenced block over, line by line."""
        line, newline, _ = self._held.partition("\n")
        if not newline and not is_last:
            return False
        is_over = bool(re.fullmatch(rf"[ \t>]*{self._fence}[`~]*[ \t]*\r?", line)) and self.answer.endswith("\n")
        self._answer(len(line) + len(newline))
        if is_over:
            self._fence = ""
        return bool(newline)


def _half_of_tag(text: str, *, is_last: bool) -> int | None:
    """Return where the half of a tag begins that a text ends with, if it does; `is_last`: if it can be nothing else."""
    match = _HALF.search(text, max(len(text) - _HALF_SIZE, 0))
    if match is None:
        return None
    if match["name"] is None:
        return None if is_last else match.start()
    space, _, last = match["name"].lower().rpartition(":")
    is_begun = any(word.startswith(last) for word in _WORDS) and (not is_last or len(last) >= len("thi"))
    is_one = last in _WORDS if match["rest"] else is_begun or (not is_last and not space and len(last) <= 10)
    return match.start() if is_one else None
