"""Audit log page: admins read, filter, verify and download it; others see that they may not."""

from typing import Any

from sqlalchemy import update

from platform_app.models.audit import AuditEntry
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import accounts
from platform_app.state.audit.audit_log import AuditLogState
from tests.api_client import client
from tests.audit.test_audit_log import entries, tamper
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.talking import call

PAGE = "/manage/acme/settings/audit"


def seen(tab: Tab, name: str) -> Any:
    return tab.get(AuditLogState, name)


async def test_read_filter_and_verify(who: Identity) -> None:
    call(who, accounts.update_tenant, name="Acme Ltd", time_zone="UTC")
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        words = [(row.action, row.subject, row.changes) for row in seen(tab, "rows")]
        changed = "Name: Acme → Acme Ltd; Time zone: Europe/Moscow → UTC"
        assert ("Changed", "Company “Acme Ltd”", changed) in words
        assert "not verified yet" in seen(tab, "verdict")
        await tab.send(AuditLogState.filter_action("changed"))
        assert {row.action for row in seen(tab, "rows")} == {"Changed"} and seen(tab, "is_filtered")
        await tab.send(AuditLogState.set_first("2020-01-01"))
        assert seen(tab, "rows") and "first=2020-01-01" in seen(tab, "download")
        await tab.send(AuditLogState.set_last("2020-01-02"))
        assert seen(tab, "rows") == []
        await tab.send(AuditLogState.verify())
        assert "in order" in seen(tab, "verdict") and not seen(tab, "has_fault") and not seen(tab, "is_verifying")
        tamper(update(AuditEntry).where(AuditEntry.number == 1).values(actor_name="Nobody"))  # type: ignore[arg-type]
        await tab.send(AuditLogState.verify())
        assert seen(tab, "verdict").startswith("Entry 1 was altered. Checked") and seen(tab, "has_fault")
        assert tab.errors == []


async def test_russian_words(who: Identity) -> None:
    async with Tab(sign_in(who), "ru") as tab:
        await tab.goto(PAGE)
        assert tab.errors == []


async def test_others_see_nothing(who: Identity) -> None:
    async with Tab(sign_in(make_member(who, Role.OPERATOR))) as tab:
        await tab.goto(PAGE)
        for event in (AuditLogState.filter_action("changed"), AuditLogState.verify()):
            await tab.send(event)
        assert seen(tab, "rows") == [] and seen(tab, "verdict") == "" and seen(tab, "loaded")


async def test_download_is_for_admins_and_is_recorded(who: Identity) -> None:
    token = sign_in(who).removeprefix("session=")
    async with client(token) as web:
        answer = await web.get("/api/audit/acme/log.csv", params={"action": "created"})
        assert answer.status_code == 200 and "Created" in answer.text and answer.text.startswith("\ufeffNo.,")
        assert (await web.get("/api/audit/acme/log.csv", params={"first": "never"})).status_code == 422
    assert [(row.action, row.object_kind, row.actor_id) for row in entries(who)][-1] == (
        "exported",
        "audit_log",
        who.user_id,
    )
    async with client(sign_in(make_member(who, Role.OPERATOR)).removeprefix("session=")) as web:
        assert (await web.get("/api/audit/acme/log.csv")).status_code == 403
