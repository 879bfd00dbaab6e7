"""Named variables: a text with variables, as people read it where the values are not known yet."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from platform_app.automation.facts import CATALOGUE
from platform_app.i18n import translate

BRACKETS = "[]"
MARKS = "\x02\x03"  # before and after the name of a variable, for `summary_parts`
_VARIABLE = re.compile(r"\{\{\s*([\w.]+)[^{}]*\}\}")
_TAG = re.compile(r"\{%[^{}]*%\}")
_MARKED = re.compile(f"{MARKS[0]}([^{MARKS}]*){MARKS[1]}")
_LABELS = {fact.name: fact.label for fact in CATALOGUE}


@dataclass
class SummaryPart:
    """A part of a summary: text, or the name of a variable, which is shown as a chip."""

    text: str
    is_variable: bool


def named_variables(text: str, language: str, names: Mapping[str, str] | None = None, *, marks: str = BRACKETS) -> str:
    """Return a text with each variable as its name in brackets, and without tags: "Call about [Lead title]".

    `names` are those of custom fields by fact; `marks` are the two characters around a name.
    """

    def name(match: re.Match[str]) -> str:
        path = match.group(1)
        label = _LABELS.get(path)
        own = (names or {}).get(path) or path.rpartition(".")[2]
        return f"{marks[0]}{translate(language, label) if label else own}{marks[1]}"

    return _TAG.sub("", _VARIABLE.sub(name, text))


def summary_parts(marked: str) -> list[SummaryPart]:
    """Return the parts of a summary whose variables stand between MARKS."""
    parts = [SummaryPart(text, bool(place % 2)) for place, text in enumerate(_MARKED.split(marked))]
    return [part for part in parts if part.text]
