"""Marks: what a model writes for the platform into its reply and the contact does not see: [S1], [no answer]."""

import re
from dataclasses import dataclass, field

from platform_app.llm.prompts import NO_ANSWER_MARK

LONGEST = 40  # characters of a mark: what is open for longer is none
_BRACKETS = re.compile(rf"[ \t]*[\[【]([^\[\]【】\n]{{1,{LONGEST}}})[\]】]")
_NUMBERS = re.compile(r"(?:\s*[Ss]?\d{1,3}\s*(?:[,;]|$))+")
_OPEN = re.compile(rf"[ \t]*(?:[\[【][^\[\]【】\n]{{0,{LONGEST}}})?$")


@dataclass
class Marks:
    """Takes the marks out of a text that arrives in pieces, and keeps which ones there were.

    `scripts` is how many scripts the prompt has: the marks of others are text like any other.
    """

    scripts: int = 0
    used: set[int] = field(default_factory=set)  # numbers of scripts
    no_answer: bool = False
    _held: str = ""

    def read(self, text: str, *, final: bool = False) -> str:
        """Return what of a whole text can be shown, as `feed` does; with `final` all of it."""
        self.used, self.no_answer, self._held = set(), False, ""
        shown = self.feed(text)
        return shown + self.rest() if final else shown

    def feed(self, piece: str) -> str:
        """Return what of the text so far can be shown: all but what may be the beginning of a mark."""
        text = _BRACKETS.sub(self._take, self._held + piece)
        open_at = _OPEN.search(text)
        cut = open_at.start() if open_at else len(text)
        self._held = text[cut:]
        return text[:cut]

    def rest(self) -> str:
        """Return what was held back, at the end of the text; blanks there are nothing."""
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
