"""Providers: a tenant connects its own, whose key is sealed and serves nobody else, at public addresses only."""

from collections.abc import Iterator
from datetime import date

import pytest

from platform_app.config import settings
from platform_app.db import owned, session_scope
from platform_app.errors import Forbidden, Invalid, LimitReached, NotFound
from platform_app.llm.client import FailureReason
from platform_app.models.conversation import MessageState
from platform_app.models.model_provider import ModelProvider
from platform_app.models.person import Identity, Role
from platform_app.models.secret import Secret
from platform_app.services.providers import agent_models, provider_check, providers
from tests.conftest import make_member
from tests.fake_provider import FakeProvider, refuses, says, serving, started
from tests.providers.connected import FORM, connect
from tests.talking import activities, answered, begin, call, trace


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """The installation's provider; addresses of loopback are allowed."""
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.0/8")
    yield from serving(env, reply_total_seconds=6, reply_idle_seconds=2, reply_first_token_seconds=2)


@pytest.fixture
def own() -> Iterator[FakeProvider]:
    yield from started()


async def test_a_reply_by_the_tenants_provider(provider: FakeProvider, own: FakeProvider, who: Identity) -> None:
    row = connect(who, own)
    reply = await answered(who, begin(who, provider=row.id, model="fake-2"))
    assert reply.state == MessageState.COMPLETE and not provider.asked
    assert own.last.body["model"] == "fake-2" and own.last.headers["authorization"] == "Bearer sk-own-1234567890"
    assert trace(who, reply).data["provider"] == "Own"
    await answered(who, begin(who))
    assert len(provider.asked) == 1  # the installation's is the default
    call(who, providers.set_default, row.id)
    await answered(who, begin(who))
    await answered(who, begin(who, provider="installation"))
    assert (len(own.asked), len(provider.asked)) == (2, 2)


async def test_the_key_is_sealed_and_bound_to_its_address(
    provider: FakeProvider, own: FakeProvider, who: Identity
) -> None:
    row = connect(who, own)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert "sk-own" not in str([secret.sealed for secret in session.exec(owned(Secret, who.tenant_id))])
        assert "sk-own" not in str(session.exec(owned(ModelProvider, who.tenant_id)).one())
        assert providers.key_suffix(session, who, row.id) == "7890"
    kept = {"base_url": own.url, "key": ""}
    call(who, providers.save, row.id, FORM | kept | {"name": "Renamed"})
    assert call(who, providers.key_suffix, row.id) == "7890"
    with pytest.raises(Invalid) as refused:
        call(who, providers.save, row.id, FORM | {"base_url": "http://127.0.0.1:9/v1", "key": ""})
    assert refused.value.field == "key"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 81),
        ("base_url", ""),
        ("base_url", "ftp://example.com/v1"),
        ("base_url", "https://user:secret@example.com/v1"),
        ("base_url", "https://example.com/v1?key=1"),
        ("base_url", "http://10.0.0.1/v1"),
        ("base_url", "http://169.254.169.254/v1"),
        ("base_url", "http://[::1]/v1"),
        ("wire", "pigeon"),
        ("key", "ключ"),
        ("key", "a\nb"),
        ("input_price", "much"),
        ("input_price", "nan"),
        ("input_price", "-1"),
        ("output_price", ""),
    ],
)
def test_wrong_values_are_said_at_their_field(who: Identity, field: str, value: str) -> None:
    form = FORM | {"base_url": "https://example.com/v1", "input_price": "1", "output_price": "2"}
    with pytest.raises(Invalid) as refused:
        call(who, providers.save, "", form | {field: value})
    assert refused.value.field == field and call(who, providers.list_providers) == []


async def test_a_name_that_leads_inside_is_not_connected_to(own: FakeProvider, who: Identity) -> None:
    row = call(who, providers.save, "", FORM | {"base_url": f"http://localhost:{own.port}/v1"})
    outcome = await provider_check.run(who, row.id)
    assert outcome.problem == FailureReason.NOT_ALLOWED and own.connections == 0
    reply = await answered(who, begin(who, provider=row.id, model="fake-1"))
    assert (reply.state, reply.error) == (MessageState.FAILED, FailureReason.NOT_ALLOWED) and own.connections == 0


async def test_a_redirect_inside_is_not_followed(
    provider: FakeProvider, own: FakeProvider, who: Identity, env: pytest.MonkeyPatch
) -> None:
    own.will(refuses(307, location="http://169.254.169.254/latest"))
    reply = await answered(who, begin(who, provider=connect(who, own).id, model="fake-1"))
    assert (reply.state, reply.error) == (MessageState.FAILED, FailureReason.ADDRESS)


async def test_another_tenant_neither_sees_nor_uses_it(
    provider: FakeProvider, own: FakeProvider, who: Identity, other: Identity
) -> None:
    row = connect(who, own)
    assert call(other, providers.list_providers) == []
    for service in (providers.get, providers.remove, providers.set_default, providers.key_suffix):
        if service is providers.key_suffix:
            assert call(other, service, row.id) is None
            continue
        with pytest.raises(NotFound):
            call(other, service, row.id)
    with pytest.raises(NotFound):
        await provider_check.run(other, row.id)
    reply = await answered(other, begin(other, provider=row.id, model="fake-1"))
    assert (reply.state, reply.error) == (MessageState.FAILED, FailureReason.REMOVED) and not own.asked


def test_members_below_admin_change_nothing(own: FakeProvider, who: Identity, provider: FakeProvider) -> None:
    row, member = connect(who, own), make_member(who, Role.OPERATOR)
    for service, given in (
        (providers.save, ("", FORM)),
        (providers.remove, (row.id,)),
        (providers.set_default, (row.id,)),
        (providers.get, (row.id,)),
        (providers.key_suffix, (row.id,)),
    ):
        with pytest.raises(Forbidden):
            call(member, service, *given)
    assert [found.name for found in call(who, providers.list_providers)] == ["Own"]


async def test_a_removed_provider_is_said(provider: FakeProvider, own: FakeProvider, who: Identity) -> None:
    row = connect(who, own)
    opened = begin(who, provider=row.id)
    call(who, providers.remove, row.id)
    reply = await answered(who, opened)
    assert (reply.state, reply.error) == (MessageState.FAILED, FailureReason.REMOVED)
    assert await agent_models.model_problem(who.tenant_id, row.id, "") == (FailureReason.REMOVED, None)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert session.exec(owned(Secret, who.tenant_id)).all() == []
    assert "Model provider “{name}” removed" in activities(who)


async def test_the_check_lists_models_with_price_and_end(
    provider: FakeProvider, own: FakeProvider, who: Identity
) -> None:
    row = connect(who, own)
    own.models = [
        {"id": "dear", "pricing": {"prompt": "0.00001", "completion": "0.00003"}},
        {"id": "gone-soon", "shutdown_date": "2099-01-02", "model_info": {"input_cost_per_token": 1e-6,
         "output_cost_per_token": 2e-6}},
        {"id": "bad", "pricing": {"prompt": "-1", "completion": "free"}},
        {"id": "x" * 300},
    ]  # fmt: skip
    outcome = await provider_check.run(who, row.id)
    assert (outcome.problem, outcome.model_count) == ("", 3) and outcome.model == own.last.body["model"]
    listed = {model["name"]: model for model in call(who, providers.get, row.id).models}
    assert listed["dear"]["price"] == [1e-05, 3e-05, None] and listed["bad"]["price"] is None
    assert date.fromisoformat(listed["gone-soon"]["shutdown_date"]) == date(2099, 1, 2)
    own.will(says("Yes."))
    reply = await answered(who, begin(who, provider=row.id, model="dear"))
    assert trace(who, reply).cost == pytest.approx(120 * 1e-5 + 7 * 3e-5)
    own.will(refuses(401))
    assert (await provider_check.run(who, row.id)).problem == FailureReason.KEY


async def test_models_without_a_price_cost_what_the_tenant_says(
    provider: FakeProvider, own: FakeProvider, who: Identity
) -> None:
    row = connect(who, own, input_price="2", output_price="10,5")
    reply = await answered(who, begin(who, provider=row.id, model="unheard-of"))
    assert trace(who, reply).cost == pytest.approx((120 * 2 + 7 * 10.5) / 1_000_000)


def test_there_can_be_twenty(who: Identity) -> None:
    for number in range(providers.MAX_PROVIDERS):
        call(who, providers.save, "", FORM | {"name": f"P{number}", "base_url": "https://example.com/v1"})
    with pytest.raises(LimitReached):
        call(who, providers.save, "", FORM | {"base_url": "https://example.com/v1"})


async def test_a_key_that_cannot_be_read_is_said(
    provider: FakeProvider, own: FakeProvider, who: Identity, env: pytest.MonkeyPatch
) -> None:
    row = connect(who, own)
    opened = begin(who, provider=row.id)
    env.setenv("PLATFORM_SECRET_KEY", "another-" + "k" * 32)
    settings.cache_clear()
    reply = await answered(who, opened)
    assert reply.state == MessageState.FAILED and "enter the value again" in reply.error and not own.asked
