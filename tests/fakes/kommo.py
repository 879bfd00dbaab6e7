"""Fake Kommo for tests: fixtures that start it, and a client of it. See platform_app/demo/fake_kommo/server.py."""

from collections.abc import Iterator

import pytest

from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.integrations import call_pace
from platform_app.integrations.kommo import limits
from platform_app.integrations.kommo.client import KommoClient, LongLivedToken
from platform_app.integrations.oauth_tokens import Access
from tests.conftest import forget_process_state

__all__ = ["FakeKommo", "client_of", "kommo", "unpaced"]


@pytest.fixture
def kommo(env: pytest.MonkeyPatch) -> Iterator[FakeKommo]:
    """A fake Kommo that the platform calls."""
    with FakeKommo() as fake:
        env.setenv("PLATFORM_KOMMO_API_URL", fake.address)
        forget_process_state()
        yield fake


def client_of(fake: FakeKommo) -> KommoClient:
    """Return a client with the long-lived token of a fake."""
    return KommoClient(LongLivedToken(Access(fake.host, fake.token)))


@pytest.fixture
def unpaced(kommo: FakeKommo, monkeypatch: pytest.MonkeyPatch) -> FakeKommo:
    """The fake without its limit, called without pauses: the pace has tests of its own."""
    monkeypatch.setattr(limits, "_RATES", (10**9, 10**9))
    monkeypatch.setattr(call_pace, "_local", {})
    monkeypatch.setattr(call_pace, "_under_way", {})
    kommo.rates.is_on = False
    return kommo
