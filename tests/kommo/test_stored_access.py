"""Stored access: ten workers refresh once, no token is lost, and an account that was renamed is found."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.demo.fake_kommo import json_web_tokens
from platform_app.demo.fake_kommo.replies import Call, Reply
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.integrations import stored_access
from platform_app.integrations.kommo import errors, oauth
from platform_app.integrations.kommo.client import KommoClient
from platform_app.integrations.kommo.oauth import Integration
from platform_app.integrations.stored_access import StoredAccess
from platform_app.models.oauth_grant import OAuthGrant
from platform_app.models.person import Identity
from platform_app.services.accounts import tenant_secrets


def integration(fake: FakeKommo) -> Integration:
    return Integration(fake.tokens.client_id, fake.tokens.client_secret, "https://platform.example/callback")


@pytest.fixture
def access(who: Identity, unpaced: FakeKommo) -> StoredAccess:
    """Access that was granted by a code."""
    tokens = oauth.exchange_code(integration(unpaced), unpaced.host, unpaced.tokens.issue_code())
    with session_scope(who.tenant_id) as session:
        stored_access.store(session, who.tenant_id, "c1", tokens)
    return StoredAccess(who.tenant_id, "c1", integration(unpaced))


def row(access: StoredAccess) -> OAuthGrant:
    with session_scope(access.tenant_id, read_only=True) as session:
        kept: OAuthGrant = session.exec(owned(OAuthGrant, access.tenant_id)).one()
        return kept


def expire(fake: FakeKommo) -> None:
    """Let the access token end at the vendor."""
    fake.clock.advance(90_000)


def test_ten_workers_refresh_once_and_lose_no_token(access: StoredAccess, unpaced: FakeKommo) -> None:
    for round_number in range(1, 4):
        expire(unpaced)
        start = Barrier(10)

        def work(_: int, start: Barrier = start) -> int:
            start.wait()
            return KommoClient(access).account().id

        with ThreadPoolExecutor(10) as pool:
            assert set(pool.map(work, range(10))) == {unpaced.data.account_id}
        assert (unpaced.tokens.refreshes, unpaced.tokens.refused_refreshes) == (round_number, 0)
    assert row(access).version == 4 and row(access).worker is None


def test_new_tokens_are_stored_encrypted_before_they_are_used(access: StoredAccess, unpaced: FakeKommo) -> None:
    expire(unpaced)
    seen: list[tuple[str, str]] = []
    answer = unpaced.answer

    def watching(call: Call) -> Reply:
        if call.path == "/api/v4/account":
            seen.append((call.headers["authorization"].removeprefix("Bearer "), access.current().token))
            assert call.headers["authorization"].removeprefix("Bearer ") not in row(access).sealed
        return answer(call)

    unpaced.answer = watching  # type: ignore[method-assign]
    KommoClient(access).account()
    (refused, _), (used, stored) = seen
    assert used == stored != refused


def test_a_token_is_refreshed_before_it_ends(access: StoredAccess, unpaced: FakeKommo) -> None:
    with time_machine.travel(now() + timedelta(hours=24), tick=True):
        assert KommoClient(access).account().id
    assert unpaced.tokens.refreshes == 1 and [call.status for call in unpaced.calls] == [200, 200, 200]


def test_a_revoked_access_is_tried_once_and_then_refused_without_a_call(
    access: StoredAccess, unpaced: FakeKommo
) -> None:
    unpaced.tokens.revoke()
    with pytest.raises(errors.Unauthorized):
        KommoClient(access).account()
    assert row(access).is_refused and row(access).worker is None
    calls = len(unpaced.calls)
    with pytest.raises(errors.Unauthorized):
        KommoClient(access).account()
    assert len(unpaced.calls) == calls
    again = oauth.exchange_code(integration(unpaced), unpaced.host, unpaced.tokens.issue_code())
    with session_scope(access.tenant_id) as session:
        stored_access.store(session, access.tenant_id, "c1", again)
    assert KommoClient(access).account().id


def test_an_account_that_was_renamed_is_found(access: StoredAccess, unpaced: FakeKommo) -> None:
    unpaced.rename("bicycles")
    assert KommoClient(access).account().subdomain == "bicycles"
    assert row(access).host == "bicycles.kommo.com" and unpaced.tokens.refreshes == 1
    assert KommoClient(access).account().id and unpaced.tokens.refreshes == 1


def test_a_token_does_not_lead_to_a_stranger(access: StoredAccess, unpaced: FakeKommo) -> None:
    for domain in ("evil.example", "kommo.com.evil.example", "127.0.0.1", "a.b.kommo.com", 5, None):
        token = json_web_tokens.sign({"api_domain": domain}, "secret")
        assert oauth.current_host("shop.kommo.com", token, "refresh") == ""
    assert all(call.host == unpaced.host for call in unpaced.calls)


@pytest.mark.parametrize("does_it", [False, True])
def test_a_refresh_without_an_answer_is_tried_by_the_next_call(
    access: StoredAccess, unpaced: FakeKommo, does_it: bool
) -> None:
    expire(unpaced)
    unpaced.fail_next("POST", "/oauth2/access_token", does_it=does_it)
    with pytest.raises(errors.Uncertain):
        KommoClient(access).account()
    assert not row(access).is_refused and row(access).worker is None
    if does_it:  # the vendor's new token was lost on the way: only a person can connect again
        with pytest.raises(errors.Unauthorized):
            KommoClient(access).account()
    else:
        assert KommoClient(access).account().id


def test_a_worker_that_died_while_refreshing_blocks_nobody_for_long(
    access: StoredAccess, unpaced: FakeKommo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_access, "MAX_WAIT_SECONDS", 0.2)
    assert isinstance(access._claim(access.current()), stored_access._Claim)
    with pytest.raises(errors.Unreachable):
        access.renew(access.current())
    with time_machine.travel(now() + timedelta(minutes=5), tick=True):
        assert access.renew(access.current()).token
    assert unpaced.tokens.refreshes == 1


def test_tokens_are_of_one_tenant_and_are_deleted(access: StoredAccess, other: Identity, unpaced: FakeKommo) -> None:
    with pytest.raises(errors.Unauthorized):
        StoredAccess(other.tenant_id, "c1", access.service).current()
    with session_scope(access.tenant_id) as session:
        assert stored_access.exists(session, access.tenant_id, "c1")
        stored_access.delete(session, access.tenant_id, "c1")
    with pytest.raises(errors.Unauthorized):
        access.current()


def test_tokens_are_in_no_log_and_are_re_encrypted(
    access: StoredAccess, unpaced: FakeKommo, caplog: pytest.LogCaptureFixture, capsys: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    expire(unpaced)
    KommoClient(access).account()
    token, kept = access.current().token, row(access).sealed
    assert token not in kept and token not in f"{access!r} {access.current()!r}"
    told = caplog.text + capsys.readouterr().out
    assert token not in told and unpaced.tokens.client_secret not in told + repr(access)
    assert tenant_secrets.count_secrets() == (1, 0)


def test_a_code_counts_once_and_for_twenty_minutes(unpaced: FakeKommo) -> None:
    code = unpaced.tokens.issue_code()
    assert oauth.exchange_code(integration(unpaced), unpaced.host, code).refresh_token
    with pytest.raises(errors.Unauthorized):
        oauth.exchange_code(integration(unpaced), unpaced.host, code)
    late = unpaced.tokens.issue_code()
    unpaced.clock.advance(1_300)
    with pytest.raises(errors.Unauthorized):
        oauth.exchange_code(integration(unpaced), unpaced.host, late)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b'{"access_token": 5, "refresh_token": ""}', b""])
def test_an_answer_that_is_none_of_the_vendors_is_uncertain(unpaced: FakeKommo, body: bytes) -> None:
    unpaced.fail_next("POST", "/oauth2/access_token", status=200, body=body)
    with pytest.raises(errors.Uncertain):
        oauth.exchange_code(integration(unpaced), unpaced.host, "code")
