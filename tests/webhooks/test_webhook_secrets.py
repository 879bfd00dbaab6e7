"""Webhook secrets: nothing of them stands in the clear, and they outlive a change of keys and of tables."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from platform_app import db, migrations
from platform_app.db import session_scope, unscoped
from platform_app.errors import Conflict, Unavailable
from platform_app.models.person import Identity, Role
from platform_app.models.webhook import DeliveryOutcome, IncomingWebhook
from platform_app.services.accounts import tenant_secrets
from platform_app.services.webhooks import deliveries, incoming_webhooks, webhook_secrets
from platform_app.services.webhooks.deliveries import IncomingRequest
from platform_app.state.webhooks import webhooks as webhooks_page
from tests.conftest import make_tenant
from tests.database.test_migrations import empty
from tests.hooks import a_webhook, address_of, secret_of, signed, take
from tests.runtime.test_encryption import NEW, OLD, use_keys
from tests.talking import call

__all__ = ["empty"]
RAW = "SELECT address_secret, secret, former_secret FROM incomingwebhook ORDER BY id"


def raw(address: str) -> list[tuple[str, ...]]:
    """Return what stands in the columns, past everything of ours."""
    db.engine().dispose()
    with create_engine(address, poolclass=NullPool).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT set_config('app.tenant', '*', true)"))
        return [tuple(row) for row in connection.execute(text(RAW))]


def delivered(address: str, secret: str, message_id: str) -> DeliveryOutcome:
    return take(deliveries.find_webhook(address), IncomingRequest(b"{}", signed(secret, b"{}", message_id=message_id)))


def test_nothing_stands_in_the_clear_and_deliveries_are_taken(who: Identity, database: str, tmp_path: Path) -> None:
    webhook = a_webhook(who, signed=True)
    address, before = address_of(webhook), secret_of(webhook)
    after = secret_of(call(who, incoming_webhooks.rotate_secret, webhook.id))
    assert before.startswith("whsec_") and before != after and len(address) == 32
    for place, secret in enumerate((before, after)):
        assert delivered(address, secret, f"m{place}") == DeliveryOutcome.ACCEPTED
    ((*columns,),) = raw(database)
    assert all(one.startswith("v1.") for one in columns)
    kept = str(columns).encode() + b"".join(p.read_bytes() for p in (tmp_path / "data").rglob("*.db*") if p.is_file())
    assert not [clear for clear in (address, before, after) if clear.encode() in kept]


def test_what_is_moved_to_another_webhook_or_column_is_not_read(who: Identity) -> None:
    first, second = a_webhook(who), a_webhook(who)
    first.secret, second.secret = second.secret, second.address_secret
    for row in (first, second):
        with pytest.raises(Conflict):
            webhook_secrets.get_secret(row)


def test_they_are_re_encrypted_with_the_keys(who: Identity, database: str, env: pytest.MonkeyPatch) -> None:
    use_keys(env, OLD)
    webhook = a_webhook(who, signed=True)
    address, before = address_of(webhook), secret_of(webhook)
    a_webhook(who)
    after = secret_of(call(who, incoming_webhooks.rotate_secret, webhook.id))
    use_keys(env, NEW)
    assert tenant_secrets.count_secrets() == (5, 5)
    with pytest.raises(Unavailable):
        delivered(address, before, "lost")
    with pytest.raises(Conflict, match="keys: 5"):
        tenant_secrets.rotate()
    use_keys(env, NEW, OLD)
    old = raw(database)
    assert tenant_secrets.rotate() == 5 and tenant_secrets.rotate() == 0
    assert not {one for row in old for one in row if one} & {one for row in raw(database) for one in row}
    use_keys(env, NEW)
    assert tenant_secrets.count_secrets() == (5, 0)
    assert [delivered(address, secret, secret[-9:]) for secret in (before, after)] == [DeliveryOutcome.ACCEPTED] * 2


def test_a_database_with_clear_values_is_sealed_and_opened_again(empty: str) -> None:
    migrations.upgrade(empty)
    who = make_tenant("acme")
    made = [a_webhook(who, signed=True), a_webhook(who, signed=True)]
    clear = [(address_of(row), secret_of(row), "") for row in made]
    clear[1] = (clear[1][0], secret_of(call(who, incoming_webhooks.rotate_secret, made[1].id)), clear[1][1])
    delivered(clear[0][0], clear[0][1], "m0")
    db.engine().dispose()
    migrations.downgrade(empty, "0007")
    assert raw(empty) == clear
    migrations.upgrade(empty)
    assert not {one for row in clear for one in row if one} & {one for row in raw(empty) for one in row}
    with session_scope(reason="tests", read_only=True) as session:
        rows = session.exec(unscoped(IncomingWebhook).order_by(IncomingWebhook.id)).all()
    assert [(address_of(row), secret_of(row)) for row in rows] == [(address, secret) for address, secret, _ in clear]
    assert [row.kept_bytes for row in rows] == [2, 0]
    assert [row.former_secret == "" for row in rows] == [True, False]
    assert delivered(clear[1][0], clear[1][2], "m1") == DeliveryOutcome.ACCEPTED


def test_where_the_key_is_missing_the_page_says_it_in_place_of_the_address(
    who: Identity, env: pytest.MonkeyPatch
) -> None:
    webhook = a_webhook(who)
    shown = webhooks_page.address_of(webhook, who, "https://acme.test")
    assert shown == f"https://acme.test/hooks/{address_of(webhook)}"
    use_keys(env, NEW)
    assert "encryption key is missing" in webhooks_page.address_of(webhook, who, "https://acme.test")
    assert webhooks_page.address_of(webhook, replace(who, role=Role.OPERATOR), "https://acme.test") == ""
