"""Script use: a script that applies is an answer, and counts as used when the reply stands on it, and only then."""

from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.llm import offline_model, prompts
from platform_app.llm.prompts import PromptScript
from platform_app.llm.reply_markers import MarkerFilter
from platform_app.models.agent import AgentSettings
from platform_app.models.conversation import Message
from platform_app.models.person import Identity
from platform_app.services.scripts import scripts
from platform_app.services.scripts.script_selection import ScriptDecision
from platform_app.services.scripts.script_usage import mark_used
from platform_app.services.scripts.script_usage import repeats_text as says_it
from tests.fake_provider import FakeProvider, says, serving
from tests.obedient_provider import obeys
from tests.talking import ELSEWHERE, add_source, answered, begin, call, trace

ABROAD = "We send bicycles to Georgia and Armenia with the Caravan company, 90 euros each."
DEAR, DEAR_SAID = "That is too expensive\nI cannot afford it", "Hm, this is too expensive for me"
NOTHING = "Ask a colleague."


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env)


def written_by_offline(provider: FakeProvider) -> Any:
    """Return a step that answers as the offline model does."""

    async def play(answer: Any) -> None:
        await says(offline_model.generate(provider.last.body["messages"]))(answer)

    return play


def considered(who: Identity, reply: Message) -> list[tuple[bool, bool]]:
    """Return of each script whether it was given to the model, and whether the reply stands on it."""
    return [(one["applied"], one["used"]) for one in trace(who, reply).data["scripts"]]


def counts(who: Identity) -> list[int]:
    return [used.count for used in call(who, scripts.usage_by_script).values()]


@pytest.mark.parametrize("library", [(), ELSEWHERE], ids=["empty library", "library of other things"])
@pytest.mark.parametrize("model", ["obedient", "obedient without marks", "offline"])
async def test_a_script_for_what_is_said_is_the_answer(
    provider: FakeProvider, who: Identity, model: str, library: tuple[str, ...]
) -> None:
    if library:
        add_source(who, "Else.md", *library)
    call(
        who, scripts.create, title="Dear", kind="objection", examples=DEAR, text="{{ agent.name }} can split it in six."
    )
    opened = begin(who, knowledge="all", no_answer_text=NOTHING, no_answer_task=True)
    provider.will(
        written_by_offline(provider) if model == "offline" else obeys(provider, {}, marks=model == "obedient")
    )
    reply = await answered(who, opened, DEAR_SAID)
    assert "Vera can split it in six." in reply.text and NOTHING not in reply.text and "[S" not in reply.text
    assert considered(who, reply) == [(True, True)] and counts(who) == [1]
    reply = await answered(who, opened, "Where do zebras live?")
    assert reply.text == NOTHING
    assert considered(who, reply) == [(False, False)] and counts(who) == [1]


@pytest.mark.parametrize("model", ["obedient", "offline"])
async def test_a_script_for_every_message_answers_what_it_covers(
    provider: FakeProvider, who: Identity, model: str
) -> None:
    add_source(who, "Else.md", *ELSEWHERE)
    call(who, scripts.create, title="Abroad", text=ABROAD)
    opened = begin(who, knowledge="all", no_answer_text=NOTHING)
    asked, other = "Do you send bicycles to Georgia or Armenia?", "Until when is the shop open on Sundays?"
    knows = {asked: ABROAD, other: "on Sundays until six"}
    provider.will(written_by_offline(provider) if model == "offline" else obeys(provider, knows))
    reply = await answered(who, opened, asked)
    assert ABROAD in reply.text and considered(who, reply) == [(True, True)]
    reply = await answered(who, opened, other)
    assert "on Sundays until six" in reply.text
    assert considered(who, reply) == [(True, False)], "it was given to the model, and the reply does not stand on it"
    assert counts(who) == [1]


def test_no_order_stands_against_a_script() -> None:
    """The no-answer sentence is ordered without condition only where there is nothing at all to answer from."""
    own = AgentSettings(name="Vera", no_answer_text=NOTHING)
    for script, ordered in ((None, "It is answered so"), (False, "nor a script that fits"), (True, "")):
        facts = prompts.PromptContext(own, question="It costs too much?")
        if script is not None:
            facts.scripts = [PromptScript("objection", "Dear", "Split it.", by_message=script)]
        system = prompts.build_messages(facts)[0]["content"]
        assert ("say exactly: " in system) is bool(ordered) and ordered in system
        assert ("holds nothing on this message" in system) is (script is None)


SCRIPT = "Say that payment in three or six equal parts costs no interest. Bicycles of last year are cheaper."


@pytest.mark.parametrize(
    ("reply", "said", "stands"),
    [
        ("You can pay in three or six equal parts without any interest!", "too expensive", True),
        ("Last year's bicycles are cheaper, and payment in six equal parts costs no interest.", "", True),
        ("The shop is open from ten to eight.", "", False),
        ("Payment by card is possible.", "", False),
        ("Bicycles are fun.", "", False),
        ("Three or six equal parts, no interest.", "Three or six equal parts and no interest?", False),
        ("", "", False),
    ],
)
def test_a_reply_that_marks_nothing_is_known_by_its_words(reply: str, said: str, stands: bool) -> None:
    assert says_it(reply, SCRIPT, said) is stands


def test_what_is_cited_from_a_passage_is_not_the_scripts() -> None:
    one = ScriptDecision("1", "Dear", "objection", applied=True, why="", text=SCRIPT, number=1)
    mark_used([one], set(), "Payment in three or six equal parts costs no interest [2].", "")
    assert not one.used
    mark_used([one], {1}, "As you like.", "")
    assert one.used
    one.number = 0
    mark_used([one], {0, 1}, SCRIPT, "")
    assert not one.used, "what was not given to the model is not used"


@pytest.mark.parametrize(
    ("text", "shown", "used"),
    [
        ("Split it. [S1]", "Split it.", {1}),
        ("Split it [S1][S2]. Free [1].", "Split it. Free [1].", {1, 2}),
        ("Split it [1, S2].", "Split it [1].", {2}),
        ("Both [S1, S2] 【S1】", "Both", {1, 2}),
        ("The Audi [S5] and x[S0], a[i], [ok], [x](y)", "The Audi [S5] and x[S0], a[i], [ok], [x](y)", set()),
        ("An open [S1", "An open [S1", set()),
        ("[no answer] No sé.", "No sé.", set()),
        ("", "", set()),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_marks_are_taken_out_of_a_stream(text: str, shown: str, used: set[int], size: int) -> None:
    marks = MarkerFilter(scripts=2)
    pieces = [marks.feed(text[start : start + size]) for start in range(0, len(text), size)]
    assert ("".join(pieces) + marks.rest()).strip() == shown
    assert all("[S1" not in piece and "[S2" not in piece for piece in pieces)
    assert (marks.used, marks.no_answer) == (used, "no answer" in text)
