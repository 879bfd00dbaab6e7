"""HTML visibility: which elements are invisible by attributes, inline styles and style sheets."""

import re
from dataclasses import dataclass, replace
from typing import Any

import cssselect
import tinycss2

from platform_app.rag.readers.html_colour import colour_of

_MATTERS = frozenset((
    "display", "visibility", "opacity", "font-size", "color", "background", "background-color", "background-image",
    "position", "left", "right", "top", "bottom", "text-indent", "clip", "clip-path", "transform", "width", "height",
    "max-height", "max-width", "overflow", "margin-left", "margin-top", "content-visibility", "filter",
))  # fmt: skip
_FAR = -400.0  # pixels: further out is off every screen
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))\s*(px|em|rem|%|pt|vw|vh|)", re.IGNORECASE)
RULES_LIMIT = 3_000
WORK_LIMIT = 2_000_000  # rules times elements: what hides comes first
_COLOUR_OF = {"font": "color", "body": "text"}  # by tag: the attribute that says the colour of letters
_HIDES = frozenset(("display", "visibility", "opacity", "position", "font-size", "clip", "clip-path", "overflow"))
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class ComputedStyle:
    """The style that an element inherits."""

    colour: Colour | None = (0, 0, 0)  # None: not known
    background: Colour | None = (255, 255, 255)  # None: a picture, or not known
    size: float = 16.0  # of letters, in pixels
    is_visible: bool = True
    is_pre: bool = False  # its spaces and line breaks count


def sheet_styles(tree: Any) -> dict[Any, dict[str, str]]:
    """Return the declarations of the page's own style sheets, by element."""
    found: dict[Any, dict[str, tuple[tuple[int, ...], str]]] = {}
    translator = cssselect.HTMLTranslator()
    rules = [*enumerate(rule for node in tree.iter("style") for rule in _rules(node.text or ""))]
    rules.sort(key=lambda rule: not _HIDES & rule[1][1].keys())
    most = min(RULES_LIMIT, max(100, WORK_LIMIT // (1 + sum(1 for _ in tree.iter()))))
    for order, (selectors, values) in rules[:most]:
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
                    known = found.setdefault(element, {})
                    if name not in known or known[name][0] <= rank:
                        known[name] = (rank, text)
    return {element: {name: text for name, (_, text) in known.items()} for element, known in found.items()}


def _rules(css: str) -> list[tuple[str, dict[str, tuple[bool, str]]]]:
    """Return the rules that hold on a screen: their selectors, and what matters of their values."""
    found = []
    for rule in tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True):
        if rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports", "layer") and rule.content:
            about = tinycss2.serialize(rule.prelude).lower()
            if not re.search(r"print|max-|speech|prefers|not ", about):  # a wide screen, as most are read
                found += _rules(tinycss2.serialize(rule.content))
        elif rule.type == "qualified-rule" and (values := _values(rule.content)):
            found.append((tinycss2.serialize(rule.prelude).strip(), values))
    return found


def _values(css: Any) -> dict[str, tuple[bool, str]]:
    parsed = tinycss2.parse_blocks_contents(css, skip_comments=True, skip_whitespace=True)
    return {
        one.lower_name: (one.important, tinycss2.serialize(one.value).strip().lower())
        for one in parsed
        if one.type == "declaration" and one.lower_name in _MATTERS
    }


def compute_style(element: Any, around: ComputedStyle, sheet: dict[str, str]) -> tuple[ComputedStyle, bool]:
    """Return the style of an element, and whether it is hidden with all its content."""
    style = dict(sheet)
    if inline := element.get("style"):
        style |= {name: text for name, (_, text) in _values(inline[:10_000]).items()}
    if element.get("hidden") is not None or (element.get("aria-hidden") or "").lower() == "true":
        return around, True
    look = around
    background = style.get("background-color") or style.get("background") or element.get("bgcolor") or ""
    if "url(" in background or "gradient(" in background or style.get("background-image", "none") != "none":
        look = replace(look, background=None)
    elif background and (seen := colour_of(background, around.colour)) is not None:
        look = replace(look, background=seen)
    written = style.get("color") or element.get(_COLOUR_OF.get(element.tag, "-"))
    if written:
        is_clear = written == "transparent" or re.search(r"[,/]\s*(0|0?\.0\d*|0%)\s*\)$", written)
        look = replace(look, colour=look.background if is_clear else colour_of(written, around.colour))
    if "font-size" in style:
        look = replace(look, size=_size(style["font-size"], around.size))
    if "visibility" in style:
        look = replace(look, is_visible=style["visibility"] not in ("hidden", "collapse"))
    return look, _is_gone(style)


def is_readable(look: ComputedStyle) -> bool:
    """Return whether text of this style is visible."""
    if not look.is_visible or look.size < 2:
        return False
    if look.colour is None or look.background is None:
        return True
    return max(abs(a - b) for a, b in zip(look.colour, look.background, strict=True)) > 8


def _size(written: str, around: float) -> float:
    found = _NUMBER.match(written)
    if found is None:
        return around or 16.0  # a word such as "small"
    number, unit = float(found[1]), found[2].lower()
    return number * {"em": around, "%": around / 100, "rem": 16.0, "pt": 4 / 3, "vw": 10.0, "vh": 8.0}.get(unit, 1.0)


def _pixels(written: str | None) -> float | None:
    found = _NUMBER.match(written or "")
    return _size(written or "", 16.0) if found else None


def _is_gone(style: dict[str, str]) -> bool:
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
    if any(one is not None and one <= _FAR for one in moved):
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
        one is not None and one <= 1 for one in sizes
    )


def _shifted(transform: str) -> bool:
    found = re.findall(r"translate(?:x|y|3d)?\(([^)]*)\)", transform)
    return any((one := _pixels(part.strip())) is not None and one <= _FAR for part in ",".join(found).split(","))
