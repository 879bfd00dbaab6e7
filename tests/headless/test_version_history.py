"""Version history: the editor of each kind shows its versions, what has changed since one, and goes back to it."""

from collections.abc import Callable
from typing import Any

import pytest

from platform_app.engine.rules import rules
from platform_app.models.person import Identity
from platform_app.services.agents import agents
from platform_app.services.scripts import scripts
from platform_app.state.agents.agent import AgentState
from platform_app.state.rules.rule import RuleState
from platform_app.state.scripts.script import ScriptState
from tests.headless.harness import Tab, sign_in
from tests.headless.test_rule_pages import seen
from tests.talking import call


def changed_agent(who: Identity) -> tuple[str, Callable[[], Any]]:
    """Publish an agent and change its draft; return its address and what reads the field that was changed."""
    made = call(who, agents.create, {"name": "Vera", "instructions": "Be brief.\nBe kind."})
    call(who, agents.publish, made.id)
    call(who, agents.save_draft, made.id, {"instructions": "Be brief.\nBe exact."}, revision=1)
    return f"agents/{made.id}", lambda: call(who, agents.get, made.id).draft["instructions"]


def changed_script(who: Identity) -> tuple[str, Callable[[], Any]]:
    """Change a script."""
    agent = call(who, agents.create, {"name": "Vera"})
    made = call(who, scripts.create, title="Hello", agent_id=agent.id, text="Be brief.\nBe kind.")
    call(who, scripts.save, made.id, {"text": "Be brief.\nBe exact."}, revision=1)
    return f"agents/{agent.id}/scripts/{made.id}", lambda: call(who, scripts.get, made.id).text


def changed_rule(who: Identity) -> tuple[str, Callable[[], Any]]:
    """Publish a rule and change its draft."""
    draft = {"trigger": "contact_created", "actions": [{"kind": "add_tag", "tag": "new"}]}
    made = call(who, rules.DEFINITIONS.create, name="Rule", draft=draft)
    call(who, rules.DEFINITIONS.publish, made.id)
    row = call(who, rules.DEFINITIONS.get, made.id)
    call(who, rules.DEFINITIONS.save, made.id, {"cooldown_minutes": 5}, revision=row.revision)
    return f"rules/{made.id}", lambda: call(who, rules.DEFINITIONS.get, made.id).draft["cooldown_minutes"]


LINES = [" Be brief.", "-Be kind.", "+Be exact."]


@pytest.mark.parametrize(
    ("change", "state", "key", "lines", "former"),
    [
        (changed_agent, AgentState, "agent_key", LINES, "Be brief.\nBe kind."),
        (changed_script, ScriptState, "script_key", LINES, "Be brief.\nBe kind."),
        (changed_rule, RuleState, "form_key", [], 0),
    ],
    ids=["agent", "script", "rule"],
)
async def test_a_version_is_compared_and_restored(
    who: Identity, change: Callable[..., Any], state: Any, key: str, lines: list[str], former: Any
) -> None:
    address, read = change(who)
    assert read() != former
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/{address}", settle=False)
        await tab.until(lambda: seen(tab, state, key) and seen(tab, state, "versions"))
        (version,) = tab.get(state, "versions")
        assert (version.number, version.author, seen(tab, state, "compared")) == ("1", who.name, "")
        await tab.send(state.compare(version.id))
        (difference,) = tab.get(state, "changes")
        assert (difference.lines, seen(tab, state, "compared")) == (lines, version.id)
        assert difference.before != difference.after
        await tab.send(state.restore(version.id))
        assert read() == former and seen(tab, state, "conflict") is False
        await tab.send(state.compare(version.id))
        assert tab.get(state, "changes") == []


async def test_guided_steps_are_compared_in_words(who: Identity) -> None:
    agent = call(who, agents.create, {"name": "Vera"})
    phone = {"fact": "contact.phone", "hint": "", "required": True}
    steps = [{"goal": "Get to know them", "fields": [phone]}]
    made = call(who, scripts.create, title="Repair", agent_id=agent.id, steps=steps)
    name = {"fact": "contact.name", "hint": "Ask politely", "required": False}
    changed = [{"goal": "Get to know them", "fields": [phone | {"required": False}, name]}]
    call(who, scripts.save, made.id, {"steps": changed}, revision=1)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/agents/{agent.id}/scripts/{made.id}", settle=False)
        await tab.until(lambda: seen(tab, ScriptState, "script_key") and seen(tab, ScriptState, "versions"))
        await tab.send(ScriptState.compare(tab.get(ScriptState, "versions")[0].id))
        (difference,) = tab.get(ScriptState, "changes")
        assert difference.field == "Steps" and "{" not in difference.before + difference.after
        assert difference.lines == [
            " Step 1: Get to know them",
            "-    Collects Contact phone (required)",
            "+    Collects Contact phone",
            "+    Collects Contact name: Ask politely",
        ]
