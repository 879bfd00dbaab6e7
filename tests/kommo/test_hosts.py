"""Hosts: secrets and tokens go to accounts of the vendor alone."""

import pytest

from platform_app.errors import Invalid
from platform_app.integrations.kommo import oauth
from platform_app.integrations.kommo.hosts import chats_host, is_vendor_host, parse_account_host, product_of
from platform_app.integrations.kommo.oauth import Integration

HOSTILE = [
    "kommo.com",
    "evil.com",
    "shop.kommo.com.evil.com",
    "evil.com/shop.kommo.com",
    "evil.com?shop.kommo.com",
    "evil.com#.kommo.com",
    "shopkommo.com",
    "a.b.kommo.com",
    "shop.kommo.com:8443@evil.com",
    "user@shop.kommo.com",
    "https://shop.kommo.com@evil.com/",
    "https://evil.com\\.kommo.com",
    "https://[::1]/.kommo.com",
    "shop.kommo.com\x00.evil.com",
    "shop.kommo.com\n.evil.com",
    "shop.kommo.com.",
    "-shop.kommo.com",
    "sh\u043ep.kommo.com",
    "shop.kommo\u3002com",
    "www.kommo.com",
    "amojo.kommo.com",
    "169.254.169.254",
    "..",
    "",
    " ",
    "x" * 64 + ".kommo.com",
]


@pytest.mark.parametrize("written", HOSTILE)
def test_nothing_but_an_account_of_the_vendor_is_accepted(written: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_account_host(written)
    assert refused.value.field == "account"
    with pytest.raises(Invalid):
        oauth.exchange_code(Integration("id", "secret", "https://platform.example/x"), written, "code")


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("shop", "shop.kommo.com"),
        ("Shop.amoCRM.ru", "shop.amocrm.ru"),
        ("https://shop-2.amocrm.com/leads/detail/5?x=1", "shop-2.amocrm.com"),
        (" shop.kommo.com ", "shop.kommo.com"),
    ],
)
def test_an_account_is_read_from_what_people_write(written: str, host: str) -> None:
    assert parse_account_host(written) == host and is_vendor_host(host)


def test_a_name_alone_is_one_of_the_zone() -> None:
    assert parse_account_host("shop", zone="amocrm.ru") == "shop.amocrm.ru"
    assert (product_of("shop.amocrm.ru"), product_of("shop.kommo.com")) == ("amoCRM", "Kommo")
    assert chats_host("shop.amocrm.ru") == "amojo.amocrm.ru"
