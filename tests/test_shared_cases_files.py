"""Shared cases of files: each of the small inputs that people reported is read rightly, or told in words."""

import subprocess
import sys
from typing import Any

import pytest

from platform_app.errors import Invalid
from platform_app.models.knowledge import SourceState
from platform_app.models.person import Identity
from platform_app.rag import parsing
from platform_app.rag.chunking import Piece
from platform_app.rag.retrieval import retrieve
from tests import shared
from tests.knowledge.test_knowledge import source, upload
from tests.talking import run_jobs

FOLDER = "cases"
READ = ("parse", "parse_joined", "parse_or_say", "parse_says_pages", "chunk_head")
WHAT_IS_THERE = [*shared.rows(f"{FOLDER}/cases.jsonl")] if (shared.FOLDER / FOLDER).exists() else []


def cases(*checks: str) -> list[Any]:
    """Return the cases of these checks; one that is skipped where there are none beside the repository."""
    found = [pytest.param(case, id=case["id"]) for case in WHAT_IS_THERE if case["check"] in checks]
    return found or [pytest.param(None, marks=pytest.mark.skip(reason=f"there is no {FOLDER} next to the repository"))]


def pieces(case: dict[str, Any]) -> tuple[list[Piece], list[str]]:
    """Return the pieces of a case's file, and what is said of it."""
    with parsing.reading(shared.path(f"{FOLDER}/{case['file']}"), case["file"]) as found:
        said = [str(one["sentence"]).format(**one["values"]) for one in found.remarks]
        return list(found.pieces), said


@pytest.mark.parametrize("case", cases(*READ))
def test_a_file_is_read_or_told(env: object, case: dict[str, Any]) -> None:
    try:
        found, said = pieces(case)
    except Invalid as error:
        assert case["check"] == "parse_or_say" and "n’t be read" in error.sentence
        return
    text = " ".join(f"{piece.heading}\n{piece.text}" for piece in found)
    joined = " ".join(text.split())
    assert [
        one for one in case.get("has", []) if one not in (joined if case["check"] == "parse_joined" else text)
    ] == []
    assert [one for one in case.get("hasnt", []) if one in text] == []
    assert [one for one in case.get("once", []) if text.count(one) != 1] == []
    assert all(any(str(page) in one for one in said) for page in case.get("pages", []))
    for piece in (one for one in found if case.get("row") and case["row"] in one.text):
        assert all(name in piece.text for name in case["head"])


@pytest.mark.parametrize("case", cases("replaced"))
async def test_a_replaced_document_answers_no_more(who: Identity, live_chroma: str, case: dict[str, Any]) -> None:
    for text in (case["old"], case["new"]):
        await upload(who, "document.md", text.encode())
        run_jobs(who)
    texts = [passage.text for passage in retrieve(who.tenant_id, case["ask"]).considered]
    assert texts and not [text for text in texts if case["wrong"] in text]


@pytest.mark.parametrize("case", cases("gen"))
async def test_equal_chunks_are_taken(who: Identity, live_chroma: str, case: dict[str, Any]) -> None:
    script = shared.path(f"{FOLDER}/{case['file']}")
    data = subprocess.run([sys.executable, str(script)], capture_output=True, check=True).stdout
    made = await upload(who, "calls.txt", data)
    run_jobs(who)
    assert source(who, made).state == SourceState.READY and source(who, made).chunk_count > 300
