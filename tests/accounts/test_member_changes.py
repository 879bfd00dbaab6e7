"""Member changes: owners and admins change roles and access; one owner stays, and nobody touches who has more."""

from dataclasses import replace
from decimal import Decimal

import pytest

from platform_app.clock import now
from platform_app.db import owned, session_scope, unscoped
from platform_app.errors import Conflict, Forbidden, NotFound
from platform_app.models.crm import Lead, Task
from platform_app.models.person import Identity, Member, Role, Session
from platform_app.services.accounts import member_changes, members, sessions
from platform_app.services.crm import leads, tasks
from tests.api_client import sign_in
from tests.conftest import make_member
from tests.talking import a_stage, activities, call, events


@pytest.fixture
def colleague(who: Identity) -> Identity:
    return make_member(who, Role.OPERATOR)


def roles(who: Identity) -> dict[str, Role]:
    return {one.user_id: one.role for one in call(who, member_changes.list_views)}


def test_a_disabled_member_is_out_at_once_and_comes_back(who: Identity, colleague: Identity) -> None:
    token = sign_in(colleague)
    call(who, member_changes.set_access, colleague.user_id, allowed=False)
    assert sessions.get_identity(token, "acme") is None
    with session_scope(reason="tests", read_only=True) as session:
        assert session.exec(unscoped(Session)).all() == []  # they work nowhere else
    assert [one.is_disabled for one in call(who, member_changes.list_views)] == [False, True]
    assert [user.id for user, _ in call(who, members.list_members)] == [who.user_id]
    call(who, member_changes.set_access, colleague.user_id, allowed=True)
    assert sessions.get_identity(token, "acme") is None
    assert sessions.get_identity(sign_in(colleague), "acme") is not None
    assert events(who) == ["member_changed"] * 2
    assert activities(who) == ["{name} disabled", "{name} enabled"]


def test_elsewhere_a_disabled_member_stays_signed_in(who: Identity, other: Identity) -> None:
    with session_scope(who.tenant_id) as session:
        session.add(Member(tenant_id=who.tenant_id, user_id=other.user_id, role=Role.OPERATOR))
    token = sign_in(other)
    for change in (
        lambda: call(who, member_changes.set_access, other.user_id, allowed=False),
        lambda: call(who, member_changes.remove, other.user_id),
    ):
        change()
        assert sessions.get_identity(token, "acme") is None
        assert sessions.get_identity(token, "globex") is not None
    with session_scope(reason="tests", read_only=True) as session:
        assert [tenant.slug for tenant, _ in members.list_tenants(session, other.user_id)] == ["globex"]


def test_one_owner_stays(who: Identity, colleague: Identity) -> None:
    former = replace(colleague, role=Role.OWNER)  # who was an owner until a moment ago
    for change in (
        lambda: call(who, member_changes.set_role, who.user_id, Role.ADMIN),
        lambda: call(former, member_changes.set_access, who.user_id, allowed=False),
        lambda: call(former, member_changes.remove, who.user_id),
    ):
        with pytest.raises(Conflict, match="needs an owner"):
            change()
    call(who, member_changes.set_role, colleague.user_id, Role.OWNER)
    call(who, member_changes.set_access, colleague.user_id, allowed=False)
    with pytest.raises(Conflict, match="needs an owner"):  # a disabled owner is none
        call(who, member_changes.set_role, who.user_id, Role.ADMIN)


def test_ownership_is_handed_over(who: Identity, colleague: Identity) -> None:
    call(who, member_changes.hand_over, colleague.user_id)
    assert roles(who) == {who.user_id: Role.ADMIN, colleague.user_id: Role.OWNER}
    with pytest.raises(Forbidden):
        call(replace(who, role=Role.ADMIN), member_changes.hand_over, who.user_id)
    assert activities(who) == ["Ownership transferred to {name}"]


def test_nobody_hands_over_to_a_disabled_member_or_to_themselves(who: Identity, colleague: Identity) -> None:
    call(who, member_changes.set_access, colleague.user_id, allowed=False)
    for user_id in (colleague.user_id, who.user_id):
        with pytest.raises(Conflict):
            call(who, member_changes.hand_over, user_id)


CHANGES = [
    lambda who, user_id: call(who, member_changes.set_role, user_id, Role.VIEWER),
    lambda who, user_id: call(who, member_changes.set_access, user_id, allowed=False),
    lambda who, user_id: call(who, member_changes.remove, user_id),
]


def test_an_admin_does_not_touch_owners_and_others_touch_nobody(who: Identity, colleague: Identity) -> None:
    admin = make_member(who, Role.ADMIN)
    before = roles(who)
    for change in CHANGES:
        with pytest.raises(Forbidden, match="Only an owner"):
            change(admin, who.user_id)
        for role in (Role.OPERATOR, Role.VIEWER):
            with pytest.raises(Forbidden):
                change(replace(colleague, role=role), admin.user_id)
    assert roles(who) == before


def test_a_member_of_another_tenant_is_not_found(who: Identity, other: Identity) -> None:
    for change in CHANGES:
        with pytest.raises(NotFound):
            change(who, other.user_id)


def test_nobody_disables_or_removes_themselves(who: Identity) -> None:
    for change in CHANGES[1:]:
        with pytest.raises(Conflict, match="yourself"):
            change(who, who.user_id)


@pytest.mark.parametrize("is_handed_over", [True, False])
def test_what_was_assigned_to_a_removed_member_goes_on(
    who: Identity, colleague: Identity, is_handed_over: bool
) -> None:
    stage_id = a_stage(who)
    lead = call(
        who, leads.create, title="Bicycle", stage_id=stage_id, responsible_id=colleague.user_id, budget=Decimal(5)
    )
    task = call(who, tasks.create, text="Call", lead_id=lead.id, responsible_id=colleague.user_id)
    assert call(who, member_changes.count_assigned, colleague.user_id) == (1, 1)
    token = sign_in(colleague)
    successor = who.user_id if is_handed_over else ""
    call(who, member_changes.remove, colleague.user_id, successor_id=successor)
    assert sessions.get_identity(token, "acme") is None and colleague.user_id not in roles(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        for model, row in ((Lead, lead), (Task, task)):
            held = session.exec(owned(model, who.tenant_id).where(model.id == row.id)).one()
            assert held.responsible_id == (successor or None)
    assert events(who)[-1] == "member_removed"
    with pytest.raises(NotFound):
        call(who, member_changes.remove, colleague.user_id)


def test_only_who_may_work_here_gets_work(who: Identity, colleague: Identity, other: Identity) -> None:
    stage_id = a_stage(who)
    with pytest.raises(NotFound):
        call(who, member_changes.remove, colleague.user_id, successor_id=other.user_id)
    call(who, member_changes.set_access, colleague.user_id, allowed=False)
    with pytest.raises(NotFound):
        call(who, leads.create, title="Bicycle", stage_id=stage_id, responsible_id=colleague.user_id)
    with pytest.raises(NotFound):
        call(who, tasks.create, text="Call", responsible_id=colleague.user_id)


def test_when_a_member_was_seen_is_noted(who: Identity) -> None:
    token = sign_in(who)
    assert [one.seen_at for one in call(who, member_changes.list_views)] == [None]
    sessions.get_identity(token, "acme", extend=False)
    assert [one.seen_at for one in call(who, member_changes.list_views)] == [None]
    sessions.get_identity(token, "acme")
    (seen,) = [one.seen_at for one in call(who, member_changes.list_views)]
    assert seen is not None and abs((now() - seen).total_seconds()) < 10
    sessions.get_identity(token, "acme")
    assert [one.seen_at for one in call(who, member_changes.list_views)] == [seen]  # not at every event
