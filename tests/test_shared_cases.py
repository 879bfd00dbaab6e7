"""Shared cases: small tables and bodies from a folder beside the repository, each with its right value."""

import json
from pathlib import Path
from typing import Any

import pytest

from platform_app.errors import Invalid
from platform_app.models.crm import FieldKind, Holder
from platform_app.models.person import Identity
from platform_app.services import bodies, contacts, fields, imports
from tests.talking import call
from tests.test_imports import run, upload

FOLDER = Path(__file__).parents[2] / "shared" / "cases"


def cases(*checks: str) -> list[Any]:
    """Return the cases of some checks, by id; none where the folder is absent."""
    if not FOLDER.is_dir():
        return []
    lines = (FOLDER / "cases.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines if line.strip()]
    return [pytest.param(one, id=one["id"]) for one in found if one["check"] in checks]


@pytest.mark.parametrize("case", cases("import"))
def test_tables_of_people(case: dict[str, Any], who: Identity) -> None:
    for name, kind in case.get("own", {}).items():
        call(who, fields.create, Holder.CONTACT, name=name, kind=FieldKind(kind))
    try:
        import_id = upload(who, (FOLDER / case["file"]).read_bytes())
    except Invalid:
        assert "names_or_refused" in case
        return
    row = call(who, imports.get, import_id)
    columns = {head: row.mapping.get(str(place), "") for place, head in enumerate(row.columns)}
    assert {head: columns[head] for head in case.get("guess", {})} == case.get("guess", {})
    assert row.columns == case.get("columns", row.columns)
    call(who, imports.begin, import_id, case.get("mapping", row.mapping))
    done = run(who, import_id)
    found, total = call(who, contacts.find, page_size=100)
    assert total == case.get("contacts", total)
    names = {one.name for one in found}
    assert names >= set(case.get("names", ()))
    assert len(names & set(case.get("names_or_refused", ()))) + done.refused >= len(case.get("names_or_refused", ()))
    digits = ["".join(filter(str.isdigit, phone)) for one in found for phone in one.phones]
    assert digits == case.get("digits", digits)


@pytest.mark.parametrize("case", cases("hook"))
def test_bodies_of_webhooks(case: dict[str, Any]) -> None:
    body = (FOLDER / case["file"]).read_bytes()
    assert bodies.payload_of(body, case["ct"])["name"] == case["name"]
