"""Shared: data that lies next to the repository and is only read: questions with answers, hostile texts."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "shared"


def path(name: str) -> Path:
    """Return where a file of the data lies; skip the test where there is none."""
    found = FOLDER / name
    if not found.exists():
        pytest.skip(f"there is no {name} next to the repository")
    return found


def has(*names: str) -> bool:
    """Tell whether all of the data is there; say what is missing, for a measurement that has to go without."""
    missing = [name for name in names if not (FOLDER / name).exists()]
    if missing:
        print(f"Not measured: {', '.join(missing)} is missing in {FOLDER}, the folder of data next to the repository.")
    return not missing


def rows(name: str) -> Iterator[dict[str, Any]]:
    """Return the objects of a file that holds one a line."""
    with path(name).open() as lines:
        yield from (json.loads(line) for line in lines)


@cache
def asked(language: str, count: int) -> list[tuple[str, str]]:
    """Return questions in a language, evenly taken from all, each with the id of the article that answers it."""
    articles = dict(line.split("\t")[:2] for line in path("eval/spans.tsv").read_text().splitlines()[1:])
    known = [(q["text"], articles[q["_id"]]) for q in rows("eval/queries.jsonl") if q["lang"] == language]
    return known[:: max(1, len(known) // count)][:count]
