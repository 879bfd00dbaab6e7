"""WhatsApp page: admins connect a number, see its webhook and replace its access; others see no secrets."""

import asyncio
import time
from typing import Any

import pytest

from platform_app.models.conversation import ConversationState
from platform_app.models.person import Identity, Role
from platform_app.services.channels import channel_accounts
from platform_app.state.channels.bot_connection import BotConnectionState
from platform_app.state.channels.channel_account import ChannelAccountState
from platform_app.state.channels.channel_accounts import ChannelAccountsState
from platform_app.state.channels.template_list import TemplateListState
from platform_app.state.inbox.conversation import InboxState
from platform_app.state.inbox.template_message import TemplateMessageState
from platform_app.state.rules.rule import RuleState
from platform_app.state.sequences.sequence import SequenceState
from tests.channels.numbers import connected, post_now, verified
from tests.channels.numbers import whatsapp as whatsapp
from tests.conftest import make_member
from tests.fakes.whatsapp import FakeWhatsApp
from tests.fakes.whatsapp_templates import template
from tests.headless.harness import Tab, sign_in
from tests.headless.test_webhooks import opened
from tests.rules.test_rules import a_rule
from tests.sequencing import a_sequence, after, do
from tests.talking import call, published
from tests.visiting import the_talk

PAGE = "/settings/channels"


def seen(tab: Tab, name: str) -> Any:
    return tab.get(ChannelAccountState, name)


async def test_connect_see_the_webhook_and_replace_the_access(who: Identity, whatsapp: FakeWhatsApp) -> None:
    form = whatsapp.credentials | {"agent_id": published(who, channels=["test"]), "name": ""}
    async with Tab(sign_in(who)) as tab:
        await opened(tab, PAGE, ChannelAccountsState, "loaded")
        await tab.send(BotConnectionState.open_dialog("whatsapp"))
        for field in ("token", "app_secret", "phone_number_id", "business_account_id", "agent_id"):
            await tab.send(BotConnectionState.connect(form | {field: "12345"}))
            assert tab.get(BotConnectionState, "problem_field") == field
        await tab.send(BotConnectionState.connect(form))
        (row,) = call(who, channel_accounts.list_accounts)
        assert row.name == "+1 555-000-9999"
        await opened(tab, f"{PAGE}/{row.id}", ChannelAccountState, "account_key")
        assert seen(tab, "webhook").endswith(f"/hooks/channels/{row.token}")
        assert len(seen(tab, "verification")) == 43 and seen(tab, "bot_link") == "https://wa.me/15550009999"
        assert seen(tab, "shown_access") == {
            "phone_number_id": whatsapp.phone_id,
            "business_account_id": whatsapp.account_id,
        }
        assert whatsapp.token not in str(tab.seen) and whatsapp.secret not in str(tab.seen)
        await tab.send(ChannelAccountState.replace_token(whatsapp.credentials | {"app_secret": "wrong"}))
        assert "belongs to another app" in seen(tab, "problems")["app_secret"]
        whatsapp.token = "EAAG" + "n" * 50
        await tab.send(ChannelAccountState.replace_token(whatsapp.credentials))
        assert seen(tab, "problems") == {} and tab.errors == []


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
async def test_others_see_no_verify_token(who: Identity, whatsapp: FakeWhatsApp, role: Role) -> None:
    account = await asyncio.to_thread(connected, who, whatsapp)
    async with Tab(sign_in(make_member(who, role))) as tab:
        await opened(tab, f"{PAGE}/{account.id}", ChannelAccountState, "account_key")
        assert seen(tab, "verification") == "" and seen(tab, "shown_access") == {}
        await tab.send(ChannelAccountState.replace_token(whatsapp.credentials | {"app_secret": "x"}))
        assert seen(tab, "problems") == {}
    access = await asyncio.to_thread(verified, whatsapp.credentials)
    assert access.connected_as == account.id


async def test_templates_are_fetched_and_sent_by_members_when_the_window_is_closed(
    who: Identity, whatsapp: FakeWhatsApp
) -> None:
    account = await asyncio.to_thread(connected, who, whatsapp)
    whatsapp.templates = [template("reminder", "Your {{1}} is ready."), template("paused", "Buy!", status="PAUSED")]
    old = whatsapp.write("Old", at=time.time() - 90_000)
    await asyncio.to_thread(post_now, account, whatsapp, old)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"{PAGE}/{account.id}", ChannelAccountState, "account_key")
        await tab.send(TemplateListState.refresh)
        listed = tab.get(TemplateListState, "rows")
        assert [(row.name, row.is_usable, row.state) for row in listed] == [
            ("paused", False, "Paused by Meta"),
            ("reminder", True, "Approved"),
        ]
        await opened(tab, f"/inbox?c={the_talk(who).id}", InboxState, "loaded")
        assert tab.get(TemplateMessageState, "is_closed") is True
        await tab.send(InboxState.send({"text": "Hello"}))
        assert "approved templates only" in tab.scripts() and the_talk(who).state == ConversationState.OPEN
        await tab.send(TemplateMessageState.choose("paused/en_US"))
        assert tab.get(TemplateMessageState, "chosen") == ""
        await tab.send(TemplateMessageState.choose("reminder/en_US"))
        (value,) = tab.get(TemplateMessageState, "values")
        await tab.send(TemplateMessageState.send({value.name: " "}))
        assert "all values" in tab.get(TemplateMessageState, "problem")
        await tab.send(TemplateMessageState.send({value.name: "bike"}))
        await tab.send(InboxState.load)
        assert tab.get(InboxState, "messages")[-1].text == "Your bike is ready."
        await asyncio.to_thread(post_now, account, whatsapp, whatsapp.write("I come"))
        await tab.send(InboxState.load)
        assert tab.get(TemplateMessageState, "is_closed") is False
        assert "Free text until" in tab.get(TemplateMessageState, "window_words") and tab.errors == []


async def test_editors_warn_where_the_window_may_be_closed_and_offer_a_template(
    who: Identity, whatsapp: FakeWhatsApp
) -> None:
    message = {"kind": "send_message", "text": "Are you coming?"}
    rule = a_rule(who, "stage_changed", message)
    late = do("b", message, timing=after(2))
    sequence = a_sequence(who, do("a", message), late, trigger="message_received")
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"/rules/{rule}", RuleState, "action_lines")
        (line,) = tab.get(RuleState, "action_lines")
        assert line.warning == "" and "template" not in [field.name for field in line.fields]
        account = await asyncio.to_thread(connected, who, whatsapp)
        whatsapp.templates = [template("reminder", "Your {{1}} is ready.")]
        await opened(tab, f"{PAGE}/{account.id}", ChannelAccountState, "account_key")
        await tab.send(TemplateListState.refresh)
        await opened(tab, f"/sequences/{sequence}", SequenceState, "steps")
        assert ["WhatsApp" in step.warning for step in tab.get(SequenceState, "steps")] == [False, True]
        await opened(tab, f"/rules/{rule}", RuleState, "action_lines")
        await tab.send(RuleState.load)
        (line,) = tab.get(RuleState, "action_lines")
        assert "too long ago" in line.warning
        await tab.send(RuleState.set_action_field(0, "template", "reminder/en_US"))
        (line,) = tab.get(RuleState, "action_lines")
        problems = {field.name: field.problem for field in line.fields}
        assert line.warning == "" and problems["template_values"] == "The template needs 1 value, one per line."
        await tab.send(RuleState.set_action_field(0, "template_values", "{{contact.name}}"))
        (line,) = tab.get(RuleState, "action_lines")
        assert not any(field.problem for field in line.fields) and tab.errors == []
