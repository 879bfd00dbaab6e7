"""Figures: the prices, percentages, dates, times, phone numbers and quantities of a text, and which of them are known.

Numbers are compared by what they mean: 1 500 ₽ and "1500 RUB", 24.11 and "Nov 24", 10:00 and "10 am", 2 hours and 120
minutes. Numbers of lists, sources, orders, versions, products and addresses state nothing and are left out.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from platform_app.text import figure_context, number_words
from platform_app.text.phone_digits import digit_windows, match_phone, significant_digits
from platform_app.text.units import (
    ATTACHED_SCALES,
    CLOCK,
    EVENING,
    MONTH,
    MORNING,
    SCALES,
    Unit,
    month_number,
    units_of,
)

MAX_FOUND = 20  # figures that are returned
MAX_SHOWN = 60  # characters of one
LEAST = 10  # smaller whole numbers count with a unit alone
_HALVES = (MORNING, EVENING)
_NUMBER = re.compile(
    r"(?<!\w)(?:"
    r"(?P<iso>\d{4}-\d{2}-\d{2}(?!\d))"
    r"|(?P<date>\d{1,2}(?P<sep>[./-])\d{1,2}(?P=sep)(?:\d{4}|\d{2})(?!\d|[./-]\d))"
    r"|(?P<clock>\d{1,2}[:h]\d{2}(?!\d)|\d{1,2}-00(?!\d))"
    r"|(?P<slash>\d{1,2}/\d{1,2}(?![\d/]))"
    r"|(?P<grouped>\d{1,3}(?:[ '’.,]\d{3}){1,6}(?:[.,]\d{1,2})?(?![.,]?\d))"
    r"|(?P<version>\d+(?:\.\d+){2,})"
    r"|(?P<plain>\d+(?:[.,]\d+)?))"
)
_WORD = re.compile(
    r"(?P<gap> {0,2}-? ?)"
    r"(?P<word>[ap]\.? ?m\b\.?|км/ч|km/h|° ?[CFС]?|[%‰€$₽£¥₸₴₺₹″]|o['’]clock|кв\. ?м|(?:м|m)[23]\b|[^\W\d_]{1,20}\.?)",
    re.IGNORECASE,
)
_DAY_OF_MONTH = re.compile(
    r"(?:[ -]?(?:го|ое|е|st|nd|rd|th|º|ª)(?![^\W\d_]))?\.? {0,2}(?:of |de |d')?(?P<month>[^\W\d_]{3,12})\b"
    r"(?:\.?,? ?(?:de |of )?(?P<year>\d{4})(?!\d))?",
    re.IGNORECASE,
)
_YEAR_AFTER = re.compile(r"(?:st|nd|rd|th)?,? (?P<year>\d{4})(?!\d)", re.IGNORECASE)
_JOINT = re.compile(r" ?(?:[-–—×/]|до|по|и|или|to|and|or|till|until|bis|und|oder|a|al|y|o|à) ?", re.IGNORECASE)
_ALWAYS = re.compile(r"круглосуточн|around the clock|24 hours|24 часа в сутки|las 24 horas", re.IGNORECASE)


@dataclass
class _Number:
    """A number of a text. `needs` are the meanings of which one has to be known, `tells` those that it makes known."""

    start: int
    end: int
    values: tuple[float, ...] = ()
    units: tuple[Unit, ...] = ()
    needs: set[str] = field(default_factory=set)
    tells: set[str] = field(default_factory=set)
    states: bool = False  # it is a figure
    is_label: bool = False  # of a list, an order, a product, an address
    shown_from: int = 0
    shown_to: int = 0

    def add(self, *meanings: str) -> None:
        """Add meanings that are needed and told alike."""
        self.needs.update(meanings)
        self.tells.update(meanings)


def unsupported_figures(text: str, known: Iterable[str]) -> list[str]:
    """Return the figures of a text that stand in none of the known texts, as they are written, at most MAX_FOUND.

    The time is linear in the length of all texts.
    """
    plain = _plain(figure_context.without_references(text))
    numbers = [number for number in _numbers(plain) if number.states]
    if not numbers:
        return []
    told: set[str] = set()
    for known_text in known:
        told |= _told(known_text)
    missing = (plain[number.shown_from : number.shown_to] for number in numbers if not number.needs & told)
    shown = (" ".join(figure.split())[:MAX_SHOWN].strip(" .,;:") for figure in missing)
    return list(dict.fromkeys(shown))[:MAX_FOUND]


def _told(text: str) -> set[str]:
    """Return what the numbers of a text make known; numbers in words count as well."""
    plain = number_words.with_digits(_plain(figure_context.without_list_numbers(text)))
    told = {f"phone:{digits}" for digits in digit_windows(plain)}
    if _ALWAYS.search(plain):
        told.add("slash:24/7")
    for number in _numbers(plain):
        told |= number.tells
    return told


def _plain(text: str) -> str:
    """Return a text in which digits, spaces and signs have one form each."""
    text = unicodedata.normalize("NFKC", text)
    text = re.sub(r"(?![0-9])\d", lambda match: str(unicodedata.digit(match[0])), text)
    text = re.sub(r"(?<=\d)[xхXХ*](?=\d)", "×", text)
    return re.sub(r"\b(USD|EUR|RUB|GBP|KZT|AED|Rs)(?=\d)", r"\1 ", text)


def _numbers(text: str) -> list[_Number]:
    """Return the numbers of a text in their order, with their meanings."""
    numbers, position = list[_Number](), 0
    while match := _NUMBER.search(text, position):
        number = _read_phone(text, match.start()) or _read(text, match)
        numbers.append(number)
        position = max(number.end, match.start() + 1)
    for earlier, later in zip(reversed(numbers[:-1]), reversed(numbers[1:]), strict=True):
        _share_unit(text, earlier, later)
    for earlier, later in zip(numbers, numbers[1:], strict=False):
        _share_unit(text, later, earlier)
        is_span = not earlier.units and not later.units and later.states and not earlier.is_label
        if is_span and figure_context.is_span(text, earlier.start, earlier.end, later.start):
            earlier.states = True
    for number in numbers:
        _add_meanings(number)
    return numbers


def _read_phone(text: str, start: int) -> _Number | None:
    span = match_phone(text, start)
    if span is None:
        return None
    number = _Number(*span, shown_from=span[0], shown_to=span[1], states=True)
    digits = significant_digits(text[span[0] : span[1]])
    number.add(f"phone:{digits}")
    if text[span[0] : span[1]].isdigit():
        number.add(f"n:{float(digits):.10g}")
        number.states = not figure_context.is_label(text, *span)
    return number


def _read(text: str, match: re.Match[str]) -> _Number:
    number = _Number(match.start(), match.end(), shown_from=match.start(), shown_to=match.end())
    token = match[0]
    if match["iso"] or match["date"]:
        parts = [int(part) for part in re.split(r"[./-]", token)]
        for day, month, year in ((parts[2], parts[1], parts[0]),) if match["iso"] else _orders(*parts):
            _add_date(number, day, month, year)
        number.states = bool(number.needs)
    elif match["clock"]:
        _read_clock(text, number, *map(int, re.split(r"[:h-]", token)))
    elif match["slash"]:
        first, second = map(int, token.split("/"))
        number.add(f"slash:{token}")
        for day, month, _ in _orders(first, second, 0):
            _add_date(number, day, month, 0)
        number.is_label = figure_context.is_label(text, number.start, number.end)
        number.states = max(first, second) >= LEAST and first != second and not number.is_label
    elif match["version"]:
        number.is_label = True
    else:
        _read_quantity(text, number, is_grouped=bool(match["grouped"]))
    return number


def _orders(day: int, month: int, year: int) -> Iterator[tuple[int, int, int]]:
    """Yield the dates that three numbers may mean, day before month and month before day."""
    year += 2000 if 0 < year < 100 else 0
    yield day, month, year
    yield month, day, year


def _add_date(number: _Number, day: int, month: int, year: int) -> None:
    """Add a date, `year` 0 for none. A date with a year is known by the same date without one, too."""
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return
    number.tells |= {f"day:{month}-{day}", f"any:{day}"}
    if year:
        number.needs |= {f"date:{year}-{month}-{day}", f"yearless:{month}-{day}"}
        number.tells |= {f"date:{year}-{month}-{day}", f"n:{year}"}
    else:
        number.needs.add(f"day:{month}-{day}")
        number.tells.add(f"yearless:{month}-{day}")


def _read_clock(text: str, number: _Number, hour: int, minute: int) -> None:
    """Read 10:00, with what stands behind it: 10:30 pm."""
    number.states = hour <= 24 and minute < 60
    if not number.states:
        return
    number.units = (Unit(CLOCK),)
    half = _half_of_day(text, number.end)
    if half is not None:
        number.shown_to = half.end()
        number.units = _units(half)
    for unit in number.units:
        number.add(*_times(unit, hour, minute))
    if not minute:
        number.needs |= {f"n:{hour}"}
        number.tells.add(f"any:{hour}")


def _times(unit: Unit, hour: float, minute: int = 0) -> list[str]:
    """Return the time of day that an hour means, in minutes, or nothing."""
    if not 0 <= hour <= 24:
        return []
    if unit.kind == EVENING and hour < 12:
        hour += 12
    if unit.kind == MORNING and hour == 12:
        hour = 0
    return [f"time:{hour % 24 * 60 + minute:g}"]


def _half_of_day(text: str, position: int) -> "re.Match[str] | None":
    """Return the word for the half of the day at a position: am, pm, утра, вечера, дня, ночи."""
    word = _WORD.match(text, position)
    return word if word is not None and any(unit.kind in _HALVES for unit in _units(word)) else None


def _units(word: "re.Match[str]") -> tuple[Unit, ...]:
    """Return what a match of _WORD may make of the number before it."""
    gap = word["gap"]
    if gap.startswith(" -") or gap.endswith("- "):  # a dash, not a hyphen
        return ()
    return units_of(word["word"].replace(" ", ""), is_attached=not gap, is_hyphenated=gap == "-")


def _read_quantity(text: str, number: _Number, *, is_grouped: bool) -> None:
    token = text[number.start : number.end]
    number.values = _values(token, is_grouped)
    if is_grouped and " " in token and figure_context.follows_name(text, number.start):
        number.values += (float(token.rpartition(" ")[2].replace(",", ".")),)
    if _read_day(text, number, token):
        return
    _read_unit(text, number)
    number.is_label = not number.units and figure_context.is_label(text, number.start, number.end)
    is_large = number.values[0] >= LEAST or not token.isdigit()
    number.states = bool(number.units) or (is_large and not number.is_label)
    if number.units:
        return
    if re.fullmatch(r"\d{1,2}[.]\d{2}", token):
        _add_dotted(number, *map(int, token.split(".")))
    elif token.isdigit() and number.values[0] <= 24 and figure_context.follows_preposition(text, number.start):
        number.add(*_times(Unit(CLOCK), number.values[0]))  # open from 9 to 18
        number.needs.update(_times(Unit(EVENING), number.values[0]))


def _add_dotted(number: _Number, first: int, second: int) -> None:
    """Add what 24.11 and 10.30 may mean beside a number: a date and a time."""
    _add_date(number, first, second, 0)
    if second < 60:
        number.add(*_times(Unit(CLOCK), first, second))


def _values(token: str, is_grouped: bool) -> tuple[float, ...]:
    """Return what the digits may mean: 1,500 is 1500 or 1.5."""
    if not is_grouped:
        return (float(token.replace(",", ".")),)
    parts = re.split(r"[ '’.,]", token)
    if len(parts[-1]) != 3:
        return (float("".join(parts[:-1]) + "." + parts[-1]),)
    whole = float("".join(parts))
    is_fraction = len(parts) == 2 and token[len(parts[0])] in ".,"
    return (whole, float(f"{parts[0]}.{parts[1]}")) if is_fraction else (whole,)


def _read_day(text: str, number: _Number, token: str) -> bool:
    """Read a day with the name of its month before or behind it; return whether there is one."""
    if not token.isdigit() or not 1 <= int(token[:3]) <= 31 or len(token) > 2:
        return False
    after = _DAY_OF_MONTH.match(text, number.end)
    if after is not None and (month := month_number(after["month"])):
        number.shown_to, year = after.end(), int(after["year"] or 0)
    else:
        before = figure_context.word_before(text, number.start)
        month = month_number(before[0]) if before is not None else 0
        if before is None or not month:
            return False
        number.shown_from = before.start()
        after = _YEAR_AFTER.match(text, number.end)
        number.shown_to, year = (after.end(), int(after["year"])) if after is not None else (number.end, 0)
    number.units, number.states = (Unit(MONTH, month),), True
    number.end, number.values = number.shown_to, ()
    _add_date(number, int(token), month, year)
    return True


def _read_unit(text: str, number: _Number) -> None:
    """Read the unit before or behind a number, and a scale such as "тыс." between them."""
    sign = figure_context.currency_before(text, number.start)
    if sign is not None:
        number.units, number.shown_from = units_of(sign[1]), sign.start(1)
    word = _WORD.match(text, number.end)
    if word is not None:
        scale = SCALES.get(word["word"].casefold().rstrip("."), 0.0)
        if not scale and not word["gap"]:
            scale = ATTACHED_SCALES.get(word["word"].casefold(), 0.0)
        if scale:
            number.values = tuple(value * scale for value in number.values)
            number.shown_to = word.end()
            word = _WORD.match(text, word.end())
    if word is None or number.units:
        return
    units = _units(word)
    half = _half_of_day(text, word.end()) if any(unit.kind == CLOCK for unit in units) else None
    if half is not None:
        word, units = half, _units(half)
    elif any(unit.kind == "duration" for unit in units):
        is_time = figure_context.follows_preposition(text, number.start)  # "в 10 часов", not "за 10 часов"
        units = tuple(unit for unit in units if is_time or unit.kind not in (CLOCK, *_HALVES))
    is_year = 1900 <= number.values[0] <= 2100 and any(unit.kind in ("months", "mass") for unit in units)
    number.units = () if is_year else units
    number.shown_to = word.end() if units else number.shown_to


def _share_unit(text: str, number: _Number, other: _Number) -> None:
    """Give a number without a unit that of the number beside it, where both are joined: 3–5 days, $10–20."""
    if number.units or number.is_label or not number.values or not other.units:
        return
    first, second = sorted((number, other), key=lambda one: one.start)
    between = text[first.shown_to : second.shown_from]
    if len(between) > 8 or not _JOINT.fullmatch(between):
        return
    is_half = any(unit.kind in _HALVES for unit in other.units)
    number.units = (Unit(MORNING), Unit(EVENING)) if is_half else other.units
    number.states = True


def _add_meanings(number: _Number) -> None:
    """Add what a number means by its values and units."""
    for value in number.values:
        for unit in number.units:
            if unit.kind == MONTH:
                _add_date(number, int(min(value, 99)), int(unit.factor), 0)
            elif unit.kind in (CLOCK, *_HALVES):
                number.add(*_times(unit, value))
            else:
                number.add(f"{unit.kind}:{value * unit.factor:.10g}")
        if any(unit.kind == MONTH for unit in number.units):
            continue
        number.needs.add(f"n:{value:.10g}")
        number.tells.add(f"any:{value:.10g}")
        if not number.units:
            number.needs.add(f"any:{value:.10g}")
            number.tells.add(f"n:{value:.10g}")
