"""Shared cases: small tables and bodies from a folder beside the repository, each with its right value."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from platform_app.automation.values import parse_number
from platform_app.errors import Invalid
from platform_app.llm.language_detection import detect_in_conversation
from platform_app.llm.reply_text import normalize_citations, strip_markdown
from platform_app.models.crm import FieldKind, Holder
from platform_app.models.person import Identity
from platform_app.rag import vector_index
from platform_app.services.crm import contacts, custom_field_definitions, imports
from platform_app.services.webhooks import delivery_bodies
from tests.crm.test_imports import run, upload
from tests.fake_provider import FakeProvider, Step, chunk, plays, refuses, says, serving
from tests.llm.test_shop_questions import found, index_library
from tests.provider_shapes import END, OVERFLOWS, WELL, answers, error
from tests.shop_questions import QUESTIONS
from tests.talking import answered, begin, call, row, say

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
        call(who, custom_field_definitions.create, Holder.CONTACT, name=name, kind=FieldKind(kind))
    try:
        import_id = upload(who, (FOLDER / case["file"]).read_bytes())
    except Invalid:
        assert "names_or_refused" in case
        return
    row = call(who, imports.get, import_id)
    columns = {head: row.mapping.get(str(place), "") for place, head in enumerate(row.columns)}
    assert {head: columns[head] for head in case.get("guess", {})} == case.get("guess", {})
    assert row.columns == case.get("columns", row.columns)
    call(who, imports.start, import_id, case.get("mapping", row.mapping))
    done = run(who, import_id)
    found, total = call(who, contacts.list_contacts, page_size=100)
    assert total == case.get("contacts", total)
    names = {one.name for one in found}
    assert names >= set(case.get("names", ()))
    assert len(names & set(case.get("names_or_refused", ()))) + done.refused >= len(case.get("names_or_refused", ()))
    digits = ["".join(filter(str.isdigit, phone)) for one in found for phone in one.phones]
    assert digits == case.get("digits", digits)


@pytest.mark.parametrize("case", cases("plain", "number", "cited"))
def test_texts_of_models_and_numbers(case: dict[str, Any]) -> None:
    for written, right in case["pairs"]:
        if case["check"] == "number":
            assert str(parse_number(written)) in map(str, right)
        elif case["check"] == "plain":
            assert strip_markdown(written) == right
        else:
            assert normalize_citations(written, set(case["known"]))[0] == right


@pytest.mark.parametrize("case", cases("language"))
def test_the_language_of_a_reply(case: dict[str, Any]) -> None:
    assert detect_in_conversation(case["text"], [tuple(one) for one in case["history"]]) == case["want"]


@pytest.mark.parametrize("case", cases("retrieve", "followup"))
def test_questions_to_the_library(case: dict[str, Any], who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_index, "_silent_until", math.inf)
    index_library(who, case["lang"])
    if case["check"] == "followup":
        passages = found(who, case["then"], [("user", case["first"]), ("assistant", "…")]).passages
        assert case["title"] in {passage.source_title for passage in passages}
        return
    asked = [(case["wrap"].format(one.question), one.answer) for one in QUESTIONS[case["lang"]]]
    right = [any(answer in passage.text for passage in found(who, text, []).passages) for text, answer in asked]
    assert sum(right) >= case["least"]


PLAYS: dict[str, list[Step]] = {  # what a provider of a case does, by its name
    "think": [plays(chunk("<think>Internal price: 100.</think>Доставка стоит 300 рублей."), END, "[DONE]")],
    "no_stream_options": [refuses(400, error("Unknown parameter: stream_options")), says("Yes.")],
    "alternate": [refuses(400, error("Conversation roles must alternate user/assistant/user/assistant")), says("Yes.")],
    "context_openai": [refuses(400, OVERFLOWS["OpenAI"]), says("Yes.")],
    "html404": [answers(b"<!doctype html><title>404</title>", "text/html", 404)],
    "gzip": [WELL["gzip"]],
}


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env)


@pytest.mark.parametrize("case", cases("provider"))
async def test_providers(case: dict[str, Any], who: Identity, provider: FakeProvider) -> None:
    conversation = begin(who)
    if case["play"].startswith("context"):  # there is a history that can be left out
        provider.will(says("word " * 300))
        await answered(who, conversation, "How much is a tune-up? " * 40)
    if "burst" in case.get("script", ()):
        say(who, conversation, "Hello")
    provider.will(*PLAYS[case["play"]])
    stored = row(who, await answered(who, conversation))
    assert stored.state.value == case.get("state", stored.state.value)
    assert all(text in stored.text for text in case.get("has", ()))
    assert not any(text in stored.text for text in case.get("hasnt", ()))
    assert not any(text in stored.error for text in case.get("error_hasnt", ()))


@pytest.mark.parametrize("case", cases("hook"))
def test_bodies_of_webhooks(case: dict[str, Any]) -> None:
    body = (FOLDER / case["file"]).read_bytes()
    assert delivery_bodies.parse_body(body, case["ct"])["name"] == case["name"]
