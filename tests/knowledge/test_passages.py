"""Passages: neighbours of a source reach the model as one, doubles once, and what is cited is still the right place."""

from collections.abc import Iterator

import pytest

from platform_app.llm import prompt_trimming, prompts
from platform_app.models.agent import AgentSettings
from platform_app.models.person import Identity
from platform_app.rag import passages
from platform_app.rag.chunking import cut
from platform_app.rag.passages import Passage
from platform_app.rag.retrieval import retrieve
from platform_app.services.knowledge import sources
from platform_app.state.chat.chat_view import source_chips
from tests.fake_provider import FakeProvider, says, serving
from tests.talking import add_source, answered, begin, call, trace

PRICE, TIME = "A full tune-up costs 40 euros.", "A full tune-up takes one day, a small one two hours."
STEPS = (PRICE, TIME, "The full tune-up includes the brakes.", "Gift cards are valid for a year.")


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env)


def passage(rank: int, text: str, *, source: str = "a", place: int = 0, heading: str = "") -> Passage:
    return Passage(f"{source}{place}", source, source, heading, text, 0, 0, 0, rank, used=False, place=place)


def joined(*found: Passage) -> list[tuple[int, str, str, list[str]]]:
    whole = passages.join_neighbours(found)
    return [(one.number, one.heading, one.text, one.joined) for one in whole]


def test_neighbours_are_one_passage_in_their_order() -> None:
    first, second, other = passage(2, "One.", place=4), passage(1, "Two.", place=5), passage(3, "Far.", place=9)
    assert joined(second, first, other) == [(1, "", "One.\nTwo.", ["a4", "a5"]), (2, "", "Far.", [])]
    assert [(one.used, one.number) for one in (first, second, other)] == [(True, 1), (True, 1), (True, 2)]
    (whole, _) = passages.join_neighbours([second, first, other])
    assert (whole.chunk_id, whole.rank) == ("a5", 1), "scores and rank are those of the best"


def test_other_sources_and_long_runs_stay_apart() -> None:
    assert len(joined(passage(1, "A", place=0), passage(2, "B", source="b", place=1))) == 2
    run = [passage(rank, f"Part {rank}.", place=rank) for rank in range(1, 7)]
    assert [len(ids) for *_, ids in joined(*run)] == [4, 2]


def test_what_neighbours_repeat_is_given_once() -> None:
    shared = "this sentence stands at the end of one and the beginning of the next."
    ((_, _, text, _),) = joined(passage(1, f"First, {shared}", place=0), passage(2, f"{shared} Last.", place=1))
    assert text == f"First, {shared} Last."
    head = "| Service | Price |\n|---|---|\n"
    ((_, _, table, _),) = joined(passage(1, f"{head}| A | 1 |", place=0), passage(2, f"{head}| B | 2 |", place=1))
    assert table == f"{head}| A | 1 |\n| B | 2 |"


def test_headings_are_kept_once() -> None:
    under = [
        passage(1, "It is 40.", place=0, heading="Shop › Prices"),
        passage(2, "Or 50.", place=1, heading="Shop › Prices"),
    ]
    assert joined(*under)[0][1:3] == ("Shop › Prices", "It is 40.\nOr 50.")
    apart = [
        passage(1, "It is 40.", place=0, heading="Shop › Prices"),
        passage(2, "At ten.", place=1, heading="Shop › Hours"),
    ]
    assert joined(*apart)[0][1:3] == ("Shop", "Prices\nIt is 40.\nHours\nAt ten.")


def test_pieces_of_a_text_are_joined_to_that_text() -> None:
    lines = [f"Sentence {number} says something of its own about the bicycle." for number in range(60)]
    text = "\n\n".join([" ".join(lines[:25]), " ".join(lines[25:])])
    pieces = cut(text)
    found = [passage(place + 1, piece.text, place=place) for place, piece in enumerate(pieces[:4])]
    ((_, _, whole, _),) = joined(*found)
    for number in range(20):
        assert whole.count(f"Sentence {number} ") == 1


def test_doubles_are_marked_and_make_room() -> None:
    found = [
        passage(1, "A b  c."),
        passage(2, "a B c.", source="b"),
        passage(3, "b c", source="c"),
        passage(4, "D", source="d"),
    ]
    assert [one.rank for one in passages.mark_doubles(found)] == [1, 4]
    assert [one.is_double for one in found] == [False, True, True, False]


def test_equal_texts_of_two_sources_reach_the_model_once(who: Identity) -> None:
    for title in ("A.md", "B.md"):
        add_source(who, title, PRICE)
    add_source(who, "C.md", *STEPS[1:])
    result = retrieve(who.tenant_id, "How much is a full tune-up?")
    assert sum(PRICE in one.text for one in result.passages) == 1
    doubles = [one for one in result.considered if one.is_double]
    assert len(doubles) == 1 and not doubles[0].used and doubles[0].number == 0


async def test_what_is_cited_opens_all_its_chunks(provider: FakeProvider, who: Identity, other: Identity) -> None:
    add_source(who, "Service.md", *STEPS)
    provider.will(says("It takes one day [1]."))
    reply = await answered(who, begin(who, knowledge="all"), "How long does a full tune-up take?")
    prompt = str(provider.last.prompt)
    assert f"{PRICE}\n{TIME}" in prompt and "[2]" not in prompt.partition("<rules>")[0]
    (source,), (chip,) = reply.sources, source_chips(reply)
    assert TIME in source["text"] and chip.chunk_ids == " ".join(source["joined"])
    _, chunks = call(who, sources.get_passage, *chip.chunk_ids.split())
    assert [chunk.text for chunk in chunks][:3] == list(STEPS[:3])
    considered = trace(who, reply).data["passages"]
    assert {one["number"] for one in considered if one["cited"]} == {1}
    assert [one["cited"] for one in considered] == [one["used"] for one in considered]


def test_a_passage_that_is_too_long_alone_is_cut() -> None:
    context = prompts.PromptContext(
        AgentSettings(name="Vera"), question="How much?", passages=[(1, "A", "", "word " * 4_000)]
    )
    bare = prompt_trimming.prompt_size(
        prompts.build_messages(prompts.PromptContext(context.settings, question="How much?"))
    )
    trimmed = prompt_trimming.trim_to_budget(context, bare + 1_000)
    ((number, _, _, text),) = trimmed.passages
    assert number == 1 and 1_000 < len(text) < 4_000 and text.endswith("word")
