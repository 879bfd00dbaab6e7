"""Number words: numbers written in words, in Russian and English, as digits."""

import re

_ONES = {
    1: "один одна одно одного одной одну one",
    2: "два две двух двум two",
    3: "три трёх трех трём three",
    4: "четыре четырёх четырех four",
    5: "пять пяти five",
    6: "шесть шести six",
    7: "семь семи seven",
    8: "восемь восьми eight",
    9: "девять девяти nine",
}
_TEENS = {
    10: "десять десяти ten",
    11: "одиннадцать одиннадцати eleven",
    12: "двенадцать двенадцати twelve",
    13: "тринадцать тринадцати thirteen",
    14: "четырнадцать четырнадцати fourteen",
    15: "пятнадцать пятнадцати fifteen",
    16: "шестнадцать шестнадцати sixteen",
    17: "семнадцать семнадцати seventeen",
    18: "восемнадцать восемнадцати eighteen",
    19: "девятнадцать девятнадцати nineteen",
}
_TENS = {
    20: "двадцать двадцати twenty",
    30: "тридцать тридцати thirty",
    40: "сорок сорока forty",
    50: "пятьдесят пятидесяти fifty",
    60: "шестьдесят шестидесяти sixty",
    70: "семьдесят семидесяти seventy",
    80: "восемьдесят восьмидесяти eighty",
    90: "девяносто девяноста ninety",
    100: "сто ста hundred",
}
_VALUES = {word: value for words in (_ONES, _TEENS, _TENS) for value, line in words.items() for word in line.split()}
_SMALL = "|".join(word for line in _ONES.values() for word in line.split())
_ANY = "|".join(sorted(_VALUES, key=len, reverse=True))
_WORDS = re.compile(rf"\b(?P<first>{_ANY})\b(?:[ -](?P<then>{_SMALL})\b)?", re.IGNORECASE)


def with_digits(text: str) -> str:
    """Return a text with its numbers up to a hundred as digits: "twenty-five days" is "25 days"."""
    return _WORDS.sub(_digits, text)


def _digits(match: re.Match[str]) -> str:
    first, then = _VALUES[match["first"].casefold()], match["then"]
    if then is None:
        return str(first)
    following = _VALUES[then.casefold()]
    return str(first + following) if 20 <= first < 100 else f"{first}{match[0][len(match['first'])]}{following}"
