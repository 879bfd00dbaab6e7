"""CRM failures: a revoked token, an unpaid account, limits and silence are said, and nothing is lost by them."""

import pytest

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.errors import Invalid
from platform_app.i18n import translate
from platform_app.integrations import call_pace
from platform_app.integrations.base import SubscribableCrm
from platform_app.integrations.crm_registry import CRM_TYPES
from platform_app.models.crm import Lead
from platform_app.models.event import Activity, ActivityKind
from platform_app.models.integration import ConnectionState, CrmCall, CrmKind, RecordKind
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity
from platform_app.services.crm import leads
from platform_app.services.integrations import connections
from tests.conftest import forget_process_state
from tests.crm_sync import connect, connected, connection, exchange, linked, rows, synchronize, work
from tests.fakes.kommo import kommo, unpaced
from tests.integrations.test_crm_exchange import a_deal
from tests.talking import call

__all__ = ["kommo", "unpaced"]


def failures(who: Identity) -> list[Activity]:
    return [row for row in rows(who, Activity) if row.kind == ActivityKind.FAILURE]


def run_again(who: Identity) -> None:
    """Let jobs that wait be due."""
    with session_scope(who.tenant_id) as session:
        for job in session.exec(owned(Job, who.tenant_id).where(Job.state == JobState.QUEUED)).all():
            job.run_at = now()
    work(who)


def test_a_revoked_token_is_said_once_and_a_new_one_goes_on(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    connection_id = connected(who, unpaced)
    unpaced.tokens.revoke()
    unpaced.data.change("leads", deal, name="Meanwhile")
    exchange(who, connection_id)
    exchange(who, connection_id)
    row = connection(who, connection_id)
    assert row.state == ConnectionState.REFUSED
    assert "Integrations" in translate("en", row.problem, **row.problem_values)
    assert translate("ru", row.problem, **row.problem_values) != translate("en", row.problem, **row.problem_values)
    assert len(failures(who)) == 1
    access = connections.verify(CrmKind.KOMMO, unpaced.host, unpaced.tokens.long_lived())
    call(who, connections.set_token, connection_id, access)
    exchange(who, connection_id)
    assert connection(who, connection_id).problem == ""
    assert linked(who, RecordKind.LEAD, deal).title == "Meanwhile"


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ("revoked", "amoCRM doesn’t accept this access. Check it and enter it again."),
        ("unpaid", "The amoCRM account isn’t paid. Connect it once it is."),
        ("silent", "amoCRM isn’t responding. Try again later."),
        ("broken", "amoCRM returned an error (500). Try again later."),
        ("busy", "amoCRM asks to wait because of too many requests. Try again later."),
        ("denied", "amoCRM doesn’t allow this: Not enough rights. Enter an access with more rights."),
    ],
)
def test_who_connects_is_told_what_to_do(unpaced: FakeKommo, trouble: str, told: str) -> None:
    token = unpaced.tokens.long_lived()
    unpaced.is_paid, unpaced.is_cut, unpaced.is_allowed = trouble != "unpaid", trouble == "silent", trouble != "denied"
    if trouble in ("broken", "busy"):
        unpaced.fail_next("GET", "/api/v4/account", status=500 if trouble == "broken" else 429)
    with pytest.raises(Invalid) as refused:
        connections.verify(CrmKind.KOMMO, unpaced.host, f"{token}x" if trouble == "revoked" else token)
    assert refused.value.field == "token"
    product = refused.value.values["product"]
    assert translate("en", refused.value.sentence, **refused.value.values) == told.replace("amoCRM", product)
    assert translate("ru", refused.value.sentence) != refused.value.sentence


@pytest.mark.parametrize("kind", CRM_TYPES)
def test_a_crm_is_told_the_address_by_calls_or_by_a_person(kind: CrmKind) -> None:
    crm_type = CRM_TYPES[kind]
    assert isinstance(crm_type.open("portal.test", "1/a"), SubscribableCrm) != bool(crm_type.posts_help)


@pytest.mark.parametrize("trouble", ["unpaid", "silent", "broken", "busy"])
def test_trouble_is_waited_for(who: Identity, unpaced: FakeKommo, trouble: str) -> None:
    deal = a_deal(unpaced)
    connection_id = connected(who, unpaced)
    lead = linked(who, RecordKind.LEAD, deal)
    call(who, leads.save, lead.id, {"budget": "77"})
    unpaced.is_paid, unpaced.is_cut = trouble != "unpaid", trouble == "silent"
    if trouble in ("broken", "busy"):
        unpaced.fail_next("GET", "/api/v4/leads", status=500 if trouble == "broken" else 429)
    exchange(who, connection_id)
    assert unpaced.data.entities["leads"][deal]["price"] == 1500
    assert bool(connection(who, connection_id).problem) == (trouble != "busy")
    unpaced.is_paid, unpaced.is_cut = True, False
    call_pace._local.clear()
    run_again(who)
    assert unpaced.data.entities["leads"][deal]["price"] == 77
    assert connection(who, connection_id).problem == "" and failures(who) == []


def test_a_synchronization_goes_on_where_the_network_was_cut(who: Identity, unpaced: FakeKommo) -> None:
    for number in range(600):
        at = int(now().timestamp()) - 86_400
        unpaced.data.add("leads", name=f"Lead {number}", created_at=at, updated_at=at)
    connection_id = connect(who, unpaced)
    unpaced.fail_next("GET", "/api/v4/leads", status=200, body=b"not JSON")
    synchronize(who, connection_id)
    run_again(who)
    run_again(who)
    pages = [one for one in unpaced.calls if one.path == "/api/v4/leads" and "order" in one.target]
    assert len(rows(who, Lead)) == 600
    assert len(pages) <= 4  # those before the cut are not read again


def test_the_log_holds_no_token(who: Identity, unpaced: FakeKommo) -> None:
    a_deal(unpaced)
    connection_id = connected(who, unpaced)
    logged = [f"{entry.method} {entry.path} {entry.error}" for entry in rows(who, CrmCall)]
    assert any("GET /api/v4/leads" in line for line in logged)
    secret = connection(who, connection_id).token
    assert not any(unpaced.token in line or secret in line for line in logged)


def test_a_public_platform_is_told_to_the_crm(who: Identity, unpaced: FakeKommo, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_PUBLIC_URL", "https://agents.example.com")
    forget_process_state()
    connection_id = connected(who, unpaced)
    (subscription,) = unpaced.hooks.subscriptions
    assert subscription.destination == f"https://agents.example.com/hooks/crm/{connection(who, connection_id).token}"
    assert {"status_lead", "update_contact", "add_task", "note_lead"} <= set(subscription.settings)
    assert connection(who, connection_id).webhook == subscription.destination
