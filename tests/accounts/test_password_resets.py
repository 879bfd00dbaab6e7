"""Password resets: a link works once within an hour, tells a stranger nothing, and opens no other tenant."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine

from platform_app.clock import now
from platform_app.db import owned, session_scope, unscoped
from platform_app.errors import Conflict, Forbidden, Invalid, LimitReached, NotFound, PlatformError
from platform_app.models.event import Activity
from platform_app.models.job import Job
from platform_app.models.person import Identity, Member, PasswordReset, Role
from platform_app.services.accounts import accounts, invitation_acceptance, password_resets, sessions
from tests.api_client import sign_in, ticket_for
from tests.conftest import make_member
from tests.inviting import PASSWORD, add_user, invited, use_platform_mail
from tests.mail_catcher import PASSWORD as MAIL_PASSWORD
from tests.mail_catcher import USER as MAIL_USER
from tests.mail_catcher import Catcher, text_of
from tests.talking import activities, events, run_jobs

HOME = "198.51.100.7"
INVALID = (NotFound, password_resets.INVALID_LINK)


def issued(user_id: str) -> str:
    with session_scope(reason="tests") as session:
        return password_resets.issue_token(session, user_id)


def refusal(work: Callable[[], object]) -> tuple[type[PlatformError], str]:
    with pytest.raises(PlatformError) as refused:
        work()
    return type(refused.value), str(refused.value)


def jobs(who: Identity) -> list[Job]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(Job, who.tenant_id)).all())


def test_it_sets_the_password_and_ends_every_session(who: Identity) -> None:
    held, ticket, token = sign_in(who), ticket_for(who), issued(who.user_id)
    assert password_resets.find_user(token).id == who.user_id
    password_resets.reset(token, PASSWORD)
    assert sessions.get_identity(held, "acme") is None
    with pytest.raises(Forbidden), session_scope(reason="tests") as session:
        sessions.redeem_ticket(session, ticket, "")
    assert accounts.authenticate(who.email, PASSWORD, HOME).id == who.user_id
    assert events(who) == ["member_changed"]
    assert activities(who) == ["{name} set a new password with a reset link"]


def test_it_works_once(who: Identity) -> None:
    token = issued(who.user_id)
    password_resets.reset(token, PASSWORD)
    assert refusal(lambda: password_resets.reset(token, "kolik plotů 9?")) == INVALID
    assert refusal(lambda: password_resets.find_user(token)) == INVALID
    assert accounts.authenticate(who.email, PASSWORD, HOME).id == who.user_id


def test_it_works_for_an_hour(who: Identity) -> None:
    token = issued(who.user_id)
    with time_machine.travel(now() + timedelta(minutes=59), tick=False):
        assert password_resets.find_user(token).id == who.user_id
    with time_machine.travel(now() + timedelta(minutes=60, seconds=1), tick=False):
        assert refusal(lambda: password_resets.reset(token, PASSWORD)) == INVALID


def test_a_newer_link_replaces_it_and_only_hashes_are_stored(who: Identity) -> None:
    first, second = issued(who.user_id), issued(who.user_id)
    assert refusal(lambda: password_resets.find_user(first)) == INVALID
    with session_scope(reason="tests", read_only=True) as session:
        (row,) = session.exec(unscoped(PasswordReset)).all()
    assert second not in str(vars(row)) and len(second) >= 22


def test_a_bad_password_leaves_the_link(who: Identity) -> None:
    token = issued(who.user_id)
    assert refusal(lambda: password_resets.reset(token, "password1"))[0] is Invalid
    password_resets.reset(token, PASSWORD)


@pytest.mark.parametrize("token", ["", "x", "\ud83d", "a" * 10_000])
def test_a_made_up_token_opens_nothing(who: Identity, token: str) -> None:
    issued(who.user_id)
    assert refusal(lambda: password_resets.reset(token, PASSWORD)) == INVALID


def test_a_disabled_user_gets_nothing(who: Identity, env: pytest.MonkeyPatch) -> None:
    use_platform_mail(env)
    token = issued(who.user_id)
    with session_scope(reason="tests") as session:
        accounts.set_disabled(session, who.user_id, disabled=True)
    assert refusal(lambda: password_resets.reset(token, PASSWORD)) == INVALID
    password_resets.request(who.email, HOME)
    assert jobs(who) == []


@pytest.fixture
def mail(env: pytest.MonkeyPatch, catcher: Catcher) -> Catcher:
    """The mail server of the platform, on this machine."""
    use_platform_mail(env, catcher.port, user=MAIL_USER, password=MAIL_PASSWORD)
    return catcher


LINK = re.compile(r"https://console\.platform\.test/reset-password#([\w-]{43})\n")


def test_the_worker_sends_it_in_both_languages(who: Identity, mail: Catcher) -> None:
    password_resets.request(who.email.upper(), HOME)
    (job,) = jobs(who)
    assert job.payload == {"kind": "send_password_reset", "user_id": who.user_id}  # no token is stored
    run_jobs(who)
    (letter,) = mail.letters
    text = text_of(letter)
    assert letter["to"] == who.email and "To set a new password" in text and "Чтобы задать новый пароль" in text
    first, second = LINK.findall(text)
    assert first == second and password_resets.find_user(first).id == who.user_id


def test_an_unknown_address_is_answered_alike(who: Identity, env: pytest.MonkeyPatch) -> None:
    use_platform_mail(env)
    add_user("alone@nowhere.test")  # an account without a tenant
    for email in ("nobody@acme.test", "no address", "alone@nowhere.test", "\x00\ud83d"):
        password_resets.request(email, HOME)  # returns nothing and raises nothing, as for a known one
    password_resets.request(who.email, HOME)
    assert len(jobs(who)) == 1


def test_requests_are_throttled_alike_for_known_and_unknown(who: Identity) -> None:
    with time_machine.travel(now(), tick=False):
        for email in (who.email, "nobody@acme.test"):
            for _ in range(3):
                password_resets.request(email, HOME)
            assert refusal(lambda e=email: password_resets.request(e, HOME))[0] is LimitReached  # type: ignore[misc]


def test_an_admin_starts_it_for_a_member(who: Identity) -> None:
    colleague, admin = make_member(who, Role.OPERATOR), make_member(who, Role.ADMIN)
    token = password_resets.start_for_member(admin, colleague.user_id, by_mail=False)
    assert password_resets.find_user(token).id == colleague.user_id
    assert events(who) == ["member_changed"] and activities(who) == ["Password reset of {name} started"]
    with session_scope(who.tenant_id, read_only=True) as session:
        assert token not in str([vars(row) for row in session.exec(owned(Activity, who.tenant_id))])


def test_for_whom_nobody_may_start_it(who: Identity, other: Identity) -> None:
    colleague, admin = make_member(who, Role.OPERATOR), make_member(who, Role.ADMIN)

    def start(acting: Identity, user_id: str) -> tuple[type[PlatformError], str]:
        return refusal(lambda: password_resets.start_for_member(acting, user_id, by_mail=False))

    assert start(admin, who.user_id) == (Forbidden, "Only an owner can change an owner.")
    assert start(replace(colleague, role=Role.OPERATOR), admin.user_id)[0] is Forbidden
    assert start(who, other.user_id)[0] is NotFound
    assert start(who, who.user_id)[0] is Conflict


def test_an_admin_gets_no_link_that_opens_another_tenant(who: Identity, other: Identity) -> None:
    with session_scope(who.tenant_id) as session:
        session.add(Member(tenant_id=who.tenant_id, user_id=other.user_id, role=Role.OPERATOR))
    kind, said = refusal(lambda: password_resets.start_for_member(who, other.user_id, by_mail=False))
    assert kind is Conflict and "another company" in said


def test_joining_another_tenant_kills_a_link_that_was_made_before(who: Identity, other: Identity) -> None:
    colleague = make_member(who, Role.OPERATOR)
    link = password_resets.start_for_member(who, colleague.user_id, by_mail=False)
    _, token = invited(other, colleague.email)
    invitation_acceptance.join(token, colleague.user_id)
    assert refusal(lambda: password_resets.reset(link, PASSWORD)) == INVALID


def test_the_operator_of_the_platform_gets_a_link(who: Identity, env: pytest.MonkeyPatch) -> None:
    use_platform_mail(env)
    link = password_resets.issue_link_for_email(who.email.upper())
    assert password_resets.find_user(link.split("#")[1]).id == who.user_id
    assert link.startswith("https://console.platform.test/reset-password#")
    assert refusal(lambda: password_resets.issue_link_for_email("nobody@acme.test"))[0] is NotFound
