"""Two-factor: a code is right for a moment and once; recovery codes replace it; nothing gets around it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine

from platform_app import config
from platform_app.clock import now
from platform_app.db import session_scope, unscoped
from platform_app.errors import Conflict, Forbidden, LimitReached, NotFound, PlatformError
from platform_app.models.job import Job
from platform_app.models.person import Identity, Member, Role
from platform_app.models.second_factor import RecoveryCode, SecondFactor
from platform_app.services.accounts import (
    password_resets,
    sessions,
    tenant_secrets,
    two_factor,
    two_factor_policy,
    two_factor_resets,
)
from tests.api_client import sign_in
from tests.conftest import make_member
from tests.inviting import PASSWORD, use_platform_mail
from tests.mail_catcher import PASSWORD as MAIL_PASSWORD
from tests.mail_catcher import USER as MAIL_USER
from tests.mail_catcher import Catcher, text_of
from tests.second_factor import App, set_up, use_password
from tests.talking import activities, call, events, run_jobs

HOME = "198.51.100.7"
EXPIRED = (Forbidden, sessions.EXPIRED)


def refusal(work: Callable[[], object]) -> tuple[type[PlatformError], str]:
    with pytest.raises(PlatformError) as refused:
        work()
    return type(refused.value), str(refused.value)


def challenge(who: Identity) -> str:
    with session_scope(reason="tests") as session:
        return two_factor.issue_challenge(session, who.user_id)


def second_step(who: Identity, code: str) -> int | None:
    """Sign in with a code; return how many recovery codes are left."""
    ticket, left = two_factor.redeem_challenge(challenge(who), code, HOME)
    with session_scope(reason="tests") as session:
        assert sessions.redeem_ticket(session, ticket, "")
    return left


def is_on(who: Identity) -> bool:
    return call(who, two_factor.get_status).enabled_at is not None


def require(who: Identity) -> None:
    set_up(who)
    call(who, two_factor_policy.set_required, True)


def test_it_is_on_once_a_code_confirms_it_and_ends_the_other_sessions(who: Identity) -> None:
    here, elsewhere = sign_in(who), sign_in(who)
    mine = sessions.get_identity(here, "acme")
    assert mine is not None and challenge(who) == ""
    use_password(who)
    assert two_factor.begin(mine) == two_factor.begin(mine)  # a reload shows the same
    assert refusal(lambda: two_factor.confirm(mine, "000 000", password=PASSWORD)) == (Forbidden, two_factor.WRONG_CODE)
    assert not is_on(who) and challenge(who) == ""
    _, codes = set_up(mine)
    assert is_on(who) and challenge(who) != ""
    assert len(set(codes)) == call(who, two_factor.get_status).recovery_codes == 10
    assert sessions.get_identity(here, "acme") is not None and sessions.get_identity(elsewhere, "acme") is None
    assert refusal(lambda: two_factor.begin(mine)) == (Conflict, "Two-factor is already on.")
    assert events(who) == ["member_changed"] and activities(who) == ["{name} turned two-factor on"]


def test_what_is_stored_tells_no_code(who: Identity) -> None:
    secret = two_factor.begin(who).text
    _, codes = set_up(who)
    with session_scope(reason="tests", read_only=True) as session:
        stored = [str(vars(row)) for model in (SecondFactor, RecoveryCode) for row in session.exec(unscoped(model))]
    assert not any(part in row for row in stored for part in (secret, *codes, *(one.replace("-", "") for one in codes)))


def test_a_challenge_is_no_ticket_and_a_code_makes_it_one(who: Identity) -> None:
    app, _ = set_up(who)
    with session_scope(reason="tests") as session:
        held = two_factor.issue_challenge(session, who.user_id)
    with session_scope(reason="tests") as session:
        assert refusal(lambda: sessions.redeem_ticket(session, held, "")) == EXPIRED
    assert refusal(lambda: two_factor.redeem_challenge(held, "123", HOME)) == (Forbidden, two_factor.WRONG_CODE)
    ticket, left = two_factor.redeem_challenge(held, f" {app.code()[:3]} {app.code()[3:]}", HOME)
    assert left is None
    assert refusal(lambda: two_factor.redeem_challenge(held, app.code(steps=1), HOME)) == EXPIRED
    with session_scope(reason="tests") as session:
        assert sessions.redeem_ticket(session, ticket, "")


@pytest.mark.parametrize(("steps", "is_right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clocks_may_differ_by_one_step(who: Identity, steps: int, is_right: bool) -> None:
    app, _ = set_up(who)
    with time_machine.travel(now() + timedelta(minutes=2), tick=False):
        code = app.code(steps=steps)
        if is_right:
            assert second_step(who, code) is None
        else:
            assert refusal(lambda: second_step(who, code)) == (Forbidden, two_factor.WRONG_CODE)


def test_a_code_works_once_and_none_before_it(who: Identity) -> None:
    with time_machine.travel(now(), tick=False):
        app, _ = set_up(who)
        assert refusal(lambda: second_step(who, app.code(steps=-1))) == (Forbidden, two_factor.USED_CODE)
        second_step(who, app.code(steps=1))
        for steps in (1, 0):
            assert refusal(lambda steps=steps: second_step(who, app.code(steps=steps))) == (  # type: ignore[misc]
                Forbidden,
                two_factor.USED_CODE,
            )


def test_a_recovery_code_works_once_and_says_how_many_are_left(who: Identity) -> None:
    _, codes = set_up(who)
    assert second_step(who, codes[0].upper().replace("-", " ")) == 9
    assert refusal(lambda: second_step(who, codes[0]))[0] is Forbidden
    assert second_step(who, codes[9]) == 8
    new = two_factor.renew_recovery_codes(who, PASSWORD)
    assert refusal(lambda: second_step(who, codes[2]))[0] is Forbidden
    assert second_step(who, new[0]) == 9


def wrong_codes(who: Identity) -> str:
    """Enter five wrong codes; return the challenge."""
    held = challenge(who)
    for _ in range(5):
        assert refusal(lambda: two_factor.redeem_challenge(held, "000000x", HOME))[0] is Forbidden
    return held


def test_wrong_codes_are_slowed_down_for_an_account_and_for_an_address(who: Identity, other: Identity) -> None:
    app, _ = set_up(who)
    theirs, _ = set_up(other)
    with time_machine.travel(now(), tick=False):
        held = wrong_codes(who)
        for address in (HOME, "203.0.113.9"):
            assert refusal(lambda at=address: two_factor.redeem_challenge(held, app.code(), at))[0] is LimitReached  # type: ignore[misc]
        for role in (Role.ADMIN, Role.OPERATOR, Role.VIEWER):
            member = make_member(who, role)
            set_up(member)
            wrong_codes(member)
        assert refusal(lambda: second_step(other, theirs.code()))[0] is LimitReached
    with time_machine.travel(now() + timedelta(minutes=3), tick=False):
        assert two_factor.redeem_challenge(held, app.code(), HOME)[0]  # nobody is locked out for good


def test_a_challenge_lasts_five_minutes_and_dies_with_the_sessions(who: Identity) -> None:
    app, _ = set_up(who)
    held, second = challenge(who), challenge(who)
    with time_machine.travel(now() + timedelta(minutes=5, seconds=1), tick=False):
        assert refusal(lambda: two_factor.redeem_challenge(held, app.code(), HOME)) == EXPIRED
    with session_scope(reason="tests") as session:
        token = password_resets.issue_token(session, who.user_id)
    password_resets.reset(token, PASSWORD)
    assert refusal(lambda: two_factor.redeem_challenge(second, app.code(), HOME)) == EXPIRED
    assert is_on(who)  # a new password does not turn it off
    for made_up in ("", "x", "\ud83d", "a" * 5_000):
        assert refusal(lambda held=made_up: two_factor.redeem_challenge(held, app.code(), HOME)) == EXPIRED  # type: ignore[misc]


@pytest.mark.parametrize("code", ["", " ", "\x00", "\ud83d", "１２３４５６", "9" * 100])
def test_hostile_codes_are_refused_in_words(who: Identity, code: str) -> None:
    set_up(who)
    assert refusal(lambda: second_step(who, code)) == (Forbidden, two_factor.WRONG_CODE)
    assert refusal(lambda: two_factor.turn_off(who, code))[0] is Forbidden


WRONG_PASSWORD = (Forbidden, "Current password is incorrect.")


def test_only_the_password_turns_it_on_and_off_and_makes_new_codes(who: Identity) -> None:
    use_password(who)
    app = App(two_factor.begin(who).text)
    assert refusal(lambda: two_factor.confirm(who, app.code(), password="wrong")) == WRONG_PASSWORD
    assert not is_on(who)
    app, codes = set_up(who)
    for proof in (app.code(), codes[0]):
        for work in (two_factor.turn_off, two_factor.renew_recovery_codes):
            assert refusal(lambda work=work, proof=proof: work(who, proof)) == WRONG_PASSWORD  # type: ignore[misc]
    two_factor.turn_off(who, PASSWORD)
    assert not is_on(who) and call(who, two_factor.get_status).recovery_codes == 0
    assert refusal(lambda: two_factor.renew_recovery_codes(who, PASSWORD)) == (Conflict, "Two-factor is off.")


def test_wrong_passwords_are_limited_like_a_sign_in(who: Identity) -> None:
    set_up(who)
    with time_machine.travel(now(), tick=False):
        for _ in range(5):
            assert refusal(lambda: two_factor.turn_off(who, "wrong")) == WRONG_PASSWORD
        assert refusal(lambda: two_factor.turn_off(who, PASSWORD))[0] is LimitReached


def test_a_tenant_requires_it(who: Identity) -> None:
    member = make_member(who, Role.OPERATOR)
    token, admin = sign_in(member), make_member(who, Role.ADMIN)
    assert refusal(lambda: call(member, two_factor_policy.set_required, True))[0] is Forbidden
    assert refusal(lambda: call(admin, two_factor_policy.set_required, True)) == (
        Conflict,
        "Turn two-factor on for yourself first.",
    )
    require(admin)
    assert sessions.get_identity(token, "acme") is None
    unenrolled = sessions.get_identity(token, "acme", unenrolled=True)
    assert unenrolled is not None and unenrolled.must_enroll
    set_up(unenrolled)
    enrolled = sessions.get_identity(token, "acme")
    assert enrolled is not None and not enrolled.must_enroll
    set_up(who)
    assert refusal(lambda: two_factor.turn_off(who, PASSWORD)) == (
        Conflict,
        "Acme requires two-factor for its members.",
    )
    call(who, two_factor_policy.set_required, False)
    two_factor.turn_off(who, PASSWORD)
    assert sessions.get_identity(sign_in(who), "acme") is not None


def test_it_holds_only_in_the_tenant_that_requires_it(who: Identity, other: Identity) -> None:
    with session_scope(who.tenant_id) as session:
        session.add(Member(tenant_id=who.tenant_id, user_id=other.user_id, role=Role.OPERATOR))
    require(who)
    token = sign_in(other)
    assert sessions.get_identity(token, "acme") is None and sessions.get_identity(token, "globex") is not None


@pytest.fixture
def mail(env: pytest.MonkeyPatch, catcher: Catcher) -> Catcher:
    """The mail server of the platform, on this machine."""
    use_platform_mail(env, catcher.port, user=MAIL_USER, password=MAIL_PASSWORD)
    return catcher


def test_an_admin_resets_it_for_a_member_who_is_told(who: Identity, mail: Catcher) -> None:
    colleague, admin = make_member(who, Role.OPERATOR), make_member(who, Role.ADMIN)
    set_up(colleague)
    token = sign_in(colleague)
    assert two_factor_resets.reset_for_member(admin, colleague.user_id) is True
    assert not is_on(colleague) and sessions.get_identity(token, "acme") is None
    assert activities(who)[-1] == "Two-factor of {name} reset"
    run_jobs(who)
    (letter,) = mail.letters
    text = text_of(letter)
    assert letter["to"] == colleague.email
    assert "turned off your two-factor authentication" in text and "выключил вашу двухфакторную защиту" in text


def test_without_a_mail_server_nobody_is_told(who: Identity) -> None:
    colleague = make_member(who, Role.OPERATOR)
    set_up(colleague)
    assert two_factor_resets.reset_for_member(who, colleague.user_id) is False
    with session_scope(reason="tests", read_only=True) as session:
        assert session.exec(unscoped(Job)).all() == []


def test_for_whom_nobody_may_reset_it(who: Identity, other: Identity) -> None:
    colleague, admin = make_member(who, Role.OPERATOR), make_member(who, Role.ADMIN)
    for person in (who, colleague, admin, other):
        set_up(person)

    def reset(acting: Identity, user_id: str) -> tuple[type[PlatformError], str]:
        return refusal(lambda: two_factor_resets.reset_for_member(acting, user_id))

    assert reset(admin, who.user_id) == (Forbidden, "Only an owner can change an owner.")
    assert reset(replace(colleague, role=Role.OPERATOR), admin.user_id)[0] is Forbidden
    assert reset(who, other.user_id)[0] is NotFound
    assert reset(who, who.user_id)[0] is Conflict
    with session_scope(who.tenant_id) as session:
        session.add(Member(tenant_id=who.tenant_id, user_id=other.user_id, role=Role.OPERATOR))
    assert "another company" in reset(who, other.user_id)[1]
    assert all(is_on(person) for person in (who, colleague, admin, other))


def test_the_operator_of_the_platform_turns_it_off(who: Identity) -> None:
    set_up(who)
    token = sign_in(who)
    assert two_factor_resets.reset_for_email(who.email.upper()) == who.email
    assert not is_on(who) and sessions.get_identity(token, "acme") is None
    assert refusal(lambda: two_factor_resets.reset_for_email(who.email))[0] is Conflict
    assert refusal(lambda: two_factor_resets.reset_for_email("nobody@acme.test"))[0] is NotFound


def test_its_secret_moves_to_the_newest_key(who: Identity, env: pytest.MonkeyPatch) -> None:
    def use(*keys: str) -> None:
        env.setenv("PLATFORM_SECRET_KEY", ", ".join(key * 32 for key in keys))
        config.settings.cache_clear()

    use("o")
    app, _ = set_up(who)
    use("n", "o")
    assert tenant_secrets.rotate() == 1
    use("n")
    assert tenant_secrets.count_secrets() == (1, 0) and second_step(who, app.code()) is None
    use("x")
    with pytest.raises(Conflict):
        second_step(who, app.code(steps=1))
