"""Guided scripts: conversations in any order end with the right fields, and nothing given is asked for again."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from platform_app.automation.guided_steps import parse_steps
from platform_app.db import owned, session_scope
from platform_app.errors import Invalid
from platform_app.llm import extraction, prompts
from platform_app.llm.extraction import PROMPT_START, RequestedField
from platform_app.llm.offline_model import generate
from platform_app.models.agent import AgentSettings
from platform_app.models.crm import Contact, FieldKind, Holder, Lead
from platform_app.models.person import Identity
from platform_app.services.chat import conversations
from platform_app.services.crm import custom_field_definitions, leads, pipelines
from platform_app.services.scripts import guided_scripts, scripts
from tests.fake_provider import Answer, FakeProvider, chunk, says, serving
from tests.talking import answered, begin, events, trace

NAME, PHONE, EMAIL, CITY, BUDGET = "contact.name", "contact.phone", "contact.email", "contact.field.city", "lead.budget"
STEPS = [
    {"goal": "Get to know them.", "fields": [{"fact": NAME}, {"fact": PHONE, "hint": "with the code"}]},
    {"goal": "Prepare the visit.", "fields": [{"fact": CITY}, {"fact": BUDGET, "required": False}]},
]
WORDS = {NAME: "your name", PHONE: "your phone number", CITY: "City", BUDGET: "your budget"}
ALL = {NAME: "Anna", PHONE: "+7 900 111-22-33", CITY: "Perm"}


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env)


def hears(provider: FakeProvider, told: object) -> None:
    """Let the next extraction answer this, and every reply say a word."""

    async def play(reply: Answer) -> None:
        is_extraction = provider.last.prompt.startswith(PROMPT_START)
        text = (told if isinstance(told, str) else json.dumps(told)) if is_extraction else "All right."
        await reply.head()
        await reply.event(chunk(text))
        await reply.event(chunk(finish="stop"))
        await reply.event("[DONE]")
        await reply.end()

    provider.will(play)


def told(*refused: str, **values: str) -> dict[str, Any]:
    names = {"name": NAME, "phone": PHONE, "city": CITY, "budget": BUDGET}
    return {"values": {names[name]: value for name, value in values.items()}, "refused": list(refused)}


def prepared(who: Identity, *, with_lead: bool = True, steps: list[dict[str, Any]] = STEPS) -> str:
    """Begin a conversation whose agent has the guided script; return it."""
    opened = begin(who)
    with session_scope(who.tenant_id) as session:
        custom_field_definitions.create(session, who, Holder.CONTACT, name="City", kind=FieldKind.TEXT)
        row = scripts.create(session, who, title="Visit")
        scripts.save(session, who, row.id, {"steps": steps}, revision=1)
        if with_lead:
            pipelines.create(session, who, "Sales", [("New", "open")])  # type: ignore[list-item]
            stage = pipelines.list_pipelines(session, who)[0][1][0].id
            lead = leads.create(session, who, title="Bike", stage_id=stage)
            conversations.set_test_context(session, who, opened, lead_id=lead.id, contact_id=None)
    return opened


def wanted_in(prompt: str) -> list[str]:
    """Return the words of what the model is told to ask for."""
    line = next((line for line in prompt.splitlines() if line.startswith("Ask now only for: ")), "")
    return [part.split(" (")[0] for part in line.removeprefix("Ask now only for: ").split("; ") if part]


def given(who: Identity) -> dict[str, str]:
    """Return what contact and lead hold by now."""
    with session_scope(who.tenant_id, read_only=True) as session:
        contact: Contact | None = session.exec(owned(Contact, who.tenant_id)).first()
        lead: Lead | None = session.exec(owned(Lead, who.tenant_id)).first()
    held = {NAME: contact.name, PHONE: contact.phone, CITY: contact.fields.get("city", "")} if contact else {}
    return {name: value for name, value in held.items() if value not in ("", "—")} | (
        {BUDGET: f"{lead.budget:f}"} if lead and lead.budget else {}
    )


PHONED = "+7 900 111-22-33"
CONVERSATIONS: dict[str, tuple[list[object], dict[str, str]]] = {
    "one by one": ([told(name="Anna"), told(phone=PHONED), told(city="Perm")], ALL),
    "two at once": ([told(name="Anna", phone=PHONED), told(city="Perm")], ALL),
    "all at once": ([told(name="Anna", phone=PHONED, city="Perm")], ALL),
    "another order": ([told(city="Perm"), told(phone=PHONED), told(name="Anna")], ALL),
    "phone first": ([told(phone=PHONED), told(name="Anna"), told(city="Perm")], ALL),
    "digression": ([told(name="Anna"), told(), told(phone=PHONED), told(), told(city="Perm")], ALL),
    "digression first": ([told(), told(), told(name="Anna", phone=PHONED), told(city="Perm")], ALL),
    "correction": (
        [told(name="Ann"), told(name="Anna"), told(phone=PHONED), told(city="Perm")],
        ALL,
    ),
    "correction of an earlier step": ([told(name="Ann", phone=PHONED), told(city="Perm", name="Anna")], ALL),
    "correction after the end": ([told(name="Ann", phone=PHONED, city="Perm"), told(name="Anna")], ALL),
    "phone corrected": ([told(name="Anna", phone="+7 900 000-00-00"), told(phone=PHONED), told(city="Perm")], ALL),
    "refusal": ([told(name="Anna"), told(PHONE), told(city="Perm")], {NAME: "Anna", CITY: "Perm"}),
    "refusal taken back": ([told(name="Anna"), told(PHONE), told(phone=PHONED, city="Perm")], ALL),
    "refuses everything": ([told(NAME, PHONE), told(CITY)], {}),
    "nonsense": (["blah", "{", '{"values": 7}', told(name="Anna", phone=PHONED), told(city="Perm")], ALL),
    "nonsense in a field": ([told(name="Anna", phone="call me"), told(phone=PHONED), told(city="Perm")], ALL),
    "a field nobody asked for": (
        [{"values": {"contact.admin": "yes", NAME: "Anna"}}, told(phone=PHONED), told(city="Perm")],
        ALL,
    ),
    "wrapped in words": (['Here: {"values": {"contact.name": "Anna"}} ok', told(phone=PHONED), told(city="Perm")], ALL),
    "what is not needed": (
        [told(budget="1500", name="Anna"), told(phone=PHONED), told(city="Perm")],
        ALL | {BUDGET: "1500.00"},
    ),
    "said twice": (
        [told(name="Anna"), told(name="Anna"), told(phone=PHONED), told(phone=PHONED), told(city="Perm")],
        ALL,
    ),
    "much too long": ([told(name="Anna", city="P" * 600), told(phone=PHONED), told(city="Perm")], ALL),
}


@pytest.mark.parametrize("story", list(CONVERSATIONS))
async def test_ends_with_the_right_fields_and_asks_for_nothing_twice(
    provider: FakeProvider, who: Identity, story: str
) -> None:
    opened, (messages, expected) = prepared(who), CONVERSATIONS[story]
    for message in messages:
        hears(provider, message)
        await answered(who, opened, "…said…")
        known = {WORDS[name] for name in given(who)}
        assert not known & set(wanted_in(provider.last.prompt)), "what is given is not asked for"
    assert given(who) == expected
    assert "Ask now only for" not in provider.last.prompt


async def test_the_model_is_told_what_is_next_and_the_trace_keeps_it(provider: FakeProvider, who: Identity) -> None:
    opened = prepared(who)
    hears(provider, told(name="Anna"))
    reply = await answered(who, opened, "I am Anna")
    prompt = provider.last.prompt
    assert "[S1] guided: Visit\nGoal: Get to know them.\n" in prompt
    assert "Given already, never ask for it again: your name = Anna\n" in prompt
    assert "Ask now only for: your phone number (with the code)" in prompt
    assert "answer what is asked aside, then come back" in prompt
    kept = trace(who, reply).data["guided"]
    assert (kept["step"], kept["steps"], kept["wanted"]) == (0, 2, ["Contact phone"])
    with session_scope(who.tenant_id, read_only=True) as session:
        assert guided_scripts.list_progress(session, who, opened) == [("Visit", 0, 2, ["Contact phone"])]
    extraction_prompt = provider.asked[-2].prompt
    assert extraction_prompt.startswith(PROMPT_START) and f"- {PHONE} (phone): " in extraction_prompt


async def test_a_script_that_does_not_apply_asks_for_nothing(provider: FakeProvider, who: Identity) -> None:
    opened = prepared(who)
    with session_scope(who.tenant_id) as session:
        (row,) = scripts.list_scripts(session, who, "x")
        scripts.set_enabled(session, who, row.id, enabled=False)
    hears(provider, told(name="Anna"))
    await answered(who, opened)
    assert len(provider.asked) == 1 and "guided" not in provider.last.prompt


async def test_without_a_lead_what_is_of_the_lead_is_remembered(provider: FakeProvider, who: Identity) -> None:
    opened = prepared(who, with_lead=False)
    hears(provider, told(name="Anna", phone=PHONED, budget="900"))
    await answered(who, opened)
    assert "your budget = 900" in provider.last.prompt and wanted_in(provider.last.prompt) == ["City"]


async def test_a_value_that_is_refused_leaves_nothing_behind(provider: FakeProvider, who: Identity) -> None:
    opened = prepared(who)
    for value, contacts_made in (("no number", 0), ("+7 900 111-22-33", 1)):
        hears(provider, told(phone=value))
        await answered(who, opened)
        with session_scope(who.tenant_id, read_only=True) as session:
            assert len(session.exec(owned(Contact, who.tenant_id)).all()) == contacts_made
        assert events(who).count("contact_created") == contacts_made


@pytest.mark.parametrize(
    ("asked", "said", "values", "refused"),
    [
        ([NAME], "Меня зовут Анна Петрова", {NAME: "Анна Петрова"}, []),
        ([NAME], "Анна", {NAME: "Анна"}, []),
        ([NAME], "А сколько стоит доставка?", {}, []),
        ([PHONE], "мой номер +7 900 111-22-33, почта a@x.io", {PHONE: "+7 900 111-22-33", EMAIL: "a@x.io"}, []),
        ([BUDGET], "около 15 000", {BUDGET: "15 000"}, []),
        ([PHONE], "не хочу говорить", {}, [PHONE]),
        ([CITY], "Пермь", {CITY: "Пермь"}, []),
        ([CITY], "меня зовут Анна, я из Казани", {NAME: "Анна", CITY: "Казани"}, []),
        ([NAME, CITY], "Добрый день! Меня зовут Анна, живу в Казани", {NAME: "Анна", CITY: "Казани"}, []),
        ([NAME, CITY], "Пётр, Самара", {NAME: "Пётр", CITY: "Самара"}, []),
        ([CITY], "Well, I guess somewhere near Boston", {CITY: "somewhere near Boston"}, []),
        ([CITY], "ну, наверное, в посёлке под Пермью, ближе к реке", {CITY: "в посёлке под Пермью, ближе к реке"}, []),
        ([CITY], "Спасибо!", {}, []),
        ([CITY], "Расскажите сначала о гарантии", {}, []),
        ([CITY], "Мы в Самаре. А у вас есть там магазин?", {CITY: "Мы в Самаре"}, []),
        ([NAME], "это очень дорого", {}, []),
        ([NAME], "I am interested in bicycles", {}, []),
        ([NAME], "слишком дорого", {}, []),
        ([NAME], "not sure", {}, []),
        ([NAME], "call me later", {}, []),
        ([NAME], "Call me Bob", {NAME: "Bob"}, []),
        ([NAME], "Можно просто Саша :)", {NAME: "Саша"}, []),
        ([NAME], "Я Мария", {NAME: "Мария"}, []),
        ([NAME, PHONE], "Анна Петрова, +7 900 111-22-33", {NAME: "Анна Петрова", PHONE: "+7 900 111-22-33"}, []),
    ],
)
def test_the_offline_model_finds_what_is_told(
    asked: list[str], said: str, values: dict[str, str], refused: list[str]
) -> None:
    wanted = [
        RequestedField(NAME, "Name", "name"),
        RequestedField(PHONE, "Phone", "phone"),
        RequestedField(EMAIL, "Email", "email"),
    ]
    wanted += [RequestedField(CITY, "City"), RequestedField(BUDGET, "Budget", "number")]
    found = extraction.parse_answer(
        generate(extraction.build_messages(wanted, asked, said)), {one.name for one in wanted}
    )
    assert (found.values, found.refused) == (values, refused)


@pytest.mark.parametrize(
    "data", [{}, "x", [{"fields": "x"}], [{"goal": "a\x00"}], [{"goal": "x" * 1_001}], [{"fields": [{}]}], [{}] * 21]
)
def test_what_are_no_steps_is_refused(data: Any) -> None:
    if not data:
        assert parse_steps(data) == []
        return
    with pytest.raises(Invalid):
        parse_steps(data)


async def test_a_guided_script_speaks_the_language_of_the_conversation(provider: FakeProvider, who: Identity) -> None:
    """All the way with the offline model: it asks in Russian, and takes answers in the contact's own words."""

    async def play(reply: Answer) -> None:
        await says(generate(provider.last.body["messages"]))(reply)

    provider.will(play)
    opened = prepared(who, steps=[{"fields": [{"fact": NAME}, {"fact": CITY}]}, {"fields": [{"fact": PHONE}]}])
    reply = await answered(who, opened, "Здравствуйте! Хочу записаться на осмотр")
    assert reply.text == "Подскажите, пожалуйста: как вас зовут; City"
    reply = await answered(who, opened, "ну, меня зовут Анна, я из Казани")
    assert reply.text == "Подскажите, пожалуйста: ваш номер телефона"
    assert trace(who, reply).data["scripts"][0]["used"]
    assert given(who) == {NAME: "Анна", CITY: "Казани"}
    await answered(who, opened, PHONED)
    assert given(who) == {NAME: "Анна", CITY: "Казани", PHONE: PHONED}


async def test_a_time_in_the_contacts_words_fills_a_field_of_text(provider: FakeProvider, who: Identity) -> None:
    async def play(reply: Answer) -> None:
        await says(generate(provider.last.body["messages"]))(reply)

    provider.will(play)
    opened = prepared(who, steps=[{"fields": [{"fact": CITY, "hint": "when it suits you"}]}])
    await answered(who, opened, "Hello, I would like a test ride")
    reply = await answered(who, opened, "ну, наверное, завтра после обеда")
    assert "Ask now only for" not in provider.last.prompt and "City" not in reply.text
    assert given(who) == {CITY: "завтра после обеда"}


def test_dates_can_be_told_from_today() -> None:
    wanted = [RequestedField("contact.field.day", "Day", "date")]
    asked = extraction.build_messages(wanted, ["contact.field.day"], "давайте послезавтра")
    today = date.fromisoformat(asked[0]["content"].partition("Today is ")[2][:10])
    found = extraction.parse_answer(generate(asked), {"contact.field.day"})
    assert found.values == {"contact.field.day": str(today + timedelta(2))}


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("Анна", "Подскажите, пожалуйста: Contact phone"),
        ("Здравствуйте, меня зовут Анна", "Подскажите, пожалуйста: Contact phone"),
        ("А где вы находитесь?", "Я офлайн-модель, ответа у меня нет. Подскажите, пожалуйста: Contact phone"),
    ],
)
def test_the_offline_model_asks_for_what_is_wanted(said: str, reply: str) -> None:
    own = AgentSettings(name="Vera", instructions="Be brief.", reply_language="ru")
    step = prompts.GuidedState("Visit", "Meet", wanted=[("Contact phone", "")])
    assert generate(prompts.build_messages(prompts.PromptContext(own, guided=step, question=said))) == reply
