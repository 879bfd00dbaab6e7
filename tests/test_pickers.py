"""Pickers: dates and times are typed in the console's own fields, never in those of the browser."""

import ast
import re
from collections.abc import Iterator

from tests.test_house_rules import PRODUCT, ROOT, Source, broken


def browser_pickers(source: Source) -> Iterator[str]:
    """Dates and times are typed in the console's own fields, which show them in its format."""
    for node in source.calls:
        for keyword in node.keywords:
            if keyword.arg == "type" and ast.unparse(keyword.value).strip("'") in ("time", "date", "datetime-local"):
                yield f"line {node.lineno}: use date_input or time_input"


def test_dates_and_times_have_own_fields() -> None:
    assert broken(browser_pickers, PRODUCT) == []
    native = re.compile(r"type=[\"'](time|date|datetime-local)[\"']")
    assert [path.name for path in (ROOT / "assets").glob("*.js*") if native.search(path.read_text())] == []
    assert list(browser_pickers(Source("platform_app/a.py", 'rx.el.input(type="time")')))
