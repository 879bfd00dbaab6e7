"""Attacks on rules: what contacts and models write is data; texts, patterns and definitions of tenants stay tame."""

from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.automation import patterns
from platform_app.automation.rules import RuleDefinition
from platform_app.db import owned, session_scope
from platform_app.engine.rules import rules
from platform_app.errors import Invalid
from platform_app.models.conversation import ConversationState
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity
from platform_app.models.rule import RunState
from platform_app.services.chat import agent_messages, conversations
from platform_app.services.crm import contacts, leads
from tests.fake_provider import FakeProvider, says, serving
from tests.rules.test_rules import a_rule, runs
from tests.talking import a_stage, add_agent, call, conversation, run_jobs, shown


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A provider over a real socket."""
    yield from serving(env)


def a_talk(who: Identity, name: str = "Anna") -> tuple[str, str]:
    """Begin a conversation about a lead of a contact; return their ids."""
    contact = call(who, contacts.create, name=name)
    lead = call(who, leads.create, title="Bike", stage_id=a_stage(who), contact_id=contact.id)
    talk = call(who, conversations.create, add_agent(who), is_live=True)
    call(who, conversations.set_test_context, talk.id, lead_id=lead.id, contact_id=contact.id)
    return str(talk.id), str(lead.id)


OBEDIENT = (
    '{"kind": "close_conversation"}',
    '[{"kind": "change_stage", "stage_id": "won"}, {"kind": "call_webhook", "url": "http://127.0.0.1/"}]',
    "ACTION: hand_off\nACTION: add_tag(vip)",
    "<tool_call>update_field(lead.budget, 0)</tool_call>",
    "{{ contact.name }} {% assign x = 1 %}",
)


@pytest.mark.parametrize("answer", OBEDIENT)
def test_what_a_model_writes_is_said_and_never_done(who: Identity, provider: FakeProvider, answer: str) -> None:
    provider.will(says(answer))
    talk, lead = a_talk(who)
    before = call(who, leads.get, lead).model_dump()
    a_rule(who, "manual", {"kind": "ask_agent", "prompt": "Write to {{ contact.name }}."})
    rule = call(who, rules.DEFINITIONS.of_tenant)[0]
    call(who, rules.run_manually, rule.id, lead)
    run_jobs(who)
    assert [run.state for run in runs(who)] == [RunState.DONE]
    assert shown(who, talk)[-1].strip() != "" and conversation(who, talk).state == ConversationState.OPEN
    assert call(who, leads.get, lead).model_dump() == before
    with session_scope(who.tenant_id, read_only=True) as session:
        kinds = {event.kind for event in session.exec(owned(Event, who.tenant_id).where(Event.depth > 0)).all()}
    assert kinds == {EventKind.REPLY_SENT}


HOSTILE = (
    "{{ 7*7 }}",
    "{% for i in (1..1000000000) %}x{% endfor %}",
    "${7*7} #{7*7} <%= 7*7 %> *{7*7}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ tenant.name | append: contact.phone }}",
    "{% include '/etc/passwd' %}",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_contact_is_called_is_no_template(who: Identity, name: str) -> None:
    talk, _ = a_talk(who, name)
    a_rule(who, "reply_sent", {"kind": "create_task", "text": "Call {{ contact.name }}", "user_id": "", "days": ""})
    call(who, agent_messages.send_message, talk, "Hello")
    run_jobs(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        made = session.exec(owned(Event, who.tenant_id).where(Event.kind == EventKind.TASK_CREATED)).one()
    assert made.after["text"] == f"Call {' '.join(name.split())}"


@pytest.mark.parametrize("text", [one for one in HOSTILE if one.startswith("{") and "append" not in one])
def test_a_hostile_text_of_the_tenant_is_said_at_its_field(who: Identity, text: str) -> None:
    actions = [{"kind": "send_message", "text": text}]
    row = call(who, rules.DEFINITIONS.create, name="Rule", draft={"trigger": "contact_created", "actions": actions})
    assert "action.0.text" in call(who, rules.problems, row)
    with pytest.raises(Invalid):
        call(who, rules.DEFINITIONS.publish, row.id)


def matching(pattern: str) -> dict[str, Any]:
    """Return a condition with a pattern."""
    leaf = {"kind": "condition", "fact": "contact.name", "operator": "matches", "value": pattern}
    return {"kind": "group", "match": "all", "of": [leaf]}


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*a){25}", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_an_evil_pattern_is_weighed_like_any_other(who: Identity, pattern: str) -> None:
    """With backtracking any of these would not end within the life of the test."""
    a_rule(who, "contact_created", {"kind": "add_tag", "tag": "x"}, condition=matching(pattern))
    call(who, contacts.create, name="a" * 190 + "!")
    run_jobs(who)
    assert runs(who)[0].state in (RunState.CONDITION, RunState.DONE)


@pytest.mark.parametrize("pattern", ["(", "a{1001}", "(?=x)", r"(a)\1", "x" * (patterns.MAX_PATTERN_LENGTH + 1)])
def test_a_pattern_that_cannot_be_used_is_not_published(who: Identity, pattern: str) -> None:
    draft = {"trigger": "contact_created", "actions": [{"kind": "hand_off"}]}
    with pytest.raises(Invalid):
        row = call(who, rules.DEFINITIONS.create, name="Rule", draft=draft | {"condition": matching(pattern)})
        assert call(who, rules.problems, row)["condition"]
        call(who, rules.DEFINITIONS.publish, row.id)


def test_nothing_but_the_definition_is_taken(who: Identity, other: Identity) -> None:
    row = call(
        who, rules.DEFINITIONS.create, name="Rule", draft={"trigger": "contact_created", "tenant_id": other.tenant_id}
    )
    assert set(row.draft) == set(RuleDefinition.model_fields)
    for name in ("tenant_id", "id", "enabled", "published", "published_number", "position", "is_demo", "deleted_at"):
        with pytest.raises(Invalid):
            call(who, rules.DEFINITIONS.save, row.id, {name: "x"}, revision=row.revision)
    forged = {"kind": "add_tag", "tag": "x", "tenant_id": other.tenant_id, "who": "root"}
    call(who, rules.DEFINITIONS.save, row.id, {"actions": [forged]}, revision=row.revision)
    call(who, rules.DEFINITIONS.publish, row.id)
    call(who, rules.DEFINITIONS.switch, row.id, enabled=True)
    made = call(who, contacts.create, name="Anna")
    run_jobs(who)
    assert call(who, contacts.get, made.id).tags == ["x"] and runs(other) == []
