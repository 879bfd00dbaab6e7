"""Audit log: what is recorded, that no change of it goes unseen, and that concurrent writers keep the chain whole."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import create_engine, delete, func, insert, update
from sqlmodel import SQLModel, col
from typer.testing import CliRunner

from platform_app import cli
from platform_app.actor import Actor, ActorKind, acting_as
from platform_app.clock import new_id
from platform_app.config import settings
from platform_app.db import owned, owned_delete, owned_tables, session_scope, unscoped, unscoped_update
from platform_app.errors import Forbidden
from platform_app.install_paths import PACKAGE
from platform_app.models.audit import (
    FIRST_HASH,
    AuditAction,
    AuditEntry,
    AuditHead,
    AuditObject,
    PlatformAuditEntry,
)
from platform_app.models.person import Identity, Member, Role, Session, SignInTicket, Tenant, User
from platform_app.services.accounts import (
    accounts,
    invitations,
    member_changes,
    passwords,
    sessions,
    tenant_secrets,
    two_factor_policy,
)
from platform_app.services.agents import agents
from platform_app.services.api_keys import api_keys
from platform_app.services.audit import audit_list, audit_trail, audit_words, chain, verification
from platform_app.services.audit.audit_list import AuditFilter
from platform_app.services.audit.audited_rows import AUDITED
from platform_app.services.audit.capture import AuditLogChanged, UnknownValue
from platform_app.services.audit.verification import Fault
from platform_app.services.crm import contacts
from platform_app.services.mail import mail_servers
from platform_app.services.webhooks import incoming_webhooks
from tests.budgets.test_budgets import set_budget
from tests.conftest import make_member
from tests.second_factor import set_up
from tests.sequences.test_sequence_query_plans import said as asked
from tests.talking import add_agent, call

__all__ = ["asked"]
HOME = "198.51.100.7"
# Columns with secrets or access that no entry tells of, each with its reason.
UNRECORDED = {
    "auditentry": "it is the log itself",
    "audithead": "it is the log itself",
    "job": "its token is that of a lease",
    "trace": "its hash is that of a prompt",
    "oauthgrant": "its tokens are renewed every hour; connecting and disconnecting are recorded with the connection",
    "webpage": "its hashes are those of addresses and texts",
    "signinticket": "it lives for a minute and becomes a session, which is recorded",
}


def entries(who: Identity) -> list[AuditEntry]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(AuditEntry, who.tenant_id).order_by(AuditEntry.number)).all())


def said(who: Identity, since: int = 0) -> list[tuple[str, str]]:
    return [(row.action, row.object_kind) for row in entries(who) if row.number > since]


def note(who: Identity, name: str = "") -> None:
    with session_scope(who.tenant_id) as session:
        audit_trail.record(session, who.tenant_id, AuditAction.EXPORTED, AuditObject.ANALYTICS, name=name)


def tamper(statement: Any) -> None:
    """Run a statement as somebody does who has the database and nothing else."""
    plain = create_engine(settings().database)
    with plain.begin() as connection:
        connection.execute(statement)
    plain.dispose()


def change_role(who: Identity) -> None:
    call(who, member_changes.set_role, make_member(who, Role.OPERATOR).user_id, Role.ADMIN)


def change_password(who: Identity) -> None:
    with session_scope(reason="tests") as session:
        session.exec(unscoped(User).where(User.id == who.user_id)).one().password_hash = passwords.hash_password("old")
    accounts.change_password(who, "old", "a long enough one 42")


def sign_in_wrongly(who: Identity) -> None:
    with pytest.raises(Forbidden):
        accounts.authenticate(who.email, "wrong", HOME)


def sign_in(who: Identity) -> None:
    with session_scope(reason="tests") as session:
        sessions.redeem_ticket(session, sessions.issue_ticket(session, who.user_id), "")
    with session_scope(reason="tests") as session:
        sessions.end_all_sessions(session, who.user_id)


def require_two_factor(who: Identity) -> None:
    set_up(who)
    call(who, two_factor_policy.set_required, True)


def invite(who: Identity) -> None:
    call(who, invitations.invite, email="new@acme.test", role=Role.ADMIN, by_mail=False)


def publish(who: Identity) -> None:
    agent_id = add_agent(who)
    call(who, agents.publish, agent_id, switch_on=True)


def delete_contact(who: Identity) -> None:
    row = call(who, contacts.create, name="Ann Secret")
    call(who, contacts.delete, row.id)
    call(who, contacts.restore, row.id)


CHANGES: list[tuple[Callable[[Identity], Any], set[tuple[str, str]]]] = [
    (change_role, {("created", "member"), ("changed", "member")}),
    (change_password, {("password_changed", "user")}),
    (sign_in_wrongly, {("sign_in_failed", "user")}),
    (sign_in, {("signed_in", "session"), ("signed_out", "session")}),
    (
        lambda who: call(who, invitations.invite, email="new@acme.test", role=Role.ADMIN, by_mail=False),
        {("created", "invitation")},
    ),
    (require_two_factor, {("turned_on", "secondfactor"), ("secret_changed", "recoverycode"), ("changed", "tenant")}),
    (lambda who: call(who, accounts.update_tenant, name="Acme 2", time_zone="UTC"), {("changed", "tenant")}),
    (lambda who: call(who, incoming_webhooks.create, name="Shop"), {("created", "incomingwebhook")}),
    (set_budget, {("created", "budget")}),
    (delete_contact, {("deleted", "contact"), ("restored", "contact")}),
    (publish, {("published", "agent"), ("turned_on", "agent")}),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES, ids=[str(sorted(words)) for _, words in CHANGES])
def test_services_are_recorded_with_who_acted(
    who: Identity, change: Callable[[Identity], Any], expected: set[tuple[str, str]]
) -> None:
    before = len(entries(who))
    with acting_as(Actor(ActorKind.MEMBER, who.user_id, who.name, HOME)):
        change(who)
    assert expected <= set(said(who, before))
    rows = entries(who)[before:]
    assert {row.address for row in rows} == {HOME}
    assert not any(word in str([row.changes, row.object_name]) for row in rows for word in ("$argon2", "Ann Secret"))
    assert verification.verify(who.tenant_id).fault is None


def test_secrets_and_keys_are_recorded_without_their_values(who: Identity) -> None:
    before = len(entries(who))
    with session_scope(who.tenant_id) as session:
        tenant_secrets.store(session, who.tenant_id, "smtp password", "hunter2")
    with session_scope(who.tenant_id) as session:
        tenant_secrets.store(session, who.tenant_id, "smtp password", "hunter3")
    with session_scope(who.tenant_id) as session:
        tenant_secrets.delete(session, who.tenant_id, "smtp password")
    assert said(who, before) == [("secret_changed", "secret"), ("secret_changed", "secret"), ("removed", "secret")]
    assert "hunter" not in str([row.model_dump() for row in entries(who)])


def test_codes_and_saved_secrets_are_said_in_words(who: Identity) -> None:
    before = len(entries(who))
    with session_scope(who.tenant_id) as session:
        tenant_secrets.store(session, who.tenant_id, f"model provider key {new_id()}", "k")
        tenant_secrets.store(session, who.tenant_id, "smtp password", "p")
        tenant_secrets.store(session, who.tenant_id, f"channel {new_id()} token", "t")
    told = [audit_words.subject("ru", row) for row in entries(who)[before:]]
    assert told == ["Ключ провайдера моделей", "Пароль почтового сервера", "Секрет канала"]
    set_budget(who, scope="contact", unit="messages", period="day")
    changes = audit_words.changes("en", entries(who)[-1].changes, "UTC")
    assert not {"contact", "messages", "day"} & set(re.split(r": |; ", changes)) and "replies" in changes, changes


def test_every_purpose_of_a_secret_has_its_words() -> None:
    named = re.compile(r'def _\w*purpose\(.*?\) -> str:\n(?: {4}""".*?"""\n)?    return f"([^"{]+)', re.DOTALL)
    purposes = [found for path in PACKAGE.glob("services/**/*.py") for found in named.findall(path.read_text())]
    assert len(purposes) >= 8, purposes
    for purpose in [*purposes, mail_servers.PASSWORD]:
        row = AuditEntry(object_kind=AuditObject.SECRET, object_name=f"{purpose}{new_id()}")
        assert audit_words.subject("en", row) != "Saved secret", purpose


def test_a_value_that_only_the_database_computes_is_refused(who: Identity) -> None:
    before = len(entries(who))
    with pytest.raises(UnknownValue), session_scope(who.tenant_id) as session:
        mine = unscoped_update(Tenant).where(col(Tenant.id) == who.tenant_id)
        session.execute(mine.values(name=func.upper(Tenant.name)))
    with pytest.raises(UnknownValue), session_scope(who.tenant_id) as session:
        row = session.exec(unscoped(Tenant).where(Tenant.id == who.tenant_id)).one()
        row.run_days = Tenant.run_days + 1  # type: ignore[assignment]
    with session_scope(who.tenant_id) as session:
        session.execute(mine.values(name="Renamed"))
    (entry,) = entries(who)[before:]
    assert entry.changes["name"]["to"] == "Renamed"


def test_who_has_left_can_still_be_filtered_by(who: Identity) -> None:
    ann = make_member(who, Role.ADMIN)
    with acting_as(Actor(ActorKind.MEMBER, ann.user_id, "Ann Left", HOME)):
        note(who)
    with acting_as(Actor(ActorKind.API_KEY, "k" * 32, "Shop", HOME)):
        note(who)
    call(who, member_changes.remove, ann.user_id)
    people = call(who, audit_list.list_people)
    assert dict(people) == {who.user_id: who.name, ann.user_id: "Ann Left"}
    assert [row.object_kind for row in call(who, audit_list.list_entries, AuditFilter(ann.user_id))] == ["analytics"]


def test_every_table_with_a_secret_or_a_role_is_audited() -> None:
    words = {"secret", "sealed", "hash", "role", "token"}
    left = set()
    for model in {*owned_tables().values(), User, Session, SignInTicket}:
        columns = SQLModel.metadata.tables[str(model.__tablename__)].columns.keys()
        if model not in AUDITED and any(words & set(column.split("_")) for column in columns):
            left.add(str(model.__tablename__))
    assert left == set(UNRECORDED)


def test_every_column_and_what_is_no_code_are_said_in_words(who: Identity) -> None:
    said = {*("role", "deletion_at", "count")}
    for table in AUDITED.values():
        said |= {*table.shown, *table.named, *table.secrets, table.published} - {""}
    assert said <= audit_words.COLUMNS.keys()
    changed = {"role": {"from": "viewer", "to": "admin"}, "deletion_at": {"to": "2026-12-08T02:02:41.2+00:00"}}
    changed |= {"sending": {}, "signed": {"to": True}, "country": {"from": "RU", "to": ""}}
    assert audit_words.changes("ru", changed, "Europe/Moscow").split("; ") == [
        "Роль: наблюдатель → администратор",
        "Удаление назначено на: 8 дек. 2026, 05:02",
        "Настройки отправки: изменено",
        "Нужна подпись: да",
        "Страна: RU → —",
    ]


def test_a_company_learns_nothing_of_who_may_not_work_there_any_more(who: Identity, other: Identity) -> None:
    member = make_member(who, Role.OPERATOR)
    with session_scope(other.tenant_id) as session:
        session.add(Member(tenant_id=other.tenant_id, user_id=member.user_id, role=Role.OPERATOR))
    call(who, member_changes.set_access, member.user_id, allowed=False)
    before, before_there = len(entries(who)), len(entries(other))
    sign_in(member)
    assert said(who, before) == [] and ("signed_in", "session") in said(other, before_there)
    call(other, member_changes.set_access, member.user_id, allowed=False)
    before_there = len(entries(other))
    sign_in(member)
    assert said(other, before_there) == []
    with session_scope(reason="tests", read_only=True) as session:
        rows = session.exec(unscoped(PlatformAuditEntry)).all()
    assert ("signed_in", member.user_id) in {(row.action, row.object_id) for row in rows}


def test_a_savepoint_that_is_undone_leaves_no_entry_and_what_was_before_stays(who: Identity) -> None:
    before = len(entries(who))
    with session_scope(who.tenant_id) as session:
        member = session.exec(owned(Member, who.tenant_id)).first()
        member.role = Role.ADMIN
        with pytest.raises(ZeroDivisionError), session.savepoint():
            audit_trail.record(session, who.tenant_id, AuditAction.EXPORTED, AuditObject.ANALYTICS)
            raise ZeroDivisionError
        with session.savepoint():
            audit_trail.record(session, who.tenant_id, AuditAction.EXPORTED, AuditObject.AUDIT_LOG)
    assert said(who, before) == [("changed", "member"), ("exported", "audit_log")]


def test_the_application_cannot_change_or_delete_entries(who: Identity) -> None:
    note(who)
    for change in (
        lambda session, row: session.delete(row),
        lambda session, row: setattr(row, "actor_name", "Nobody"),
        lambda session, row: session.execute(owned_delete(AuditEntry, who.tenant_id)),
    ):
        with pytest.raises(AuditLogChanged), session_scope(who.tenant_id) as session:
            change(session, session.exec(owned(AuditEntry, who.tenant_id)).first())


def test_writers_at_one_time_keep_one_chain(who: Identity) -> None:
    before = len(entries(who))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: note(who, str(number)), range(40)))
    verdict = verification.verify(who.tenant_id)
    assert (verdict.fault, verdict.count) == (None, before + 40)


def of(who: Identity, number: int) -> Any:
    return (AuditEntry.tenant_id == who.tenant_id) & (AuditEntry.number == number)


def rebuild(who: Identity) -> None:
    """Compute the hashes of a chain anew and point its head to the end, without the key of the installation."""
    with session_scope(who.tenant_id, read_only=True) as session:
        rows = list(session.exec(owned(AuditEntry, who.tenant_id).order_by(AuditEntry.number)).all())
    previous = FIRST_HASH
    for row in rows:
        row.previous_hash = previous
        previous = chain.entry_hash(row, who.tenant_id)
        values = {"previous_hash": row.previous_hash, "hash": previous}
        tamper(update(AuditEntry).where(of(who, row.number)).values(values))
    tamper(update(AuditHead).where(AuditHead.tenant_id == who.tenant_id).values(number=len(rows), hash=previous))


def alter_and_rebuild(who: Identity) -> None:
    tamper(update(AuditEntry).where(of(who, 3)).values(actor_name="Nobody"))
    rebuild(who)


def move(who: Identity) -> None:
    for number, to in ((2, 9_000), (3, 2), (9_000, 3)):
        tamper(update(AuditEntry).where(of(who, number)).values(number=to))


def add(who: Identity) -> None:
    last = entries(who)[-1]
    tamper(insert(AuditEntry).values(last.model_dump() | {"id": new_id(), "number": last.number + 1}))


FAULTS: list[tuple[Callable[[Identity], None], Fault, int]] = [
    (lambda who: tamper(update(AuditEntry).where(of(who, 3)).values(actor_name="Nobody")), Fault.ALTERED, 3),
    (lambda who: tamper(update(AuditEntry).where(of(who, 3)).values(changes={"role": 1})), Fault.ALTERED, 3),
    (lambda who: tamper(delete(AuditEntry).where(of(who, 3))), Fault.MISSING, 3),
    (lambda who: tamper(delete(AuditEntry).where(of(who, 6))), Fault.CUT, 6),
    (move, Fault.ALTERED, 2),
    (alter_and_rebuild, Fault.HEAD, 6),
    (lambda who: tamper(update(AuditHead).values(signature="x")), Fault.HEAD, 6),
    (lambda who: tamper(delete(AuditHead)), Fault.ADDED, 1),
    (add, Fault.ADDED, 7),
]


@pytest.mark.parametrize(("attack", "fault", "number"), FAULTS, ids=[f"{fault}-{n}" for _, fault, n in FAULTS])
def test_verify_names_the_first_entry_that_is_not_as_written(
    who: Identity, attack: Callable[[Identity], None], fault: Fault, number: int
) -> None:
    while len(entries(who)) < 6:
        note(who)
    good = verification.verify(who.tenant_id)
    assert (good.fault, good.number) == (None, 6)
    attack(who)
    verdict = verification.verify(who.tenant_id)
    assert (verdict.fault, verdict.fault_number) == (fault, number)


def test_a_log_that_was_put_back_whole_is_found_with_what_was_noted_down(who: Identity) -> None:
    note(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        old = chain.head_of(session, who.tenant_id)
    assert old is not None
    note(who)
    noted = verification.verify(who.tenant_id)
    tamper(delete(AuditEntry).where(of(who, noted.number)))
    back = {"number": old.number, "hash": old.hash, "signature": old.signature}
    tamper(update(AuditHead).where(AuditHead.tenant_id == who.tenant_id).values(back))
    assert verification.verify(who.tenant_id).fault is None
    verdict = verification.verify(who.tenant_id, expected=(noted.number, noted.hash))
    assert (verdict.fault, verdict.fault_number) == (Fault.CUT, noted.number)


def test_the_command_verifies_and_says_what_is_wrong(who: Identity, other: Identity) -> None:
    note(who)
    run = CliRunner()
    result = run.invoke(cli.app, ["audit", "verify"])
    assert result.exit_code == 0 and result.output.count("verified") == 3, result.output
    tamper(update(AuditEntry).where(of(who, 1)).values(address="x"))
    result = run.invoke(cli.app, ["audit", "verify", "--tenant", who.slug])
    assert result.exit_code == 1 and "entry 1 was altered" in result.output
    assert run.invoke(cli.app, ["audit", "verify", "--tenant", other.slug]).exit_code == 0
    assert run.invoke(cli.app, ["audit", "verify", "--tenant", "nobody"]).exit_code == 1


def test_failures_of_unknown_accounts_are_the_installations_and_heads_survive_a_rotation(
    who: Identity, env: pytest.MonkeyPatch, asked: list[tuple[str, Any]]
) -> None:
    with pytest.raises(Forbidden):
        accounts.authenticate("nobody@else.test", "wrong", HOME)
    with session_scope(reason="tests", read_only=True) as session:
        rows = list(session.exec(unscoped(PlatformAuditEntry)).all())
    assert rows[-1].action == "sign_in_failed" and rows[-1].object_name == "" and rows[-1].address == HOME
    assert verification.verify(None).fault is None
    call(who, api_keys.list_keys)
    asked.clear()
    tenant_secrets.rotate()
    (heads,) = (statement for statement, _ in asked if "FROM audithead" in statement)
    assert "ORDER BY audithead.tenant_id" in heads, "all lock them in one order"
    assert verification.verify(None).fault is None and verification.verify(who.tenant_id).fault is None
