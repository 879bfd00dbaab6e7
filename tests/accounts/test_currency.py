"""Currency: admins choose that of the company, amounts are shown with it, and no other code is stored."""

import pytest

from platform_app.db import session_scope
from platform_app.errors import Forbidden, Invalid
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import accounts, members
from platform_app.services.accounts.accounts import CURRENCIES


def choose(who: Identity, currency: str) -> None:
    with session_scope(reason="tests") as session:
        accounts.update_tenant(session, who, name="Acme", time_zone="Europe/Moscow", currency=currency)


def chosen(who: Identity) -> str:
    with session_scope(who.tenant_id, read_only=True) as session:
        return members.automation_identity(session, who.tenant_id, "rules").currency


def test_admins_choose_it(who: Identity) -> None:
    for currency in ("KZT", ""):
        choose(who, currency)
        assert chosen(who) == currency
    assert len(set(CURRENCIES)) == len(CURRENCIES)


@pytest.mark.parametrize("currency", ["XXX", "eur", "€", "E" * 10_000])
def test_no_other_is_stored(who: Identity, currency: str) -> None:
    choose(who, "EUR")
    with pytest.raises(Invalid):
        choose(who, currency)
    assert chosen(who) == "EUR"


def test_operators_do_not(who: Identity) -> None:
    with pytest.raises(Forbidden):
        choose(Identity(**(vars(who) | {"role": Role.OPERATOR})), "USD")
