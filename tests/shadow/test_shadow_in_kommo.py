"""Shadow mode with Kommo: what managers answer there, and the lead in whose chat a Salesbot works."""

from datetime import timedelta

import time_machine

from platform_app import clock
from platform_app.db import session_scope
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.models.channel import ChannelAccount
from platform_app.models.conversation import ConversationState
from platform_app.models.event import EventKind
from platform_app.models.integration import CrmConnection, CrmKind, CrmLink, RecordKind
from platform_app.models.person import Identity
from platform_app.services.crm import leads
from platform_app.services.shadow import comparison, shadow_accounts
from platform_app.services.shadow.comparison import Selection
from platform_app.services.shadow.shadow_figures import ShadowScope
from tests.channels.bots import parts, poll
from tests.channels.test_kommo_bridge import bot as bot
from tests.channels.test_kommo_bridge import fake as fake
from tests.channels.test_kommo_bridge import kommo, unpaced, write
from tests.kommo.test_own_chats import account as account
from tests.kommo.test_own_chats import answer
from tests.shadow.shadowing import compared, write_answer
from tests.talking import a_stage, call, events
from tests.visiting import a_chat, the_talk
from tests.visiting import write as visit

__all__ = ["kommo", "unpaced"]


def linked_lead(who: Identity, fake: FakeKommo, external_id: int) -> str:
    """Write a lead that is synchronized with one of Kommo; return its stage."""
    stage = a_stage(who)
    own = call(who, leads.create, title="Bike", stage_id=stage)
    with session_scope(who.tenant_id) as session:
        connection = CrmConnection(
            tenant_id=who.tenant_id, kind=CrmKind.KOMMO, name="Shop", host=fake.host, external_id="1", token="t"
        )
        session.add(connection)
        session.flush()
        link = CrmLink(tenant_id=who.tenant_id, connection_id=connection.id, kind=RecordKind.LEAD, row_id=own.id)
        link.external_id = str(external_id)
        session.add(link)
    return stage


def test_a_salesbot_says_nothing_while_managers_answer(who: Identity, fake: FakeKommo, bot: ChannelAccount) -> None:
    call(who, shadow_accounts.set_shadow, bot.id, is_shadow=True)
    lead = fake.team.customer("Olga")
    stage = linked_lead(who, fake, lead)
    poll(who)
    write(fake, bot, lead=lead)
    write_answer(who, compared(who)[0])
    fake.team.manager_writes(lead, "45 euros.")
    with time_machine.travel(clock.now() + timedelta(seconds=30), tick=True):
        poll(who, rounds=3)
        (row,) = compared(who)
        assert (row.stage_id, row.person_message_id, row.answered_at is not None) == (stage, None, True)
        assert the_talk(who).state == ConversationState.HANDED_OFF
        write(fake, bot, "And tomorrow?", lead)
    assert [row.answered_at is None for row in compared(who)] == [False, True]
    assert parts(who) == [] and fake.team.received[lead] == ["45 euros."]
    assert not [one.path for one in fake.calls if "/continue/" in one.path or "salesbot/run" in one.path]


def test_managers_who_answer_in_our_own_channel_are_compared(
    who: Identity, unpaced: FakeKommo, account: ChannelAccount
) -> None:
    chat = a_chat(who)
    call(who, shadow_accounts.set_shadow, chat.id, is_shadow=True)
    visit(who, chat, "How much is it?")
    write_answer(who, compared(who)[0])
    answer(unpaced, account, the_talk(who).id, "45 euros.")
    scope = ShadowScope(chat.id, clock.now() - timedelta(days=1), clock.now() + timedelta(seconds=1))
    ((one,), _) = call(who, comparison.list_answers, scope, Selection.ALL, page=1, page_size=9)
    assert (one.person, one.person_name) == (["45 euros."], "Pavel Orlov")
    assert EventKind.REPLY_SENT not in events(who)
