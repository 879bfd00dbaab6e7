"""Agents: drafts are validated field by field, published in versions, compared, restored, and never cross a border."""

from typing import Any

import pytest

from platform_app.db import owned, session_scope
from platform_app.errors import Conflict, Invalid, NotFound, PlatformError
from platform_app.models.agent import Agent, AgentSettings
from platform_app.models.conversation import Conversation
from platform_app.models.event import Activity
from platform_app.models.person import Identity
from platform_app.services.agents import agents
from tests.conftest import make_tenant


def make(who: Identity, name: str = "Anna", **settings: Any) -> Agent:
    with session_scope(who.tenant_id) as session:
        return agents.create(session, who, {"name": name, **settings})


def save(
    who: Identity, agent: Agent, changes: dict[str, Any], revision: int | None = None
) -> tuple[int, dict[str, str]]:
    with session_scope(who.tenant_id) as session:
        current = agents.get(session, who, agent.id).revision
        return agents.save_draft(session, who, agent.id, changes, revision=current if revision is None else revision)


def publish(who: Identity, agent: Agent) -> str:
    with session_scope(who.tenant_id) as session:
        return agents.publish(session, who, agent.id).id


def fresh(who: Identity, agent: Agent) -> Agent:
    with session_scope(who.tenant_id, read_only=True) as session:
        return agents.get(session, who, agent.id)


def effective(who: Identity, agent: Agent, *, draft: bool) -> tuple[AgentSettings, int]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return agents.effective_settings(session, who.tenant_id, agent.id, draft=draft)


def sentences(who: Identity) -> list[str]:
    with session_scope(who.tenant_id, read_only=True) as session:
        rows = session.exec(owned(Activity, who.tenant_id).order_by(Activity.at, Activity.id)).all()
        return [row.sentence.format(**row.values) for row in rows]


def names(who: Identity, **asked: Any) -> list[str]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return [row.name for row in agents.list_agents(session, who, **asked)[0]]


def test_a_new_agent_is_an_inactive_draft(who: Identity) -> None:
    agent = make(who, "  Anna  ")
    assert (agent.name, agent.active, agent.published, agents.status_of(agent)) == ("Anna", False, {}, "draft")
    assert agent.draft == AgentSettings(name="Anna").model_dump(mode="json")
    assert sentences(who) == ["Agent “Anna” created"]
    settings, number = effective(who, agent, draft=True)
    assert (settings.name, number) == ("Anna", 0)


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("name", ["A", "я" * 120], ["", "   ", "x" * 121, None, 5, "a\x00b", "\ud800"]),
        ("provider", ["default", "installation", "a" * 32], ["x" * 33, "a b", "../x", None]),
        ("model", ["", "gpt-5-mini"], ["x" * 201, None]),
        ("fallback_provider", ["none", "default", "a" * 32], ["x" * 33, "A"]),
        ("fallback_model", ["", "gpt-5-mini"], ["x" * 201, None]),
        ("effort", ["default", "none", "high"], ["enormous", None]),
        ("temperature", [0, 2, 0.7], [-0.1, 2.01, float("nan"), float("inf"), 10**400, "warm"]),
        ("max_tokens", [128, 8000], [127, 8001, 200.5, "many", 10**400]),
        ("max_reply_chars", [100, 10_000], [99, 10_001]),
        ("reply_language", ["ru", "en", "customer"], ["de", ""]),
        ("reply_delay_seconds", [0, 86_400], [-1, 86_401]),
        ("check_before_sending", [True, False], ["perhaps", 2]),
        ("markdown", [True, False], [None]),
        ("channels", [[], ["test", "api"]], [["fax"], "test"]),
        ("instructions", ["", "я" * 40_000], ["x" * 40_001, "a\x00b"]),
        ("knowledge", ["all", "chosen", "none"], ["some"]),
        ("categories", [[], ["a" * 32]], [[1], "a"]),
        ("no_answer_text", ["", "x" * 2000], ["x" * 2001]),
        ("no_answer_task", [True], ["perhaps"]),
        ("figures", ["mark", "rewrite", "hold", "off"], ["sometimes", None]),
        ("works_in", ["chosen", "all"], ["some"]),
        ("stages", [[], ["a" * 32]], [["A/b"], "a", ["a"] * 801]),
        ("stage_instructions", [{}, {"a": "я" * 4_000}], [{"a": "x" * 4_001}, {"../": "x"}, {"a": "b\x00"}, []]),
        ("sees", ["chosen", "all"], ["none"]),
        ("tools", [{}, {"change_stage": "ask"}], [{"a b": "ask"}, {"change_stage": "perhaps"}, ["change_stage"]]),
        (
            "conduct",
            [[], [{"kind": "never", "check": "words", "value": "x", "outcome": "stop"}]],
            [[{"kind": "sometimes", "check": "words"}], "x"],
        ),
        ("tool_limit", [1, 200], [0, 201, "many"]),
        ("seen_fields", [[], ["contact.field.city"]], [["A B"], "x", [1]]),
    ],
)
def test_every_setting_has_its_limits(who: Identity, field: str, good: list[Any], bad: list[Any]) -> None:
    agent = make(who)
    for value in good:
        assert save(who, agent, {field: value})[1] == {}
        assert fresh(who, agent).draft[field] == value
    for value in bad:
        _, problems = save(who, agent, {field: value})
        assert list(problems) == [field]
        assert fresh(who, agent).draft[field] == good[-1]
        with session_scope(who.tenant_id) as session, pytest.raises(Invalid) as refused:
            agents.create(session, who, {"name": "Anna", field: value})
        assert refused.value.field == field


def test_every_setting_is_covered() -> None:
    (mark,) = test_every_setting_has_its_limits.pytestmark
    assert [case[0] for case in mark.args[1]] == list(AgentSettings.model_fields)


def test_a_draft_without_a_name_is_refused(who: Identity) -> None:
    with pytest.raises(Invalid) as refused, session_scope(who.tenant_id) as session:
        agents.create(session, who, {"temperature": 1})
    assert refused.value.field == "name"


def test_good_fields_are_saved_although_another_is_bad(who: Identity) -> None:
    agent = make(who)
    revision, problems = save(who, agent, {"temperature": 1.5, "max_tokens": 1})
    assert (revision, problems) == (2, {"max_tokens": "The number of tokens is from 128 to 8000."})
    assert fresh(who, agent).draft["temperature"] == 1.5


def test_nobody_assigns_what_is_not_a_setting(who: Identity, other: Identity) -> None:
    agent = make(who)
    changes = {"tenant_id": other.tenant_id, "id": "x", "active": True, "published_number": 7, "is_demo": True}
    assert save(who, agent, changes) == (1, {})
    held = fresh(who, agent)
    assert (held.tenant_id, held.id, held.active, held.is_demo) == (who.tenant_id, agent.id, False, False)
    assert set(held.draft) == set(AgentSettings.model_fields)


def test_what_changes_nothing_is_no_revision(who: Identity) -> None:
    agent = make(who)
    assert save(who, agent, {"name": "Anna", "temperature": 0.3}) == (1, {})


def test_a_stale_revision_is_a_conflict_that_says_who(who: Identity) -> None:
    agent = make(who)
    colleague = Identity(**(vars(who) | {"user_id": "2", "name": "Boris"}))
    save(colleague, agent, {"temperature": 1})
    with pytest.raises(Conflict, match="Boris has changed this since you opened it"):
        save(who, agent, {"temperature": 2}, revision=1)
    with pytest.raises(Conflict, match="another tab"):
        save(colleague, agent, {"temperature": 2}, revision=1)
    with pytest.raises(Conflict, match="Boris"), session_scope(who.tenant_id) as session:
        agents.publish(session, who, agent.id, revision=1)
    assert fresh(who, agent).draft["temperature"] == 1
    assert save(who, agent, {"temperature": 2}, revision=2)[0] == 3


def test_publishing_makes_a_version_that_later_drafts_leave_alone(who: Identity) -> None:
    agent = make(who, instructions="first")
    publish(who, agent)
    assert not fresh(who, agent).changed_since_publish
    save(who, agent, {"instructions": "second"})
    assert fresh(who, agent).changed_since_publish
    assert effective(who, agent, draft=False)[0].instructions == "first"
    assert effective(who, agent, draft=False)[1] == 1
    assert effective(who, agent, draft=True)[0].instructions == "second"
    publish(who, agent)
    assert effective(who, agent, draft=False)[1] == 2
    with session_scope(who.tenant_id, read_only=True) as session:
        found = agents.list_versions(session, who, agent.id)
    assert [(v.number, v.content["instructions"], v.author_name) for v in found] == [
        (2, "second", who.name),
        (1, "first", who.name),
    ]


def test_publishing_the_same_twice_is_refused(who: Identity) -> None:
    agent = make(who)
    publish(who, agent)
    with pytest.raises(Conflict, match="Nothing has changed"):
        publish(who, agent)
    save(who, agent, {"temperature": 1})
    save(who, agent, {"temperature": 0.3})
    assert not fresh(who, agent).changed_since_publish


def test_a_draft_that_no_longer_fits_is_not_published(who: Identity) -> None:
    agent = make(who)
    with session_scope(who.tenant_id) as session:
        held = agents.get(session, who, agent.id)
        held.draft = held.draft | {"max_tokens": 5}  # as if the limits had been other ones once
    with pytest.raises(Invalid) as refused:
        publish(who, agent)
    assert refused.value.field == "max_tokens"


def test_differences_name_fields_and_lines(who: Identity) -> None:
    agent = make(who, instructions="-- greet\nhelp\nend")
    first = publish(who, agent)
    save(who, agent, {"instructions": "++ greet\nhelp\nend", "temperature": 1.0})
    second = publish(who, agent)
    save(who, agent, {"name": "Olga"})
    with session_scope(who.tenant_id, read_only=True) as session:
        changed = agents.compare_versions(session, who, agent.id, before=first, after=second)
        to_draft = agents.compare_versions(session, who, agent.id, before=second)
        assert agents.compare_versions(session, who, agent.id, before=first, after=first) == []
        with pytest.raises(NotFound):
            agents.compare_versions(session, who, agent.id, before="f" * 32)
    assert [(c.field, c.before, c.after) for c in changed if c.field == "temperature"] == [("temperature", 0.3, 1.0)]
    assert [c.lines for c in changed if c.field == "instructions"] == [["--- greet", "+++ greet", " help"]]
    assert [(c.field, c.before, c.after, c.lines) for c in to_draft] == [("name", "Anna", "Olga", [])]


def test_a_restored_version_is_a_draft(who: Identity) -> None:
    agent = make(who, instructions="first")
    first = publish(who, agent)
    save(who, agent, {"instructions": "second", "name": "Olga"})
    publish(who, agent)
    with session_scope(who.tenant_id) as session:
        agents.restore_version(session, who, agent.id, first)
    held = fresh(who, agent)
    assert (held.name, held.draft["instructions"], held.changed_since_publish) == ("Anna", "first", True)
    assert effective(who, agent, draft=False)[0].instructions == "second"
    stranger = make(who, "Other")
    with pytest.raises(NotFound), session_scope(who.tenant_id) as session:
        agents.restore_version(session, who, stranger.id, first)


def test_only_a_published_agent_is_switched_on(who: Identity) -> None:
    agent = make(who)
    with pytest.raises(Conflict, match="Publish the agent first"), session_scope(who.tenant_id) as session:
        agents.set_active(session, who, agent.id, active=True)
    publish(who, agent)
    for active in (True, True, False):
        with session_scope(who.tenant_id) as session:
            assert agents.set_active(session, who, agent.id, active=active).active is active
    assert sentences(who)[-2:] == ["Agent “Anna” turned on", "Agent “Anna” turned off"]


@pytest.mark.parametrize(("language", "name"), [("en", "Anna (copy)"), ("ru", "Anna (копия)")])
def test_a_copy_is_a_draft_of_its_own(who: Identity, language: str, name: str) -> None:
    person = Identity(**(vars(who) | {"language": language}))
    agent = make(person, temperature=1.7)
    publish(person, agent)
    with session_scope(who.tenant_id) as session:
        copy = agents.duplicate(session, person, agent.id)
    assert (copy.name, copy.draft["temperature"], copy.published, copy.active) == (name, 1.7, {}, False)
    longest = make(person, "x" * 120)
    with session_scope(who.tenant_id) as session:
        assert len(agents.duplicate(session, person, longest.id).name) == 120


def test_deleted_and_brought_back_with_all_it_had(who: Identity) -> None:
    agent = make(who)
    publish(who, agent)
    with session_scope(who.tenant_id) as session:
        agents.delete(session, who, agent.id)
    assert names(who) == []
    for refused in (lambda: fresh(who, agent), lambda: effective(who, agent, draft=True), lambda: publish(who, agent)):
        with pytest.raises(NotFound):
            refused()
    with session_scope(who.tenant_id) as session:
        agents.restore(session, who, agent.id)
    assert names(who) == ["Anna"]
    assert effective(who, agent, draft=False)[1] == 1
    with pytest.raises(NotFound), session_scope(who.tenant_id) as session:
        agents.restore(session, who, agent.id)


def test_the_list_is_searched_filtered_sorted_and_paged(who: Identity) -> None:
    made = {name: make(who, name, model=f"m-{name}") for name in ("Ёлка", "anna", "Борис", "Zoe")}
    for name in ("anna", "Борис"):
        publish(who, made[name])
    with session_scope(who.tenant_id) as session:
        agents.set_active(session, who, made["anna"].id, active=True)
        session.add_all(Conversation(tenant_id=who.tenant_id, agent_id=made["Zoe"].id) for _ in range(3))
        session.add(Conversation(tenant_id=who.tenant_id, agent_id=made["anna"].id))
    assert names(who, search="БОР") == ["Борис"]
    assert names(who, search="nothing") == []
    assert names(who, status="active") == ["anna"]
    assert names(who, status="inactive") == ["Борис"]
    assert names(who, status="draft", sort="name", descending=False) == ["Zoe", "Ёлка"]
    assert names(who, sort="name", descending=False) == ["anna", "Zoe", "Борис", "Ёлка"]
    assert names(who, sort="conversations")[:2] == ["Zoe", "anna"]
    assert names(who, sort="updated") == ["Zoe", "Борис", "anna", "Ёлка"]
    assert names(who, sort="draft; DROP TABLE agent") == names(who, sort="updated")
    assert names(who, sort="name", descending=False, page=2, page_size=3) == ["Ёлка"]
    assert names(who, page=-5, page_size=2) == names(who, page=1, page_size=2)
    with session_scope(who.tenant_id, read_only=True) as session:
        rows, total = agents.list_agents(session, who, search="zoe", page_size=1)
    assert (total, rows[0].model, rows[0].conversations, rows[0].status) == (1, "m-Zoe", 3, "draft")


def test_another_tenant_finds_nothing(who: Identity, other: Identity) -> None:
    agent = make(who)
    version = publish(who, agent)
    assert names(other) == []
    attempts = [
        lambda session: agents.get(session, other, agent.id),
        lambda session: agents.save_draft(session, other, agent.id, {"name": "x"}, revision=1),
        lambda session: agents.publish(session, other, agent.id),
        lambda session: agents.list_versions(session, other, agent.id),
        lambda session: agents.compare_versions(session, other, agent.id, before=version),
        lambda session: agents.restore_version(session, other, agent.id, version),
        lambda session: agents.set_active(session, other, agent.id, active=True),
        lambda session: agents.duplicate(session, other, agent.id),
        lambda session: agents.delete(session, other, agent.id),
        lambda session: agents.restore(session, other, agent.id),
        lambda session: agents.effective_settings(session, other.tenant_id, agent.id, draft=True),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound), session_scope(other.tenant_id) as session:
            attempt(session)
    assert fresh(who, agent).name == "Anna"


def test_two_people_at_once_lose_nothing(who: Identity) -> None:
    agent = make(who)
    won, lost = 0, 0
    for number in range(5):
        try:
            save(who, agent, {"max_tokens": 200 + number}, revision=1)
            won += 1
        except PlatformError:
            lost += 1
    assert (won, lost) == (1, 4)
    assert fresh(who, agent).draft["max_tokens"] == 200


def test_names_may_be_the_same_in_two_tenants(who: Identity) -> None:
    third = make_tenant("third")
    make(who, "Same")
    make(third, "Same")
    assert names(third) == names(who) == ["Same"]
