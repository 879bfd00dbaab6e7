"""Bitrix24 API: addresses of webhooks, what each error means, and the pace that all workers keep together."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from platform_app.errors import Invalid
from platform_app.integrations.base import CrmBusy, CrmError, CrmRefused, CrmUncertain, CrmUnpaid, CrmUnreachable
from platform_app.integrations.bitrix24 import api
from platform_app.integrations.bitrix24.api import Answers, BitrixClient
from platform_app.integrations.bitrix24.commands import Command, parse_address
from platform_app.integrations.bitrix24.values import CONTACTS
from tests.fakes.bitrix24 import FakeBitrix, bitrix, portal

__all__ = ["bitrix", "portal"]


@pytest.mark.parametrize(
    "written",
    [
        "",
        "shop.bitrix24.ru",
        "http://shop.bitrix24.ru/rest/1/abcdef123/",
        "https://user@shop.bitrix24.ru/rest/1/abcdef123/",
        "https://shop.bitrix24.ru/rest/1/",
        "https://shop.bitrix24.ru/rest/one/abcdef123/",
        "https://shop.bitrix24.ru/rest/1/abc%2F..%2Fdef/",
        "https://shop.bitrix24.ru\\@evil.test/rest/1/abcdef123/",
        f"https://{'a' * 70}.ru/rest/1/abcdef123/",
        "https://[::1/rest/1/abcdef123/",
    ],
)
def test_what_is_no_address_of_a_webhook_is_refused(written: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_address(written)
    assert refused.value.field == "token"


def test_an_address_is_read_with_a_method_behind_it_and_a_host_of_ones_own() -> None:
    code = "1/abcdef123"
    assert parse_address(" https://Shop.Bitrix24.ru/rest/1/abcdef123/profile.json?x=1 ") == ("shop.bitrix24.ru", code)
    assert parse_address("https://портал.рф:8443/rest/1/abcdef123") == ("xn--80awhdgm.xn--p1ai:8443", code)


@pytest.mark.parametrize(
    ("status", "code", "creates", "kind"),
    [
        (503, "QUERY_LIMIT_EXCEEDED", True, CrmBusy),
        (429, "OPERATION_TIME_LIMIT", False, CrmBusy),
        (401, "expired_token", False, CrmRefused),
        (403, "ACCESS_DENIED", False, CrmUnpaid),
        (500, "PORTAL_DELETED", True, CrmUnpaid),
        (503, "OVERLOAD_LIMIT", False, CrmUnpaid),
        (400, "", False, CrmError),
        (500, "ERROR_UNEXPECTED_ANSWER", False, CrmUnreachable),
        (500, "ERROR_UNEXPECTED_ANSWER", True, CrmUncertain),
    ],
)
def test_each_error_has_a_meaning(
    bitrix: FakeBitrix, status: int, code: str, creates: bool, kind: type[CrmError]
) -> None:
    bitrix.fail_next("batch", status=status, code=code or " ")
    with pytest.raises(CrmError) as raised:
        BitrixClient(bitrix.host, f"1/{bitrix.code}").batch({"a": Command("scope")}, creates=creates)
    assert type(raised.value) is kind
    if code == "QUERY_LIMIT_EXCEEDED":
        with pytest.raises(CrmBusy) as told:
            BitrixClient(bitrix.host, f"1/{bitrix.code}", max_wait=0.1).call(Command("scope"))
        assert 5 < told.value.seconds <= api.PAUSE_SECONDS and len(bitrix.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(302, CrmRefused), (401, CrmRefused), (403, CrmUnreachable), (404, CrmUnreachable), (429, CrmBusy)],
)
@pytest.mark.parametrize("creates", [True, False])
def test_a_page_in_place_of_an_answer_means_that_nothing_was_done(
    bitrix: FakeBitrix, status: int, kind: type[CrmError], creates: bool
) -> None:
    bitrix.plain = (status, {"location": "https://new.bitrix24.com/rest/1/"})
    with pytest.raises(CrmError) as raised:
        BitrixClient(bitrix.host, f"1/{bitrix.code}").call(Command("crm.deal.add"), creates=creates)
    assert type(raised.value) is kind
    if status == 302:
        assert raised.value.values["host"] == "new.bitrix24.com"


@pytest.mark.parametrize("creates", [True, False])
def test_a_page_of_a_broken_portal_is_uncertain_after_a_creation(bitrix: FakeBitrix, creates: bool) -> None:
    for status in (200, 502):
        bitrix.plain = (status, {})
        with pytest.raises(CrmUncertain if creates else CrmUnreachable):
            BitrixClient(bitrix.host, f"1/{bitrix.code}").call(Command("crm.deal.add"), creates=creates)


def test_a_list_without_end_ends(bitrix: FakeBitrix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MAX_PAGES", 4)
    client, page = BitrixClient(bitrix.host, f"1/{bitrix.code}"), [{"ID": "7"}] * 50
    starts = count(50, 50)

    def answer(commands: Mapping[str, Command]) -> Answers:
        return Answers(dict.fromkeys(commands, page), {}, {key: next(starts) for key in commands})

    monkeypatch.setattr(client, "batch", answer)
    assert len(client.whole({"users": Command("user.get")})["users"]) == 4 * 50
    assert len(client.everything([CONTACTS])[0]) == 50 + 5 * 50, "the ids do not grow"
    page[-1].clear()
    assert client.pages(CONTACTS, "0")[1] == ""


def test_all_workers_together_keep_to_two_requests_a_second(portal: FakeBitrix, live_redis: str) -> None:
    clients = [BitrixClient(portal.host, f"1/{portal.code}", max_wait=1.5) for _ in range(6)]

    def ask(one: BitrixClient) -> float:
        try:
            one.call(Command("scope"))
        except CrmBusy as busy:
            return busy.seconds
        return 0.0

    began = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        told = sorted(pool.map(ask, clients))
    assert time.monotonic() - began < 3 and portal.bucket.refused == 0
    assert len(portal.requests) == 3  # what comes late counts in the next second; the vendor takes 50 at once
    assert told[:3] == [0, 0, 0] and all(seconds > 1.5 - 0.6 for seconds in told[3:])
