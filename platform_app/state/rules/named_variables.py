"""Named variables: a text with variables, as people read it where the values are not known yet."""

import re

from platform_app.automation.facts import CATALOGUE
from platform_app.i18n import translate

_VARIABLE = re.compile(r"\{\{\s*([\w.]+)[^{}]*\}\}")
_TAG = re.compile(r"\{%[^{}]*%\}")
_LABELS = {fact.name: fact.label for fact in CATALOGUE}


def named_variables(text: str, language: str) -> str:
    """Return a text with each variable as its name in brackets, and without tags: "Call about [Lead title]"."""

    def name(match: re.Match[str]) -> str:
        path = match.group(1)
        label = _LABELS.get(path)
        return f"[{translate(language, label) if label else path.rpartition('.')[2]}]"

    return _TAG.sub("", _VARIABLE.sub(name, text))
