"""CRM hooks: a post to a secret address is stored at once, and counts by what is read back; others are refused."""

import asyncio
import statistics
import time
from urllib.parse import urlencode

import httpx
import pytest

from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.models.integration import CrmCall, CrmNotice, RecordKind
from platform_app.models.person import Identity
from platform_app.services.crm import leads
from platform_app.services.integrations import connections
from tests.api_client import client
from tests.conftest import FULL
from tests.crm_sync import connected, connection, events, exchange, linked, rows
from tests.fakes.kommo import kommo, unpaced
from tests.integrations.test_crm_exchange import a_deal
from tests.talking import call

__all__ = ["kommo", "unpaced"]
RATE, SECONDS = 200, 30 if FULL else 3


def body_of(fake: FakeKommo, *lead_ids: int, action: str = "update", account: int = 0) -> bytes:
    """Return the form that Kommo posts about changes of leads."""
    fields = [(f"leads[{action}][{place}][id]", lead_id) for place, lead_id in enumerate(lead_ids)]
    return urlencode([*fields, ("account[id]", account or fake.data.account_id)]).encode()


async def post(token: str, body: bytes) -> httpx.Response:
    async with client() as system:
        return await system.post(f"/hooks/crm/{token}", content=body)


async def test_forged_posts_are_refused_and_nothing_is_read(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    connection_id = await asyncio.to_thread(connected, who, unpaced)
    token, calls = connection(who, connection_id).token, len(unpaced.calls)
    assert (await post("x" * 43, body_of(unpaced, deal))).status_code == 404
    assert (await post(token, body_of(unpaced, deal, account=99))).status_code == 403
    for body in (b"leads[update][0][id]=%d" % deal, b"", b"{}", b"leads[a[b]=1", b"[]=1", b"a[b]=1&a=2", b"\xff\x00"):
        assert (await post(token, body)).status_code in (403, 422), body
    assert (await post(token, b"x" * 1_100_000)).status_code in (413, 429)
    assert rows(who, CrmNotice) == [] and len(unpaced.calls) == calls
    refused = [entry.status for entry in rows(who, CrmCall) if entry.is_incoming]
    assert len(refused) == 8 and set(refused) <= {403, 422}
    call(who, connections.disconnect, connection_id)
    assert (await post(token, body_of(unpaced, deal))).status_code == 404


async def test_fifty_posts_of_one_change_are_one_event(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    connection_id = await asyncio.to_thread(connected, who, unpaced)
    token = connection(who, connection_id).token
    unpaced.data.change("leads", deal, name="Renamed")
    answers = await asyncio.gather(*(post(token, body_of(unpaced, deal)) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    await asyncio.to_thread(exchange, who, connection_id, is_due=False)
    await asyncio.to_thread(exchange, who, connection_id, is_due=False)
    assert len(events(who, "lead_updated")) == 1


async def test_an_older_state_does_not_come_back(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    connection_id = await asyncio.to_thread(connected, who, unpaced)
    held = unpaced.data.entities["leads"][deal]
    unpaced.data.change("leads", deal, name="New name")
    await post(connection(who, connection_id).token, body_of(unpaced, deal))
    await asyncio.to_thread(exchange, who, connection_id, is_due=False)
    held |= {"name": "Old name", "updated_at": held["updated_at"] - 60}  # a read that lags behind
    await post(connection(who, connection_id).token, body_of(unpaced, deal))
    await asyncio.to_thread(exchange, who, connection_id, is_due=False)
    assert linked(who, RecordKind.LEAD, deal).title == "New name"


async def test_a_lost_post_is_found_by_the_events_list(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    connection_id = await asyncio.to_thread(connected, who, unpaced)
    unpaced.hooks.losses = 1.0
    unpaced.data.change("leads", deal, name="Silently")
    new = unpaced.data.add("leads", name="New one", contacts=[])["id"]
    await asyncio.to_thread(exchange, who, connection_id)
    assert linked(who, RecordKind.LEAD, deal).title == "Silently"
    assert linked(who, RecordKind.LEAD, new).title == "New one"
    assert [event.after["title"] for event in events(who, "lead_created")] == ["New one"]


async def test_two_hundred_posts_a_second_are_answered_and_kept(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    connection_id = await asyncio.to_thread(connected, who, unpaced)
    token, late = connection(who, connection_id).token, list[float]()

    async def send(at: float, number: int, system: httpx.AsyncClient) -> int:
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        answer = await system.post(f"/hooks/crm/{token}", content=body_of(unpaced, deal, 10_000 + number))
        late.append(time.perf_counter() - at)
        return answer.status_code

    async with client() as system:
        begun = time.perf_counter()
        sent = [send(begun + number / RATE, number, system) for number in range(RATE * SECONDS)]
        answers = await asyncio.gather(*sent)
    assert set(answers) == {200}
    print(f"answered within {statistics.quantiles(late, n=100)[98]:.2f} s (99 of 100)")
    known = {notice.external_id for notice in rows(who, CrmNotice)}
    assert known == {str(deal), *(str(10_000 + number) for number in range(RATE * SECONDS))}


def test_connections_of_two_tenants_are_apart(who: Identity, other: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    mine, theirs = connected(who, unpaced), connected(other, unpaced)
    unpaced.data.change("leads", deal, name="For both")
    exchange(who, mine)
    assert linked(other, RecordKind.LEAD, deal).title == "Two bicycles"
    with pytest.raises(Exception, match="Connection not found"):
        call(who, connections.get, theirs)
    call(who, leads.save, linked(who, RecordKind.LEAD, deal).id, {"budget": "7"})
    exchange(who, mine)
    exchange(other, theirs)
    assert linked(other, RecordKind.LEAD, deal).budget == 7
