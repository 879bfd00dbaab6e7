"""Style reduction: drops what the console never uses from the style sheet of the Radix theme, which is most of it.

The theme's sheet has every size and distance once more for each of five widths of the window, thirty scales of
colours, and many components. The console lays out by its own sheet and uses a few scales and components. A browser
loads the sheet before it shows anything, and computes styles anew whenever something is opened, closed or focused.
"""

import gzip
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import tinycss2
from tinycss2 import ast

SCALES = (
    *("tomato", "red", "ruby", "crimson", "pink", "plum", "purple", "violet", "iris", "indigo", "blue", "cyan", "teal"),
    *("jade", "green", "grass", "bronze", "gold", "brown", "orange", "amber", "yellow", "lime", "mint", "sky"),
    *("gray", "mauve", "slate", "sage", "olive", "sand", "black", "white"),
)
_CHOICES = ("is", "where", "has")
_ALWAYS = frozenset({"gray", "black", "white"})  # the theme's own rules name them
_RESPONSIVE = re.compile(r"\.(?:xs|sm|md|lg|xl)\\:")
_OF_SCALE = re.compile(rf"--({'|'.join(SCALES)})-(?:a?\d+|contrast|surface|indicator|track)\b")
_COMPONENT = re.compile(r"\brt-[A-Z]\w*")
_OF_THEME = re.compile(rf"\[data-(?:accent|gray)-color=[\"']?({'|'.join(SCALES)})\b")


@dataclass(frozen=True)
class Used:
    """What of the theme the console uses: scales of colours, and classes of components such as "rt-Button"."""

    scales: frozenset[str]
    components: frozenset[str]


def used_scales(files: Iterable[Path]) -> frozenset[str]:
    """Return the scales of colours that source files name, as a quoted word or as a variable of a style sheet."""
    named = re.compile(rf"[\"']({'|'.join(SCALES)})[\"']|--({'|'.join(SCALES)})-")
    texts = (path.read_text(encoding="utf-8") for path in files)
    return _ALWAYS | {one or other for text in texts for one, other in named.findall(text)}


def used_components(files: Iterable[Path]) -> frozenset[str]:
    """Return the classes of components that built scripts name."""
    return frozenset(name for path in files for name in _COMPONENT.findall(path.read_text(encoding="utf-8")))


def reduce(sheet: str, used: Used) -> str:
    """Return a style sheet without the theme's rules for single widths, for other scales and for other components."""
    return "".join(_reduced(tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True), used))


def reduce_files(folder: Path, scales: frozenset[str]) -> None:
    """Reduce each built style sheet in a folder, which holds the scripts too, and the compressed copy beside it."""
    used = Used(scales, used_components(folder.glob("*.js")))
    for path in folder.glob("*.css"):
        reduced = reduce(path.read_text(encoding="utf-8"), used)
        path.write_text(reduced, encoding="utf-8")
        packed = path.with_name(f"{path.name}.gz")
        if packed.exists():
            packed.write_bytes(gzip.compress(reduced.encode(), mtime=0))


def _reduced(rules: list[ast.Node], used: Used) -> Iterable[str]:
    """Yield the rules that are used, as text."""
    for rule in rules:
        if isinstance(rule, ast.QualifiedRule):
            yield _rule(rule, used)
        elif isinstance(rule, ast.AtRule) and rule.lower_at_keyword in ("media", "supports") and rule.content:
            inner = tinycss2.parse_blocks_contents(rule.content, skip_comments=True, skip_whitespace=True)
            if kept := "".join(_reduced(inner, used)):
                yield f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{kept}}}"
        else:
            yield rule.serialize()


def _rule(rule: ast.QualifiedRule, used: Used) -> str:
    """Return a rule as text, or "" where nothing of it is used."""
    selectors = [tinycss2.serialize(one) for one in _selectors(rule.prelude) if not _is_unused(one, used)]
    content = tinycss2.serialize(rule.content)
    if _OF_SCALE.search(content):
        inner = tinycss2.parse_blocks_contents(rule.content, skip_comments=True, skip_whitespace=True)
        content = ";".join(one.serialize() for one in inner if not _is_unused_variable(one, used.scales))
    return f"{','.join(selectors)}{{{content}}}" if selectors and content else ""


def _selectors(prelude: list[ast.Node]) -> list[list[ast.Node]]:
    """Return the selectors of a rule, which commas divide."""
    made: list[list[ast.Node]] = [[]]
    for part in prelude:
        if part == ",":
            made.append([])
        else:
            made[-1].append(part)
    return made


def _is_unused(selector: list[ast.Node], used: Used) -> bool:
    """Return whether a selector asks for a width's class, or an unused scale or component, or each of a choice does."""
    asked = [token for token in selector if not isinstance(token, ast.FunctionBlock)]
    choices = [token for token in selector if isinstance(token, ast.FunctionBlock) and token.lower_name in _CHOICES]
    if any(all(_is_unused(one, used) for one in _selectors(choice.arguments)) for choice in choices):
        return True
    words = tinycss2.serialize(asked)
    is_used = used.scales.issuperset(_OF_THEME.findall(words)) and used.components.issuperset(_COMPONENT.findall(words))
    return bool(_RESPONSIVE.search(words)) or not is_used


def _is_unused_variable(part: ast.Node, scales: frozenset[str]) -> bool:
    """Return whether a part of a rule declares a variable of a scale that is not used."""
    found = _OF_SCALE.match(part.name) if isinstance(part, ast.Declaration) else None
    return bool(found and found[1] not in scales)
