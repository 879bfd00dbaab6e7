"""CRM OAuth: an account is connected by signing in there; the way back counts once, for who began it, to the vendor."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from platform_app.db import session_scope
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.errors import Invalid
from platform_app.models.integration import RecordKind
from platform_app.models.person import Identity, Role
from platform_app.models.secret import Secret
from platform_app.services.accounts import sessions
from platform_app.services.integrations import connections, crm_tokens, oauth_connections
from tests.api_client import client, sign_in
from tests.conftest import forget_process_state, make_member
from tests.crm_sync import linked, rows, synchronize
from tests.fakes.kommo import kommo, unpaced
from tests.integrations.test_crm_exchange import a_deal
from tests.talking import call

__all__ = ["kommo", "unpaced"]
HOME = "https://agents.example.com"


@pytest.fixture(autouse=True)
def public(unpaced: FakeKommo, env: pytest.MonkeyPatch) -> None:
    """The platform has a public address."""
    env.setenv("PLATFORM_PUBLIC_URL", HOME)
    env.setenv("PLATFORM_HOSTS", "*")
    forget_process_state()
    unpaced.tokens.redirect_uri = f"{HOME}/oauth/crm/acme"


def in_session(token: str) -> Identity:
    """Return the member of a session, as routes and pages do."""
    who = sessions.get_identity(token, "acme")
    assert who is not None
    return who


def begun(who: Identity, fake: FakeKommo) -> str:
    """Begin a sign-in; return its state."""
    keys = {"client_id": fake.tokens.client_id, "client_secret": fake.tokens.client_secret}
    address = call(who, oauth_connections.begin, account=fake.host, **keys)
    assert urlsplit(address).hostname == "www.kommo.com"
    return parse_qs(urlsplit(address).query)["state"][0]


async def come_back(token: str, **query: str) -> httpx.Response:
    async with client(token, scheme="https") as browser:
        return await browser.get("/oauth/crm/acme", params=query, follow_redirects=False)


async def test_the_way_back_counts_once_for_who_began_it(who: Identity, unpaced: FakeKommo) -> None:
    other = make_member(who, Role.ADMIN)
    browser = sign_in(who)
    state, code = begun(in_session(browser), unpaced), unpaced.tokens.issue_code()
    given = {"state": state, "code": code, "referer": unpaced.host}
    assert (await come_back("")).status_code == 401
    for token, query, ended in (
        (sign_in(other), given, "over"),
        (browser, given | {"state": "x" * 43}, "over"),
        (sign_in(who), given, "over"),  # another browser of the same member
    ):
        answer = await come_back(token, **query)
        assert answer.headers["location"] == f"/manage/acme/integrations?sign_in={ended}"
    assert call(who, connections.list_connections) == []
    answer = await come_back(browser, **given)
    (row,) = call(who, connections.list_connections)
    assert answer.headers["location"] == f"/manage/acme/integrations/{row.id}"
    again = await come_back(browser, **given | {"code": unpaced.tokens.issue_code()})
    assert again.headers["location"].endswith("?sign_in=over")


@pytest.mark.parametrize("referer", ["evil.example.com", "shop.kommo.com.evil.example", "kommo.com@evil.example", ""])
async def test_the_secret_goes_to_the_vendor_alone(who: Identity, unpaced: FakeKommo, referer: str) -> None:
    calls = len(unpaced.calls)
    browser = sign_in(who)
    given = {"state": begun(in_session(browser), unpaced), "code": unpaced.tokens.issue_code(), "referer": referer}
    answer = await come_back(browser, **given)
    assert answer.headers["location"].endswith("?sign_in=refused") and len(unpaced.calls) == calls


def test_an_account_that_is_signed_in_to_is_exchanged_and_forgotten(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    given = {"state": begun(who, unpaced), "code": unpaced.tokens.issue_code(), "referer": unpaced.host}
    row = oauth_connections.finish(who, **given)
    assert synchronize(who, row.id).error == ""
    assert linked(who, RecordKind.LEAD, deal).title == "Two bicycles"
    unpaced.clock.advance(90_000)  # the access token is over: it is refreshed
    with session_scope(who.tenant_id, read_only=True) as session:
        crm = crm_tokens.open_crm(session, connections.get(session, who, row.id))
    assert crm.account().name == "Bicycle shop" and unpaced.tokens.refreshes == 1
    call(who, connections.disconnect, row.id)
    assert rows(who, Secret) == []


def test_without_a_public_address_it_is_said(who: Identity, unpaced: FakeKommo, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_PUBLIC_URL", "")
    forget_process_state()
    with pytest.raises(Invalid, match="PLATFORM_PUBLIC_URL"):
        begun(who, unpaced)
