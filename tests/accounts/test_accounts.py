"""Accounts: registration, sign-in that tells a stranger nothing, roles."""

import inspect
from collections.abc import Callable, Iterator

import pytest
import time_machine

from platform_app.clock import new_id, now
from platform_app.db import owned, session_scope, unscoped
from platform_app.errors import Conflict, Forbidden, Invalid, LimitReached, NotFound, PlatformError
from platform_app.models.crm import Pipeline, Stage
from platform_app.models.person import Identity, Member, Role, Tenant, User
from platform_app.services.accounts import accounts, member_changes, members, passwords, sessions
from platform_app.services.crm import pipelines
from tests.api_client import sign_in, ticket_for
from tests.conftest import make_tenant

PASSWORD = "vyhlídka 7 plotů"
HOME = "198.51.100.7"


class QuickHasher:
    """Hashes in no time, and counts how often a password was looked at."""

    def __init__(self) -> None:
        self.verified: list[str] = []

    def hash(self, password: str) -> str:
        return f"quick {password}"

    def verify(self, password: str, stored: str) -> bool:
        self.verified.append(stored)
        return stored == f"quick {password}"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[QuickHasher]:
    hasher = QuickHasher()
    monkeypatch.setattr(passwords, "_hasher", hasher)
    passwords._dummy_hash.cache_clear()
    yield hasher
    passwords._dummy_hash.cache_clear()


def stages_of(tenant: Tenant) -> list[str]:
    with session_scope(tenant.id, read_only=True) as session:
        (pipeline,) = session.exec(owned(Pipeline, tenant.id)).all()
        query = owned(Stage, tenant.id).where(Stage.pipeline_id == pipeline.id).order_by(Stage.position)
        return [stage.name for stage in session.exec(query).all()]


def register(email: str = "ann@acme.test", tenant_name: str = "Acme Bikes", **given: str) -> tuple[User, Tenant]:
    values = {"name": "Ann", "password": PASSWORD, "language": "ru", "time_zone": "Asia/Omsk", "address": ""} | given
    with session_scope(reason="tests") as session:
        return accounts.register(session, email=email, tenant_name=tenant_name, **values)


@pytest.mark.parametrize(("language", "first", "last"), [("ru", "Новые", "Отказ"), ("en", "New leads", "Deal lost")])
def test_a_new_tenant_has_a_pipeline_in_its_language(
    language: str, first: str, last: str, database: str, quick: QuickHasher
) -> None:
    _, tenant = register(language=language)
    stages = stages_of(tenant)
    assert (stages[0], stages[-1], len(stages)) == (first, last, 5)


def test_a_registration_that_fails_leaves_no_pipeline(
    database: str, quick: QuickHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object) -> None:
        raise Invalid("Refused.")

    monkeypatch.setattr(pipelines, "create_default", refuse)
    with pytest.raises(Invalid):
        register()
    with session_scope(reason="tests", read_only=True) as session:
        assert session.exec(unscoped(Tenant)).all() == []


def test_registration_makes_a_tenant_with_its_owner(database: str) -> None:
    user, tenant = register(" Ann@ACME.test ")
    assert (user.email, user.language, tenant.slug, tenant.time_zone) == (
        "ann@acme.test",
        "ru",
        "acme-bikes",
        "Asia/Omsk",
    )
    assert user.password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert accounts.authenticate("ANN@acme.test", PASSWORD, HOME).id == user.id
    with session_scope(tenant.id, read_only=True) as session:
        member = session.exec(owned(Member, tenant.id)).one()
    assert (member.user_id, member.role) == (user.id, Role.OWNER)


def test_nobody_chooses_their_role_or_tenant() -> None:
    taken = set(inspect.signature(accounts.register).parameters)
    assert taken.isdisjoint({"id", "role", "tenant_id", "user_id", "is_admin", "is_demo", "slug", "disabled_at"})


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("ООО «Вело-склад №1»", "ooo-velo-sklad-1"),
        ("Щука & Ёж", "schuka-ezh"),
        ("../../etc/passwd", "etc-passwd"),
        ("日本", "tenant"),
        ("x" * 300, "x" * 48),
    ],
)
def test_the_slug_comes_from_the_name(quick: QuickHasher, database: str, name: str, slug: str) -> None:
    assert register(tenant_name=name)[1].slug == slug
    again = register("bob@acme.test", tenant_name=name)[1].slug
    assert again.startswith(f"{slug}-")


@pytest.mark.parametrize(
    ("field", "given"),
    [
        *(
            ("email", {"email": email})
            for email in ("", "ann", "ann@acme", "a b@acme.test", "a@b@c.test", "ann@a\x00.test")
        ),
        *(
            ("email", {"email": email})
            for email in ("ann@acme.test\nbcc: x@y.test", "half\ud83d@acme.test", "a@" + "b" * 250 + ".test")
        ),
        ("name", {"name": " \u200b\x00 "}),
        ("tenant", {"tenant_name": "\u202e\n"}),
        ("password", {"password": "acmebikes1"}),
    ],
)
def test_what_cannot_be_registered(quick: QuickHasher, database: str, field: str, given: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        register(**given)
    assert refused.value.field == field


def test_odd_values_are_made_plain(quick: QuickHasher, database: str) -> None:
    user, tenant = register(name="Ann\n\x00\u202e  Petrova", language="xx", time_zone="../../etc/passwd")
    assert (user.name, user.language, tenant.time_zone) == ("Ann Petrova", "en", "Europe/Moscow")


def test_an_address_is_registered_once(quick: QuickHasher, database: str) -> None:
    register()
    with pytest.raises(Conflict):
        register("ANN@acme.test", tenant_name="Another")
    with session_scope(reason="tests", read_only=True) as session:
        assert len(session.exec(unscoped(Tenant)).all()) == 1


def test_registrations_are_counted_by_address(quick: QuickHasher, database: str) -> None:
    for n in range(10):
        register(f"{n}@acme.test", address=HOME)
    with pytest.raises(LimitReached):
        register("more@acme.test", address=HOME)


def refusal(work: Callable[[], object]) -> tuple[type[PlatformError], str, int]:
    with pytest.raises(PlatformError) as refused:
        work()
    return type(refused.value), str(refused.value), refused.value.status


def test_a_stranger_learns_nothing(quick: QuickHasher, database: str) -> None:
    """The wrong password, an unknown address and a disabled person: one answer, for the same work."""
    register()
    gone, _ = register("gone@acme.test", tenant_name="Gone")
    with session_scope(reason="tests") as session:
        accounts.set_disabled(session, gone.id, disabled=True)
    tries = [
        ("ann@acme.test", "wrong"),
        ("nobody@acme.test", PASSWORD),
        ("gone@acme.test", PASSWORD),
        ("\x00\ud83d", "x"),
    ]
    answers = []
    for email, password in tries:
        quick.verified.clear()
        answers.append(refusal(lambda e=email, p=password: accounts.authenticate(e, p, HOME)))  # type: ignore[misc]
        assert len(quick.verified) == 1
    assert set(answers) == {(Forbidden, "Incorrect email or password.", 403)}


def test_guessing_is_slowed_down_alike_for_all(quick: QuickHasher, database: str) -> None:
    register()
    for email in ("ann@acme.test", "nobody@acme.test"):
        with time_machine.travel(now(), tick=False):
            outcomes = [refusal(lambda e=email: accounts.authenticate(e, "wrong", HOME))[0] for _ in range(100)]  # type: ignore[misc]
        assert outcomes == [Forbidden] * 5 + [LimitReached] * 95
    assert accounts.authenticate("ann@acme.test", PASSWORD, "203.0.113.5").email == "ann@acme.test"
    assert len(quick.verified) == 11


def test_a_change_of_password_ends_the_other_sessions(quick: QuickHasher, who: Identity) -> None:
    set_password(who, PASSWORD)
    here, elsewhere, ticket = sign_in(who), sign_in(who), ticket_for(who)
    mine = sessions.get_identity(here, "acme")
    assert mine is not None
    accounts.change_password(mine, PASSWORD, "kolik plotů 9?")
    assert sessions.get_identity(here, "acme") is not None
    assert sessions.get_identity(elsewhere, "acme") is None
    with pytest.raises(Forbidden), session_scope(reason="tests") as session:
        sessions.redeem_ticket(session, ticket, "")
    assert accounts.authenticate(who.email, "kolik plotů 9?", HOME).id == who.user_id
    with pytest.raises(Forbidden):
        accounts.authenticate(who.email, PASSWORD, HOME)


def set_password(who: Identity, password: str) -> None:
    with session_scope(reason="tests") as session:
        user = session.exec(unscoped(User).where(User.id == who.user_id)).one()
        user.password_hash = passwords.hash_password(password)


def test_a_change_needs_the_old_password_and_a_good_one(quick: QuickHasher, who: Identity, other: Identity) -> None:
    set_password(who, PASSWORD)
    set_password(other, PASSWORD)
    with pytest.raises(Invalid):
        accounts.change_password(who, PASSWORD, "password1")
    outcomes = [refusal(lambda: accounts.change_password(who, "wrong", PASSWORD))[0] for _ in range(7)]
    assert outcomes == [Forbidden] * 5 + [LimitReached] * 2
    accounts.change_password(other, PASSWORD, "kolik plotů 9?")  # others change theirs meanwhile


def test_a_disabled_person_is_out_at_once_and_comes_back(quick: QuickHasher, who: Identity) -> None:
    set_password(who, PASSWORD)
    token, ticket = sign_in(who), ticket_for(who)
    with session_scope(reason="tests") as session:
        accounts.set_disabled(session, who.user_id, disabled=True)
    assert sessions.get_identity(token, "acme") is None
    with pytest.raises(Forbidden), session_scope(reason="tests") as session:
        sessions.redeem_ticket(session, ticket, "")
    with session_scope(reason="tests") as session:
        accounts.set_disabled(session, who.user_id, disabled=False)
    assert sessions.get_identity(token, "acme") is None
    assert accounts.authenticate(who.email, PASSWORD, HOME).id == who.user_id


def test_preferences_are_kept_and_checked(who: Identity) -> None:
    token = sign_in(who)
    with session_scope(reason="tests") as session:
        accounts.set_language(session, who.user_id, "ru")
        accounts.set_theme(session, who.user_id, "dark")
        accounts.set_name(session, who.user_id, "  Анна \n Петрова ")
        for refused in (
            lambda: accounts.set_language(session, who.user_id, "xx"),
            lambda: accounts.set_theme(session, who.user_id, "pink"),
            lambda: accounts.set_name(session, who.user_id, "\u200b"),
        ):
            with pytest.raises(Invalid):
                refused()
        with pytest.raises(NotFound):
            accounts.set_language(session, new_id(), "ru")
    found = sessions.get_identity(token, "acme")
    assert found is not None
    assert (found.language, found.theme, found.name) == ("ru", "dark", "Анна Петрова")


def test_a_tenant_is_changed_by_owners_and_admins(who: Identity) -> None:
    with session_scope(reason="tests") as session:
        accounts.update_tenant(session, who, name=" Acme  Two ", time_zone="Asia/Omsk")
        operator = add_member(session, who, Role.OPERATOR)
        with pytest.raises(Forbidden):
            accounts.update_tenant(session, operator, name="Mine", time_zone="UTC")
        with pytest.raises(Invalid):
            accounts.update_tenant(session, who, name="Acme", time_zone="Moon/Crater")
    found = sessions.get_identity(sign_in(who), "acme")
    assert found is not None
    assert (found.tenant_name, found.time_zone) == ("Acme Two", "Asia/Omsk")


def add_member(session: object, who: Identity, role: Role) -> Identity:
    """Put one more person into the tenant."""
    user = User(email=f"{role}-{new_id()}@acme.test", name=role.title(), password_hash="-")
    session.add(user)  # type: ignore[attr-defined]
    session.flush()  # type: ignore[attr-defined]
    session.add(Member(tenant_id=who.tenant_id, user_id=user.id, role=role))  # type: ignore[attr-defined]
    session.flush()  # type: ignore[attr-defined]
    return Identity(**{**vars(who), "user_id": user.id, "role": role, "email": user.email, "name": user.name})


@pytest.mark.parametrize(
    ("actor", "subject", "wanted", "error"),
    [
        (Role.OWNER, Role.VIEWER, Role.OWNER, None),
        (Role.ADMIN, Role.OPERATOR, Role.ADMIN, None),
        (Role.ADMIN, Role.VIEWER, Role.OWNER, Forbidden),
        (Role.ADMIN, Role.OWNER, Role.VIEWER, Forbidden),
        (Role.OPERATOR, Role.VIEWER, Role.VIEWER, Forbidden),
        (Role.VIEWER, Role.VIEWER, Role.OWNER, Forbidden),
    ],
)
def test_who_may_give_which_role(
    who: Identity, actor: Role, subject: Role, wanted: Role, error: type[PlatformError] | None
) -> None:
    with session_scope(who.tenant_id) as session:
        acting, changed = add_member(session, who, actor), add_member(session, who, subject)
        if error:
            with pytest.raises(error):
                member_changes.set_role(session, acting, changed.user_id, wanted)
        else:
            member_changes.set_role(session, acting, changed.user_id, wanted)
    token = sign_in(changed)
    found = sessions.get_identity(token, "acme")
    assert found is not None
    assert found.role == (subject if error else wanted)


def test_nobody_raises_themselves_and_one_owner_stays(who: Identity, other: Identity) -> None:
    with session_scope(who.tenant_id) as session:
        admin = add_member(session, who, Role.ADMIN)
        with pytest.raises(Forbidden):
            member_changes.set_role(session, admin, admin.user_id, Role.OWNER)
        with pytest.raises(Conflict):
            member_changes.set_role(session, who, who.user_id, Role.ADMIN)
        with pytest.raises(NotFound):
            member_changes.set_role(session, who, other.user_id, Role.VIEWER)


def test_members_and_tenants_are_listed(who: Identity, other: Identity) -> None:
    make_tenant("initech")
    with session_scope(reason="tests") as session:
        session.add(Member(tenant_id=other.tenant_id, user_id=who.user_id, role=Role.VIEWER))
        session.flush()
        found = [(tenant.slug, role) for tenant, role in members.list_tenants(session, who.user_id)]
    assert found == [("acme", Role.OWNER), ("globex", Role.VIEWER)]
    with session_scope(other.tenant_id, read_only=True) as session:
        people = [(user.email, role) for user, role in members.list_members(session, other)]
    assert people == [(other.email, Role.OWNER), (who.email, Role.VIEWER)]
