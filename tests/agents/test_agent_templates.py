"""Agent templates: each is whole in both languages, and what is created from it can be published as it is."""

from typing import Any

import pytest

from platform_app.agent_templates import CODES, agent_template
from platform_app.automation import text_templates
from platform_app.db import session_scope
from platform_app.engine import agent_creation
from platform_app.engine.rules import rules
from platform_app.engine.sequences import sequences
from platform_app.errors import Invalid, LimitReached
from platform_app.i18n import LANGUAGES
from platform_app.models.agent import Agent
from platform_app.models.person import Identity
from platform_app.models.script import ScriptKind
from platform_app.services.agents import agents
from platform_app.services.scripts import scripts


def shape(value: Any) -> Any:
    """Return a value with its texts replaced by their kind; what has a fixed meaning stays."""
    if isinstance(value, dict):
        kept = ("kind", "fact", "operator", "match", "trigger", "unit", "id")
        return {name: part if name in kept else shape(part) for name, part in value.items()}
    if isinstance(value, list):
        is_texts = all(isinstance(part, str) for part in value)
        return "texts" if is_texts else [shape(part) for part in value]
    return "text" if isinstance(value, str) else value


def create(who: Identity, code: str, language: str = "en") -> Agent:
    with session_scope(who.tenant_id) as session:
        return agent_creation.create_from_template(session, who, code, language=language)


@pytest.mark.parametrize("code", CODES)
def test_both_languages_have_the_same_shape(code: str) -> None:
    english, russian = (agent_template(code, language).model_dump(mode="json") for language in LANGUAGES)
    assert shape(english) == shape(russian)
    assert english["instructions"] != russian["instructions"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", CODES)
def test_a_template_is_worth_reading(code: str, language: str) -> None:
    template = agent_template(code, language)
    assert 150 <= len(template.instructions.split()) <= 300
    assert {ScriptKind.GREETING, ScriptKind.OBJECTION} <= {script.kind for script in template.scripts}
    assert all(script.examples for script in template.scripts if script.kind == ScriptKind.OBJECTION)
    assert (template.rule is None) != (template.sequence is None)
    assert [text_templates.problems(script.text) for script in template.scripts] == [[]] * len(template.scripts)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", CODES)
def test_an_agent_is_created_as_a_draft_with_its_parts(who: Identity, code: str, language: str) -> None:
    template, agent = agent_template(code, language), create(who, code, language)
    with session_scope(who.tenant_id) as session:
        draft = agents.get(session, who, agent.id).draft
        assert {name: draft[name] for name in template.settings} == template.settings
        assert not agent.active and not agent.published_number
        made = scripts.list_scripts(session, who, agent.id)
        assert [row.title for row in made] == [script.title for script in template.scripts]
        assert {row.agent_id for row in made} == {agent.id}
        for definitions, wanted in ((rules.DEFINITIONS, template.rule), (sequences.DEFINITIONS, template.sequence)):
            rows = definitions.of_tenant(session, who)  # type: ignore[attr-defined]
            assert [(row.name, row.agent_id, row.enabled) for row in rows] == (
                [(wanted.name, agent.id, False)] if wanted else []
            )
            for row in rows:
                assert definitions.problems(session, who, row) == {}  # type: ignore[attr-defined]
                definitions.publish(session, who, row.id)  # type: ignore[attr-defined]
        agents.publish(session, who, agent.id)


def test_nothing_is_created_if_a_part_cannot_be(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "MAX_SCRIPTS", 2)
    with pytest.raises(LimitReached):
        create(who, "clinic")
    with session_scope(who.tenant_id, read_only=True) as session:
        assert agents.list_agents(session, who)[0] == [] and scripts.list_scripts(session, who, "") == []


@pytest.mark.parametrize("code", ["", "nothing", "../ru/clinic"])
def test_an_unknown_template_is_refused(who: Identity, code: str) -> None:
    with pytest.raises(Invalid):
        create(who, code)
