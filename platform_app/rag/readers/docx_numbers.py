"""DOCX numbers: the numbers and bullets of list paragraphs, counted as Word does."""

import re

_ROMAN = ((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))
_RUSSIAN = "абвгдежзиклмнопрстуфхцчшщэюя"


class Numbers:
    """Counters of each list and depth."""

    def __init__(self, lists: dict[str, list[tuple[str, str, int]]]) -> None:
        self.lists = lists
        self.counts: dict[str, list[int]] = {}

    def next(self, key: str, depth: int) -> str:
        """Return the number or bullet of the next paragraph of a list at a depth; "" outside of lists."""
        levels = self.lists.get(key, [])
        if not 0 <= depth < len(levels):
            return ""
        counts = self.counts.setdefault(key, [start - 1 for _, _, start in levels])
        counts[depth] += 1
        counts[depth + 1 :] = [start - 1 for _, _, start in levels[depth + 1 :]]
        form, text, _ = levels[depth]
        if form == "bullet":
            return "  " * depth + "-"
        if form == "none":
            return ""

        def number(match: "re.Match[str]") -> str:
            place = int(match[1]) - 1
            return _written(levels[place][0], max(counts[place], levels[place][2])) if place < len(levels) else ""

        return re.sub(r"%(\d)", number, text)


def _written(form: str, count: int) -> str:
    if form in ("lowerLetter", "upperLetter") and count <= 26:
        letter = chr(ord("a") + count - 1)
    elif form in ("russianLower", "russianUpper") and count <= len(_RUSSIAN):
        letter = _RUSSIAN[count - 1]
    elif form in ("lowerRoman", "upperRoman") and count < 40:
        letter, rest = "", count
        for worth, sign in _ROMAN:
            letter, rest = letter + sign * (rest // worth), rest % worth
    else:
        return str(count)
    return letter.upper() if form.startswith("upper") or form.endswith("Upper") else letter
