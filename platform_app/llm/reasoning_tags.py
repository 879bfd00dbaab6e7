"""Reasoning tags: separates the reasoning between tags from the answer while both are streamed."""

import re
from dataclasses import dataclass, field

MAX_REASONING_CHARS = 20_000  # that are kept
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
_TAG_OR_CODE = re.compile(rf"(?P<begin>{_BEGIN})|(?P<end>{_END})|(?P<code>`+|~{{3,}})", re.IGNORECASE)
_END_TAG = re.compile(_END, re.IGNORECASE)
_PARTIAL_TAG = re.compile(
    r"(?:<\|[a-z_|<> ]{0,40}|~{1,2}|[<◁\[]\s*/?\s*(?P<name>[a-z:]*)(?P<rest>[^<>◁▷\[\]\n]{0,80}))\Z", re.IGNORECASE
)
_MAX_TAG_CHARS = 120
_LINE_START = re.compile(r"(?:^|\n)[ \t>]*(?:[*+-][ \t]+|\d{1,3}[.)][ \t]+)?\Z")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_REASONING_MODEL = re.compile(
    r"(?:^|[^a-z0-9])(?:r1|qwq|z1|m[12])(?:[^a-z0-9]|$)|think|reason|magistral", re.IGNORECASE
)


def template_may_open_reasoning(model: str) -> bool:
    """Return whether the chat template of a model may open the reasoning, judged by the model's name.

    The replies of such models hold the end tag without a start tag.
    """
    return bool(_REASONING_MODEL.search(model))


@dataclass
class ReasoningFilter:
    """Separates a streamed text into answer and reasoning, however it is split into pieces.

    Tags in Markdown code belong to the answer. An end tag without a start tag turns everything before it into
    reasoning, and the answer starts again. With `withholds`, nothing is returned before the first tag.
    """

    withholds: bool = False
    answer: str = ""
    thoughts: str = ""
    opened_by_template: bool = False
    _emitted: int = 0
    _buffer: str = field(default="", repr=False)
    _in_reasoning: bool = False
    _fence: str = ""

    @property
    def in_reasoning(self) -> bool:
        """Whether a start tag was read and its end tag was not."""
        return self._in_reasoning

    def feed(self, piece: str, *, is_last: bool = False) -> str:
        """Process the next piece, with `is_last` at the end of the text; return the new text of the answer."""
        self._buffer += piece
        while self._process_next(is_last=is_last):
            pass
        if self.withholds and not is_last:
            return ""
        fresh = self.answer[self._emitted :]
        self._emitted = len(self.answer)
        return fresh

    def _process_next(self, *, is_last: bool) -> bool:
        """Process the next part of the buffer; return whether to continue."""
        if self._in_reasoning:
            return self._process_reasoning(is_last=is_last)
        if self._fence:
            return self._process_fence(is_last=is_last)
        match = _TAG_OR_CODE.search(self._buffer)
        if match is None:
            half = _partial_tag_start(self._buffer, is_last=is_last)
            self._append_answer(len(self._buffer) if half is None else half)
            if is_last:
                self._buffer = ""  # the text ends within a tag
            return False
        if match["code"]:
            return self._process_code(match, is_last=is_last)
        self._append_answer(match.start())
        self._buffer = self._buffer[match.end() - match.start() :]
        if match["begin"]:
            self._in_reasoning = True
            self.withholds = self.withholds and bool(self.answer.strip())
        else:
            self._reclassify_answer()
        return True

    def _append_answer(self, size: int) -> None:
        """Move the first `size` characters of the buffer to the answer."""
        self.answer += self._buffer[:size]
        self._buffer = self._buffer[size:]

    def _append_reasoning(self, text: str) -> None:
        self.thoughts = (self.thoughts + text)[:MAX_REASONING_CHARS]

    def _reclassify_answer(self) -> None:
        """Turn the answer so far into reasoning."""
        self._append_reasoning(self.answer)
        self.answer, self._emitted = "", 0
        self.opened_by_template, self.withholds = True, False

    def _process_reasoning(self, *, is_last: bool) -> bool:
        match = _END_TAG.search(self._buffer)
        size = match.start() if match else len(self._buffer) if is_last else max(len(self._buffer) - _MAX_TAG_CHARS, 0)
        self._append_reasoning(self._buffer[:size])
        self._buffer = self._buffer[match.end() if match else size :]
        self._in_reasoning = match is None
        return match is not None

    def _process_code(self, match: re.Match[str], *, is_last: bool) -> bool:
        """Append code to the answer once it is certain to be code; return whether to continue."""
        marks, end = match["code"], match.end()
        if end == len(self._buffer) and not is_last:  # more backticks may follow
            self._append_answer(match.start())
            return False
        if len(marks) >= 3 and _LINE_START.search((self.answer[-200:] + self._buffer[: match.start()])[-200:]):
            self._append_answer(end)
            self._fence = marks[0] * 3
            return True
        closing = re.compile(rf"(?<!`){marks}(?!`)").search(self._buffer, end) if marks[0] == "`" else None
        blank = _BLANK_LINE.search(self._buffer, end)
        if closing and not (blank and blank.start() < closing.start()):
            if closing.end() == len(self._buffer) and not is_last:
                self._append_answer(match.start())
                return False
            self._append_answer(closing.end())
            return True
        if marks[0] == "~" or blank or is_last:
            self._append_answer(end)
            return True
        self._append_answer(match.start())
        return False

    def _process_fence(self, *, is_last: bool) -> bool:
        """Append a line of a fenced block to the answer; return whether to continue."""
        line, newline, _ = self._buffer.partition("\n")
        if not newline and not is_last:
            return False
        is_over = bool(re.fullmatch(rf"[ \t>]*{self._fence}[`~]*[ \t]*\r?", line)) and self.answer.endswith("\n")
        self._append_answer(len(line) + len(newline))
        if is_over:
            self._fence = ""
        return bool(newline)


def _partial_tag_start(text: str, *, is_last: bool) -> int | None:
    """Return the start of an incomplete tag at the end of a text, or None; with `is_last` only of a certain one."""
    match = _PARTIAL_TAG.search(text, max(len(text) - _MAX_TAG_CHARS, 0))
    if match is None:
        return None
    if match["name"] is None:
        return None if is_last else match.start()
    space, _, last = match["name"].lower().rpartition(":")
    is_begun = any(word.startswith(last) for word in _WORDS) and (not is_last or len(last) >= len("thi"))
    is_one = last in _WORDS if match["rest"] else is_begun or (not is_last and not space and len(last) <= 10)
    return match.start() if is_one else None
