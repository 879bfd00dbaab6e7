"""Ignored type errors: few, each with its code and a reason."""

import re
from collections.abc import Iterator

import pytest

from tests.test_house_rules import PRODUCT, Source, broken

IGNORE = re.compile(r"# type: " + r"ignore(\[[a-z-]+(?:, ?[a-z-]+)*\])?(.*)")
MAX_IGNORES = 60  # in the whole product


def ignores(source: Source) -> Iterator[str]:
    """Yield each ignored type error that lacks its code, or a reason behind it or on the line above."""
    lines = source.text.splitlines()
    for number, line in enumerate(lines):
        if not (found := IGNORE.search(line)):
            continue
        if not found[1]:
            yield f"line {number + 1}: a type error is ignored without its code"
        elif "#" not in found[2] and not lines[max(number - 1, 0)].lstrip().startswith("#"):
            yield f"line {number + 1}: a type error is ignored without a reason"


def test_ignored_type_errors_are_few_and_have_reasons() -> None:
    assert broken(ignores, PRODUCT) == []
    assert sum(len(IGNORE.findall(source.text)) for source in PRODUCT) < MAX_IGNORES


@pytest.mark.parametrize("text", ["a = b  # type: " + "ignore", "a = b  # type: " + "ignore[arg-type]"])
def test_the_rule_names_the_line_that_breaks_it(text: str) -> None:
    assert len(broken(ignores, [Source("one.py", text)])) == 1
