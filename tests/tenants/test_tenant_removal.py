"""Tenant removal: nothing of the tenant is left, nothing of another goes, and what is stopped is continued."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import String, cast
from sqlmodel import SQLModel
from typer.testing import CliRunner

from platform_app import cli, notifier
from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import owned, owned_tables, session_scope, unscoped
from platform_app.errors import Conflict, Forbidden, Invalid
from platform_app.i18n import exact_time
from platform_app.models.api_key import ApiKey
from platform_app.models.audit import PlatformAuditEntry
from platform_app.models.job import Job
from platform_app.models.message_search import messagesearch
from platform_app.models.notification import Notification
from platform_app.models.person import Identity, Member, Role, Session, Tenant, User
from platform_app.rag import vector_index
from platform_app.services.accounts import sessions
from platform_app.services.audit import verification
from platform_app.services.demo import demo
from platform_app.services.notifications.notification_words import words_of
from platform_app.services.tenants import deletion_requests, tenant_removal
from tests.conftest import make_member
from tests.headless.harness import sign_in
from tests.inviting import PASSWORD
from tests.second_factor import set_up, use_password
from tests.stored_files import stored_keys
from tests.talking import call, run_jobs


def fill(who: Identity) -> None:
    """Load the demo with its files and vectors, and set a password."""
    call(who, demo.load)
    run_jobs(who)
    use_password(who)


def counts(tenant_id: str) -> dict[str, int]:
    """Return how many rows of a tenant each table has, without the tables that have none."""
    with session_scope(reason="tests", read_only=True) as session:
        rows = {
            name: len(session.exec(owned(model, tenant_id).with_only_columns(model.id)).all())
            for name, model in owned_tables().items()
        }
        if session.get_bind().dialect.name == "sqlite":
            own = messagesearch.c.scope.op("MATCH")(f'"{tenant_id}"')
            rows["messagesearch"] = len(session.execute(messagesearch.select().where(own)).all())
    return {name: count for name, count in rows.items() if count}


def mentions(tenant_id: str) -> list[str]:
    """Return the columns of every table that have the id of a tenant, but those of the installation's audit log."""
    with session_scope(reason="tests", read_only=True) as session:
        return [
            f"{table.name}.{column.name}"
            for table in SQLModel.metadata.sorted_tables
            if table.name != "platformauditentry"
            for column in table.columns
            if session.execute(table.select().where(cast(column, String).contains(tenant_id)).limit(1)).first()
        ]


def vectors(who: Identity) -> int:
    return sum(
        row.count()
        for row in vector_index._collections(vector_index._opened())
        if row.name.startswith(f"t{who.tenant_id}-")
    )


def files() -> set[str]:
    return set(stored_keys())


def remove_with_a_stop(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    """Delete the tenant when it is due; the first attempt ends within a transaction, as in a process that is killed."""
    steps = iter(range(12))
    remove_rows = tenant_removal._remove_rows

    def killed(*given: Any) -> None:
        remove_rows(*given)
        if next(steps, None) is None:
            raise KeyboardInterrupt

    with time_machine.travel(now() + timedelta(days=7, minutes=1)), monkeypatch.context() as patched:
        patched.setattr(tenant_removal, "_remove_rows", killed)
        patched.setattr(tenant_removal, "BATCH_SIZE", 3)
        with pytest.raises(KeyboardInterrupt):
            tenant_removal.remove_due()
        assert counts(who.tenant_id) and acting(who.tenant_id) == []
        patched.undo()
        assert tenant_removal.remove_due(0) is True, "more is left, and the visit of a worker ends in time"
        while tenant_removal.remove_due(0):
            pass


def acting(tenant_id: str) -> list[str]:
    """Return the tables in which a tenant has something that acts by itself, or an access."""
    with session_scope(reason="tests", read_only=True) as session:
        switched = [
            str(model.__tablename__)
            for model, switch in tenant_removal._SWITCHES
            if session.exec(owned(model, tenant_id).where(getattr(model, switch)).limit(1)).first()
        ]
        held = [
            str(model.__tablename__)
            for model in (Member, ApiKey, Job)
            if session.exec(owned(model, tenant_id).limit(1)).first()
        ]
    return switched + held


def ask(who: Identity, **other: str) -> Any:
    return deletion_requests.request(who, **({"name": who.tenant_name, "password": PASSWORD} | other))


def test_nothing_is_left_and_the_other_tenant_is_as_it_was(
    live_chroma: pytest.MonkeyPatch, who: Identity, other: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(who)
    mine = files()
    fill(other)
    make_member(who, Role.VIEWER)
    with session_scope(reason="tests") as session:  # the owner of the other tenant works here too
        session.add(Member(tenant_id=who.tenant_id, user_id=other.user_id, role=Role.ADMIN))
    sign_in(who)
    before, held, vectors_of_other = counts(other.tenant_id), files() - mine, vectors(other)
    assert len(counts(who.tenant_id)) > 30 and mine and vectors(who) and vectors_of_other
    ask(who)
    tenant_removal.remove_due()
    assert counts(who.tenant_id)["member"] == 3, "it waits"
    remove_with_a_stop(who, monkeypatch)
    assert counts(who.tenant_id) == {} and mentions(who.tenant_id) == []
    assert vectors(who) == 0 and files() == held
    assert not (settings().data_dir / "lexical" / who.tenant_id).exists()
    assert counts(other.tenant_id) | {"auditentry": before["auditentry"]} == before
    assert vectors(other) == vectors_of_other
    with session_scope(reason="tests", read_only=True) as session:
        people = {user.email for user in session.exec(unscoped(User)).all()}
        assert people == {other.email} and not session.exec(unscoped(Session)).all()
        report = session.exec(unscoped(PlatformAuditEntry).order_by(PlatformAuditEntry.number.desc())).first()  # type: ignore[attr-defined]
    deleted = report.changes["deleted"]["to"]
    assert (report.action, report.object_id) == ("removed", who.tenant_id)
    assert (
        deleted["message"] and deleted["(files)"] == len(mine) and deleted["(accounts)"] == 2 and deleted["(vectors)"]
    )
    assert verification.verify(None).fault is None and verification.verify(other.tenant_id).fault is None


def test_only_an_owner_with_name_password_and_code_asks_and_keeps(who: Identity) -> None:
    app, _ = set_up(who)
    admin = make_member(who, Role.ADMIN)
    for asking, wrong, error in (
        (admin, {"code": app.code()}, Forbidden),
        (who, {"code": app.code(), "name": "Another"}, Invalid),
        (who, {"code": app.code(), "password": "wrong"}, Forbidden),
        (who, {"code": "000000"}, Forbidden),
        (who, {}, Forbidden),
    ):
        with pytest.raises(error):
            ask(asking, **wrong)
    due = ask(who, code=app.code())
    assert due - now() > timedelta(days=6)
    with pytest.raises(Conflict):
        ask(who, code=app.code(steps=1))
    token = sign_in(who).removeprefix("session=")
    identity = sessions.get_identity(token, who.slug)
    assert identity is not None and identity.deletion_at == due
    with session_scope(who.tenant_id, read_only=True) as session:
        told = session.exec(owned(Notification, who.tenant_id)).all()
        assert {row.user_id for row in told} == {who.user_id, admin.user_id}
        assert {row.cause for row in told} == {f"deletion_requested {due.isoformat()}"}
        words = words_of(told[0], "en", "UTC")
    assert words == f"“Acme” will be deleted on {exact_time('en', due, 'UTC')}. Acme owner asked for it."
    with pytest.raises(Forbidden):
        call(admin, deletion_requests.cancel)
    call(who, deletion_requests.cancel)
    with time_machine.travel(due + timedelta(days=1)):
        tenant_removal.remove_due()
    with session_scope(reason="tests", read_only=True) as session:
        assert session.exec(unscoped(Tenant)).one().deletion_at is None


def test_one_that_cannot_be_deleted_holds_up_no_other(
    who: Identity, other: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tenant in (who, other):
        tenant_removal.schedule_now(tenant.tenant_id, "tests")
    remove_some = tenant_removal._remove_some

    def broken(tenant_id: str) -> bool | None:
        if tenant_id == who.tenant_id:
            raise PermissionError("a file of another user")
        return remove_some(tenant_id)

    monkeypatch.setattr(tenant_removal, "_remove_some", broken)
    assert tenant_removal.remove_due() is False
    with session_scope(reason="tests", read_only=True) as session:
        assert [tenant.id for tenant in session.exec(unscoped(Tenant)).all()] == [who.tenant_id]


def test_who_has_joined_another_company_meanwhile_keeps_the_account(who: Identity, other: Identity) -> None:
    sign_in(other)
    with session_scope(reason="tests") as session:
        tenant = session.exec(unscoped(Tenant).where(Tenant.id == who.tenant_id)).one()
        tenant_removal._remove_account(session, tenant, other.user_id)
    with session_scope(reason="tests", read_only=True) as session:
        assert {row.user_id for row in session.exec(unscoped(Session)).all()} == {other.user_id}


def test_the_command_deletes_at_once(live_redis: str, who: Identity, other: Identity) -> None:
    for tenant in (who, other):
        notifier.publish(tenant.tenant_id, "contact", "1")
    run = CliRunner()
    assert run.invoke(cli.app, ["tenant", "delete", who.slug]).exit_code == 1
    assert run.invoke(cli.app, ["tenant", "delete", "nobody", "--yes"]).exit_code == 1
    result = run.invoke(cli.app, ["tenant", "delete", who.slug, "--yes"])
    assert result.exit_code == 0 and "member: 1" in result.output, result.output
    assert counts(who.tenant_id) == {} and counts(other.tenant_id)["member"] == 1
    keys = notifier.connection().keys("*")
    assert notifier.stream_name(other.tenant_id) in keys and not [key for key in keys if who.tenant_id in key]
