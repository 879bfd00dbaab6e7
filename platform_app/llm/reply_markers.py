"""Reply markers: what a model writes for the platform and the contact does not see: [S1], [no answer]."""

import re
from dataclasses import dataclass, field

from platform_app.llm.prompts import NO_ANSWER_MARKER

MAX_MARKER_CHARS = 40  # between its brackets
_BRACKETS = re.compile(rf"[ \t]*[\[【]([^\[\]【】\n]{{1,{MAX_MARKER_CHARS}}})[\]】]")
_NUMBERS = re.compile(r"(?:\s*[Ss]?\d{1,3}\s*(?:[,;]|$))+")
_UNCLOSED = re.compile(rf"[ \t]*(?:[\[【][^\[\]【】\n]{{0,{MAX_MARKER_CHARS}}})?$")


@dataclass
class MarkerFilter:
    """Removes the markers from a streamed text and records them.

    `scripts` is the number of scripts in the prompt: markers with other numbers are left in the text.
    """

    scripts: int = 0
    used: set[int] = field(default_factory=set)  # numbers of scripts
    no_answer: bool = False
    _buffer: str = ""

    def read(self, text: str, *, final: bool = False) -> str:
        """Return what can be shown of a text from its start, as `feed` does; with `final` all of it."""
        self.used, self.no_answer, self._buffer = set(), False, ""
        shown = self.feed(text)
        return shown + self.rest() if final else shown

    def feed(self, piece: str) -> str:
        """Process the next piece; return the text that can be shown: all but a possible start of a marker."""
        text = _BRACKETS.sub(self._take, self._buffer + piece)
        open_at = _UNCLOSED.search(text)
        cut = open_at.start() if open_at else len(text)
        self._buffer = text[cut:]
        return text[:cut]

    def rest(self) -> str:
        """Return what was withheld at the end of the text, without trailing blanks."""
        withheld, self._buffer = self._buffer.rstrip(), ""
        return withheld

    def _take(self, match: re.Match[str]) -> str:
        inner = match[1].strip()
        if f"[{inner.lower()}]" == NO_ANSWER_MARKER:
            self.no_answer = True
            return ""
        if not _NUMBERS.fullmatch(inner):
            return match[0]
        parts = [part.strip() for part in re.split("[,;]", inner) if part.strip()]
        script_markers = {part for part in parts if part[0] in "Ss" and 0 < int(part[1:]) <= self.scripts}
        if not script_markers:
            return match[0]
        self.used |= {int(part[1:]) for part in script_markers}
        others = [part for part in parts if part not in script_markers]
        return f"{match[0][: match[0].index(inner[0]) - 1]}[{', '.join(others)}]" if others else ""
