"""HTML visibility: which elements are invisible by attributes, inline styles and style sheets."""

import re
from dataclasses import dataclass, replace
from typing import Any

import cssselect
import tinycss2

from platform_app.rag.readers.html_colour import colour_of

_PROPERTIES = frozenset((
    "display", "visibility", "opacity", "font-size", "color", "background", "background-color", "background-image",
    "position", "left", "right", "top", "bottom", "text-indent", "clip", "clip-path", "transform", "width", "height",
    "max-height", "max-width", "overflow", "margin-left", "margin-top", "content-visibility", "filter",
))  # fmt: skip
_OFF_SCREEN = -400.0  # pixels: an element moved further is on no screen
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))\s*(px|em|rem|%|pt|vw|vh|)", re.IGNORECASE)
RULES_LIMIT = 3_000
WORK_LIMIT = 2_000_000  # rules times elements; rules that may hide text are evaluated first
_COLOUR_OF = {"font": "color", "body": "text"}  # by tag: the attribute that says the colour of letters
_HIDING_PROPERTIES = frozenset(
    ("display", "visibility", "opacity", "position", "font-size", "clip", "clip-path", "overflow")
)
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class ComputedStyle:
    """The style that an element inherits."""

    colour: Colour | None = (0, 0, 0)  # None: not known
    background: Colour | None = (255, 255, 255)  # None: a picture, or not known
    size: float = 16.0  # of letters, in pixels
    is_visible: bool = True
    is_pre: bool = False  # spaces and line breaks are kept


def sheet_styles(tree: Any) -> dict[Any, dict[str, str]]:
    """Return the declarations of the page's own style sheets, by element."""
    declarations: dict[Any, dict[str, tuple[tuple[int, ...], str]]] = {}
    translator = cssselect.HTMLTranslator()
    rules = [*enumerate(rule for node in tree.iter("style") for rule in _rules(node.text or ""))]
    rules.sort(key=lambda rule: not _HIDING_PROPERTIES & rule[1][1].keys())
    max_rules = min(RULES_LIMIT, max(100, WORK_LIMIT // (1 + sum(1 for _ in tree.iter()))))
    for order, (selectors, values) in rules[:max_rules]:
        try:
            parsed = cssselect.parse(selectors)
        except cssselect.SelectorError:
            continue
        for selector in parsed:
            if selector.pseudo_element:
                continue
            try:
                matched = tree.xpath(translator.selector_to_xpath(selector))
            except (cssselect.SelectorError, ValueError):
                continue
            for name, (important, text) in values.items():
                rank = (important, *selector.specificity(), order)
                for element in matched:
                    element_values = declarations.setdefault(element, {})
                    if name not in element_values or element_values[name][0] <= rank:
                        element_values[name] = (rank, text)
    return {element: {name: text for name, (_, text) in own.items()} for element, own in declarations.items()}


def _rules(css: str) -> list[tuple[str, dict[str, tuple[bool, str]]]]:
    """Return the rules that apply on a wide screen: their selectors, and their values of _PROPERTIES."""
    rules = []
    for rule in tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True):
        if rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports", "layer") and rule.content:
            condition = tinycss2.serialize(rule.prelude).lower()
            if not re.search(r"print|max-|speech|prefers|not ", condition):
                rules += _rules(tinycss2.serialize(rule.content))
        elif rule.type == "qualified-rule" and (values := _values(rule.content)):
            rules.append((tinycss2.serialize(rule.prelude).strip(), values))
    return rules


def _values(css: Any) -> dict[str, tuple[bool, str]]:
    parsed = tinycss2.parse_blocks_contents(css, skip_comments=True, skip_whitespace=True)
    return {
        declaration.lower_name: (declaration.important, tinycss2.serialize(declaration.value).strip().lower())
        for declaration in parsed
        if declaration.type == "declaration" and declaration.lower_name in _PROPERTIES
    }


def compute_style(element: Any, inherited: ComputedStyle, sheet: dict[str, str]) -> tuple[ComputedStyle, bool]:
    """Return the style of an element, and whether it is hidden with all its content."""
    values = dict(sheet)
    if inline := element.get("style"):
        values |= {name: text for name, (_, text) in _values(inline[:10_000]).items()}
    if element.get("hidden") is not None or (element.get("aria-hidden") or "").lower() == "true":
        return inherited, True
    style = inherited
    background = values.get("background-color") or values.get("background") or element.get("bgcolor") or ""
    if "url(" in background or "gradient(" in background or values.get("background-image", "none") != "none":
        style = replace(style, background=None)
    elif background and (colour := colour_of(background, inherited.colour)) is not None:
        style = replace(style, background=colour)
    colour_text = values.get("color") or element.get(_COLOUR_OF.get(element.tag, "-"))
    if colour_text:
        is_clear = colour_text == "transparent" or re.search(r"[,/]\s*(0|0?\.0\d*|0%)\s*\)$", colour_text)
        style = replace(style, colour=style.background if is_clear else colour_of(colour_text, inherited.colour))
    if "font-size" in values:
        style = replace(style, size=_size(values["font-size"], inherited.size))
    if "visibility" in values:
        style = replace(style, is_visible=values["visibility"] not in ("hidden", "collapse"))
    return style, _is_hidden(values)


def is_readable(style: ComputedStyle) -> bool:
    """Return whether text of this style is visible."""
    if not style.is_visible or style.size < 2:
        return False
    if style.colour is None or style.background is None:
        return True
    return max(abs(a - b) for a, b in zip(style.colour, style.background, strict=True)) > 8


def _size(size_text: str, inherited: float) -> float:
    match = _NUMBER.match(size_text)
    if match is None:
        return inherited or 16.0  # a word such as "small"
    number, unit = float(match[1]), match[2].lower()
    pixels = {"em": inherited, "%": inherited / 100, "rem": 16.0, "pt": 4 / 3, "vw": 10.0, "vh": 8.0}
    return number * pixels.get(unit, 1.0)


def _pixels(size_text: str | None) -> float | None:
    match = _NUMBER.match(size_text or "")
    return _size(size_text or "", 16.0) if match else None


def _is_hidden(style: dict[str, str]) -> bool:
    """Return whether a style hides an element with all its content."""
    if style.get("display") == "none" or style.get("content-visibility") == "hidden":
        return True
    opacity = _NUMBER.match(style.get("opacity", ""))
    if opacity is not None and float(opacity[1]) / (100 if opacity[2] == "%" else 1) < 0.05:
        return True
    if re.search(r"opacity\(\s*0?\.?0*%?\s*\)", style.get("filter", "")):
        return True
    placed = style.get("position") in ("absolute", "fixed", "relative")
    moved = [_pixels(style.get(name)) for name in ("left", "right", "top", "bottom") if placed]
    moved += [_pixels(style.get(name)) for name in ("text-indent", "margin-left", "margin-top")]
    if any(offset is not None and offset <= _OFF_SCREEN for offset in moved):
        return True
    shift = style.get("transform", "")
    if re.search(r"scale[xy]?\(\s*0?\.?0*\s*[,)]", shift) or _shifted(shift):
        return True
    if "clip" in style and re.search(r"rect\(\s*(0|1)(px)?[\s,]+(0|1)(px)?", style["clip"]):
        return True
    if re.search(r"inset\(\s*(50|100)%|circle\(\s*0", style.get("clip-path", "")):
        return True
    sizes = [_pixels(style.get(name)) for name in ("width", "height", "max-height", "max-width")]
    return style.get("overflow", "").startswith(("hidden", "clip")) and any(
        size is not None and size <= 1 for size in sizes
    )


def _shifted(transform: str) -> bool:
    arguments = re.findall(r"translate(?:x|y|3d)?\(([^)]*)\)", transform)
    shifts = [_pixels(part.strip()) for part in ",".join(arguments).split(",")]
    return any(shift is not None and shift <= _OFF_SCREEN for shift in shifts)
