"""Invitations: one person joins one tenant once with the role of the row; anything else is refused in words."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine

from platform_app.clock import now
from platform_app.db import owned, session_scope, unscoped
from platform_app.errors import Conflict, Forbidden, Invalid, LimitReached, NotFound, PlatformError
from platform_app.models.event import Activity, ActivityKind
from platform_app.models.invitation import Invitation, MailState
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity, Member, Role, User
from platform_app.services.accounts import (
    accounts,
    invitation_acceptance,
    invitations,
    link_tokens,
    member_changes,
    sessions,
)
from tests.conftest import make_member
from tests.inviting import EMAIL, PASSWORD, add_user, invited, open_invitations, use_platform_mail
from tests.jobs.test_job_callbacks import attempt, job_of
from tests.mail_catcher import PASSWORD as MAIL_PASSWORD
from tests.mail_catcher import USER as MAIL_USER
from tests.mail_catcher import Catcher, text_of
from tests.talking import activities, call, events, run_jobs


def registered(token: str) -> tuple[User, str]:
    user, offer = invitation_acceptance.register(token, name="Cleo", password=PASSWORD, language="ru")
    return user, offer.slug


def membership(who: Identity, user_id: str) -> Member | None:
    with session_scope(who.tenant_id, read_only=True) as session:
        found: Member | None = session.exec(owned(Member, who.tenant_id).where(Member.user_id == user_id)).first()
        return found


def refusal(work: Callable[[], object]) -> tuple[type[PlatformError], str]:
    with pytest.raises(PlatformError) as refused:
        work()
    return type(refused.value), str(refused.value)


def test_a_new_person_registers_with_the_role_of_the_row(who: Identity) -> None:
    row, token = invited(who, " Cleo@Colleagues.test ", Role.ADMIN)
    assert (row.email, row.role, row.mail) == (EMAIL, Role.ADMIN, MailState.NONE)
    assert len(token) >= 22 and row.token_hash == link_tokens.hash_token(token) and token not in str(vars(row))
    offer = invitation_acceptance.find_offer(token)
    assert (offer.tenant_name, offer.email, offer.role, offer.has_account) == ("Acme", EMAIL, Role.ADMIN, False)
    user, slug = registered(token)
    member = membership(who, user.id)
    assert (user.email, user.name, user.language, slug) == (EMAIL, "Cleo", "ru", "acme")
    assert member is not None and member.role == Role.ADMIN
    assert accounts.authenticate(EMAIL, PASSWORD, "198.51.100.7").id == user.id
    assert events(who) == ["member_invited", "member_joined"]
    assert activities(who) == ["{email} invited", "{name} joined"]
    assert open_invitations(who) == []


def test_a_person_with_an_account_joins(who: Identity, other: Identity) -> None:
    _, token = invited(who, other.email, Role.VIEWER)
    assert invitation_acceptance.find_offer(token).has_account
    assert refusal(lambda: registered(token))[0] is Conflict
    assert invitation_acceptance.join(token, other.user_id).slug == "acme"
    member = membership(who, other.user_id)
    assert member is not None and member.role == Role.VIEWER
    mine = membership(other, other.user_id)
    assert mine is not None and mine.role == Role.OWNER  # of their own tenant


def test_it_is_used_once(who: Identity) -> None:
    _, token = invited(who)
    user, _ = registered(token)
    used = (Conflict, "This invitation has already been used.")
    assert refusal(lambda: invitation_acceptance.find_offer(token)) == used
    assert refusal(lambda: registered(token)) == used
    assert refusal(lambda: invitation_acceptance.join(token, user.id)) == used
    call(who, member_changes.remove, user.id)
    assert refusal(lambda: invitation_acceptance.join(token, user.id)) == used


def test_it_expires_after_72_hours(who: Identity) -> None:
    _, token = invited(who)
    user_id = add_user()
    with time_machine.travel(now() + timedelta(hours=71, minutes=59), tick=False):
        assert invitation_acceptance.find_offer(token).email == EMAIL
    with time_machine.travel(now() + timedelta(hours=72, seconds=1), tick=False):
        kind, said = refusal(lambda: invitation_acceptance.join(token, user_id))
        assert (kind, said) == (Conflict, f"This invitation has expired. Ask {who.name} for a new one.")
        assert refusal(lambda: registered(token))[0] is Conflict
        _, again = call(who, invitations.renew, open_invitations(who)[0].id, by_mail=False)
        assert invitation_acceptance.join(again, user_id).slug == "acme"


def test_a_new_link_and_a_revocation_kill_the_old_one(who: Identity) -> None:
    row, first = invited(who)
    _, second = call(who, invitations.renew, row.id, by_mail=False)
    assert refusal(lambda: invitation_acceptance.find_offer(first))[0] is NotFound
    assert invitation_acceptance.find_offer(second).email == EMAIL
    call(who, invitations.revoke, row.id)
    assert refusal(lambda: registered(second)) == (Conflict, "This invitation has been revoked.")
    assert refusal(lambda: call(who, invitations.renew, row.id, by_mail=False))[0] is NotFound
    assert events(who) == ["member_invited", "invitation_revoked"]
    invited(who)  # the address can be invited anew


def test_another_signed_in_person_is_refused(who: Identity, other: Identity) -> None:
    _, token = invited(who)
    kind, said = refusal(lambda: invitation_acceptance.join(token, other.user_id))
    assert (kind, said) == (Forbidden, f"This invitation is for {EMAIL}. You are signed in as {other.email}.")
    assert membership(who, other.user_id) is None
    user_id = add_user()
    assert invitation_acceptance.join(token, user_id).slug == "acme"


def test_another_tenant_can_neither_see_nor_change_it(who: Identity, other: Identity) -> None:
    row, token = invited(who)
    assert open_invitations(other) == []
    for change in (
        lambda: call(other, invitations.revoke, row.id),
        lambda: call(other, invitations.renew, row.id, by_mail=False),
    ):
        assert refusal(change)[0] is NotFound
    user, slug = registered(token)
    assert slug == "acme" and membership(other, user.id) is None


@pytest.mark.parametrize(
    ("role", "given", "allowed"),
    [
        (Role.OWNER, Role.OWNER, True),
        (Role.ADMIN, Role.ADMIN, True),
        (Role.ADMIN, Role.OWNER, False),
        (Role.OPERATOR, Role.VIEWER, False),
        (Role.VIEWER, Role.VIEWER, False),
    ],
)
def test_nobody_invites_with_more_than_they_have(who: Identity, role: Role, given: Role, allowed: bool) -> None:
    acting = replace(who, role=role)
    if allowed:
        invited(acting, role=given)
    else:
        assert refusal(lambda: invited(acting, role=given))[0] is Forbidden
    owners, _ = invited(who, "new@owner.test", Role.OWNER)
    if role != Role.OWNER:
        for change in (invitations.revoke, lambda *given: invitations.renew(*given, by_mail=False)):
            assert refusal(lambda work=change: call(acting, work, owners.id))[0] is Forbidden  # type: ignore[misc]
    assert (open_invitations(acting) != []) is role.includes(Role.ADMIN)


def test_who_cannot_be_invited(who: Identity) -> None:
    colleague = make_member(who, Role.VIEWER)
    assert refusal(lambda: invited(who, "no address"))[0] is Invalid
    assert refusal(lambda: invited(who, colleague.email)) == (Conflict, f"{colleague.email} is a member already.")
    invited(who)
    assert refusal(lambda: invited(who, EMAIL.upper()))[0] is Conflict
    assert refusal(lambda: invited(who, "x@y.test", by_mail=True)) == (
        Conflict,
        "The platform has no mail server.",
    )


def test_too_many_invitations_are_slowed_down(who: Identity, other: Identity) -> None:
    for number in range(30):
        invited(who, f"{number}@many.test")
    assert refusal(lambda: invited(who, "more@many.test"))[0] is LimitReached
    invited(other, "more@many.test")  # others are not held up
    row = open_invitations(other)[0]
    for _ in range(5):
        call(other, invitations.renew, row.id, by_mail=False)
    assert refusal(lambda: call(other, invitations.renew, row.id, by_mail=False))[0] is LimitReached


@pytest.mark.parametrize("token", ["", "x", "\ud83d", "'; DROP TABLE invitation; --", "a" * 10_000])
def test_a_made_up_token_opens_nothing(who: Identity, token: str) -> None:
    invited(who)
    known = (NotFound, "This invitation link doesn’t work. Ask for a new one.")
    assert refusal(lambda: invitation_acceptance.find_offer(token)) == known
    assert refusal(lambda: registered(token)) == known


def test_an_easy_password_and_no_name_are_refused(who: Identity) -> None:
    _, token = invited(who)
    for name, password, field in (("Cleo", "password1", "password"), (" \u200b", PASSWORD, "name")):
        with pytest.raises(Invalid) as refused:
            invitation_acceptance.register(token, name=name, password=password, language="en")
        assert refused.value.field == field
    with session_scope(reason="tests", read_only=True) as session:
        assert session.exec(unscoped(User).where(User.email == EMAIL)).first() is None
    registered(token)


@pytest.fixture
def mail(env: pytest.MonkeyPatch, catcher: Catcher) -> Catcher:
    """The mail server of the platform, on this machine."""
    env.delenv("PLATFORM_EGRESS_ALLOW")  # what operators name may stand anywhere
    use_platform_mail(env, catcher.port, user=MAIL_USER, password=MAIL_PASSWORD)
    return catcher


LINK = re.compile(r"https://console\.platform\.test/invitation#([\w-]{43})\n")


def test_it_is_sent_in_both_languages_by_the_worker(who: Identity, mail: Catcher) -> None:
    row, token = invited(who, by_mail=True)
    assert (token, row.mail, mail.letters) == ("", MailState.QUEUED, [])
    assert job_of(who).payload == {"kind": "send_invitation", "invitation_id": row.id}  # no token is stored
    run_jobs(who)
    (letter,) = mail.letters
    assert (letter["to"], letter["from"]) == (EMAIL, "Platform <platform@platform.test>")
    assert letter["subject"] == f"{who.name} invited you to Acme"
    text = text_of(letter)
    assert "Your role: Operator." in text and "Ваша роль: Оператор." in text
    first, second = LINK.findall(text)
    assert first == second and registered(first)[1] == "acme"
    (row,) = _all(who)
    assert row.mail == MailState.SENT and row.mailed_at is not None
    assert first not in str([vars(one) for one in _stored(who)])


def _all(who: Identity) -> list[Invitation]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(Invitation, who.tenant_id)).all())


def _stored(who: Identity) -> list[object]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return [row for model in (Invitation, Job, Activity) for row in session.exec(owned(model, who.tenant_id))]


def test_a_refused_address_is_said_at_the_invitation(who: Identity, mail: Catcher) -> None:
    mail.faults["RCPT"] = "550 no such mailbox in smtp.inner.example"
    invited(who, by_mail=True)
    attempt(who)
    (row,) = open_invitations(who)
    assert (row.mail, job_of(who).state) == (MailState.FAILED, JobState.FAILED)
    assert row.mail_error == "The mail server refused the message. Check the address."  # nothing of the infrastructure
    mail.faults.clear()
    call(who, invitations.renew, row.id, by_mail=True)
    run_jobs(who)
    assert open_invitations(who)[0].mail == MailState.SENT


def test_a_busy_server_is_asked_again(who: Identity, mail: Catcher) -> None:
    mail.faults["RCPT"] = "451 later"
    invited(who, by_mail=True)
    attempt(who)
    assert (open_invitations(who)[0].mail, job_of(who).state) == (MailState.QUEUED, JobState.QUEUED)
    mail.faults.clear()
    attempt(who)
    assert open_invitations(who)[0].mail == MailState.SENT and len(mail.letters) == 1


def test_what_is_in_doubt_is_said_and_not_sent_twice(who: Identity, mail: Catcher) -> None:
    mail.faults["DATA"] = "drop"
    invited(who, by_mail=True)
    attempt(who)
    (row,) = open_invitations(who)
    assert (row.mail, job_of(who).state, mail.tries) == (MailState.UNCERTAIN, JobState.UNCERTAIN, 1)
    call(who, invitations.renew, row.id, by_mail=False)
    assert open_invitations(who)[0].mail == MailState.NONE


def test_nothing_is_sent_for_an_invitation_that_is_closed(who: Identity, mail: Catcher) -> None:
    row, _ = invited(who, by_mail=True)
    call(who, invitations.revoke, row.id)
    run_jobs(who)
    assert mail.letters == [] and job_of(who).state == JobState.DONE


def test_the_session_of_a_person_without_a_tenant_knows_them(who: Identity) -> None:
    """They have to come back to the invitation after the sign-in."""
    user_id = add_user()
    with session_scope(reason="tests") as session:
        ticket = sessions.issue_ticket(session, user_id)
    with session_scope(reason="tests") as session:
        token = sessions.redeem_ticket(session, ticket, "")
    found = sessions.get_user(token)
    assert found is not None and found.id == user_id and sessions.get_identity(token, None) is None
    sessions.end_session(token)
    assert sessions.get_user(token) is None


def test_what_happened_is_told_with_its_event(who: Identity) -> None:
    _, token = invited(who)
    registered(token)
    with session_scope(who.tenant_id, read_only=True) as session:
        told = list(session.exec(owned(Activity, who.tenant_id)).all())
    assert all(one.event_id and one.kind == ActivityKind.PERSON for one in told)
    assert [one.link for one in told] == ["/settings/members"] * 2
