"""Reply markers: marks for the platform in a model's reply that contacts do not see: [S1], [no answer]."""

import re
from dataclasses import dataclass, field

from platform_app.llm.prompts import NO_ANSWER_MARK

LONGEST = 40  # characters of a mark: what is open for longer is none
_BRACKETS = re.compile(rf"[ \t]*[\[【]([^\[\]【】\n]{{1,{LONGEST}}})[\]】]")
_NUMBERS = re.compile(r"(?:\s*[Ss]?\d{1,3}\s*(?:[,;]|$))+")
_OPEN = re.compile(rf"[ \t]*(?:[\[【][^\[\]【】\n]{{0,{LONGEST}}})?$")


@dataclass
class Marks:
    """Removes the marks from a text that arrives in pieces, and stores which there were.

    `scripts` is the number of scripts in the prompt; other marks are text.
    """

    scripts: int = 0
    used: set[int] = field(default_factory=set)  # numbers of scripts
    no_answer: bool = False
    _held: str = ""

    def read(self, text: str, *, final: bool = False) -> str:
        """Return the part of a whole text that can be shown, as `feed` does; all of it if `final`."""
        self.used, self.no_answer, self._held = set(), False, ""
        shown = self.feed(text)
        return shown + self.rest() if final else shown

    def feed(self, piece: str) -> str:
        """Return the part of the text so far that can be shown: all but a possible start of a mark."""
        text = _BRACKETS.sub(self._take, self._held + piece)
        open_at = _OPEN.search(text)
        cut = open_at.start() if open_at else len(text)
        self._held = text[cut:]
        return text[:cut]

    def rest(self) -> str:
        """Return the text held back at the end, without trailing space."""
        held, self._held = self._held.rstrip(), ""
        return held

    def _take(self, match: re.Match[str]) -> str:
        inner = match[1].strip()
        if f"[{inner.lower()}]" == NO_ANSWER_MARK:
            self.no_answer = True
            return ""
        if not _NUMBERS.fullmatch(inner):
            return match[0]
        parts = [part.strip() for part in re.split("[,;]", inner) if part.strip()]
        mine = {part for part in parts if part[0] in "Ss" and 0 < int(part[1:]) <= self.scripts}
        if not mine:
            return match[0]
        self.used |= {int(part[1:]) for part in mine}
        others = [part for part in parts if part not in mine]
        return f"{match[0][: match[0].index(inner[0]) - 1]}[{', '.join(others)}]" if others else ""
