"""Checklist: each first step is done by what is stored, is shown to those who may do it, and can be hidden."""

from datetime import timedelta
from typing import Any

import pytest

from platform_app.clock import now
from platform_app.db import session_scope, unscoped
from platform_app.errors import Forbidden
from platform_app.models.agent import Agent, Channel
from platform_app.models.channel import ChannelAccount
from platform_app.models.conversation import Conversation
from platform_app.models.invitation import Invitation
from platform_app.models.knowledge import Source
from platform_app.models.person import Identity, Role, Tenant
from platform_app.services.demo import demo
from platform_app.services.feed import checklist
from platform_app.state.feed.checklist import STEPS, progress_words, step_rows
from tests.conftest import make_member

ALL = ["knowledge", "agent", "ask", "channel", "invite"]


def steps(who: Identity) -> list[checklist.ChecklistStep]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return checklist.list_steps(session, who)


def done(who: Identity) -> list[str]:
    return [step.kind for step in steps(who) if step.is_done]


def store(who: Identity, *rows: Any) -> None:
    with session_scope(who.tenant_id) as session:
        for row in rows:
            session.add(row)
            session.flush()


def of(who: Identity, role: Role) -> Identity:
    return Identity(**(vars(who) | {"role": role}))


def account(who: Identity, **given: Any) -> ChannelAccount:
    return ChannelAccount(tenant_id=who.tenant_id, kind=Channel.WEB_CHAT, name="Site", token=now().isoformat(), **given)


def test_each_step_is_done_by_a_stored_fact(who: Identity, other: Identity) -> None:
    assert [step.kind for step in steps(who)] == ALL and done(who) == []
    files = {"title": "Prices", "file_name": "prices.txt", "stored_as": "x"}
    store(who, Source(tenant_id=who.tenant_id, **files))
    agent = Agent(tenant_id=who.tenant_id, name="Shop")
    store(who, agent)
    assert done(who) == ALL[:2]
    assert steps(who)[2].path == f"/test-chat?agent={agent.id}"
    talk = Conversation(tenant_id=who.tenant_id, agent_id=agent.id, channel=Channel.TEST)
    store(who, talk)
    assert done(who) == ALL[:2]  # nothing was asked in it
    with session_scope(who.tenant_id) as session:
        session.merge(talk).last_line = "Hello"
    assert done(who) == ALL[:3]
    store(who, account(who))
    assert done(who) == ALL[:4]
    given = {"email": "ann@acme.example", "role": Role.VIEWER, "inviter_id": who.user_id, "inviter_name": who.name}
    store(who, Invitation(tenant_id=who.tenant_id, token_hash="x", expires_at=now() + timedelta(days=1), **given))
    assert steps(who) == []  # nothing is left to do
    assert done(other) == [] and len(steps(other)) == 5


def test_a_second_member_is_an_invitation_that_was_accepted(who: Identity) -> None:
    make_member(who, Role.VIEWER)
    assert done(who) == ["invite"]


def test_what_was_deleted_or_is_an_example_does_not_count(who: Identity) -> None:
    store(who, Agent(tenant_id=who.tenant_id, name="Gone", deleted_at=now()), account(who, deleted_at=now()))
    with session_scope(who.tenant_id) as session:
        demo.load(session, who)
    assert done(who) == [] and steps(who)[2].path == "/test-chat"


def test_a_member_sees_the_steps_of_their_role(who: Identity) -> None:
    assert [step.kind for step in steps(of(who, Role.ADMIN))] == ALL
    assert [step.kind for step in steps(of(who, Role.OPERATOR))] == ALL[:3]
    assert steps(of(who, Role.VIEWER)) == []


def test_an_admin_hides_it_for_all(who: Identity, other: Identity) -> None:
    with pytest.raises(Forbidden), session_scope(who.tenant_id) as session:
        checklist.hide(session, of(who, Role.OPERATOR))
    with session_scope(who.tenant_id) as session:
        checklist.hide(session, of(who, Role.ADMIN))
    assert steps(who) == [] and len(steps(other)) == 5


def test_the_demo_tenant_has_none(who: Identity) -> None:
    with session_scope(reason="tests") as session:
        session.exec(unscoped(Tenant).where(Tenant.id == who.tenant_id)).one().is_demo = True
    assert steps(who) == []


def test_the_first_open_step_is_the_next_one(who: Identity) -> None:
    make_member(who, Role.VIEWER)
    rows = step_rows(steps(who), "/manage/acme", "ru")
    assert [row.kind for row in rows if row.is_next] == ["knowledge"]
    assert rows[1].link == "/manage/acme/agents/new" and rows[1].title == "Создать агента"
    assert progress_words(steps(who), "ru") == "1 из 5" and progress_words([], "en") == ""
    assert list(STEPS) == ALL
