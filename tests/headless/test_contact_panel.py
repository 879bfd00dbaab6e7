"""Contact panel: what is beside an open conversation follows what concerns it, and nothing else."""

from typing import Any

import pytest

from platform_app.db import session_scope
from platform_app.models.conversation import Conversation
from platform_app.models.person import Identity
from platform_app.services.channels import ratings
from platform_app.services.inbox import open_conversation
from platform_app.state.console import live_updates
from platform_app.state.inbox.contact_panel import ContactPanelState
from tests.headless.harness import Tab, sign_in
from tests.headless.test_inbox import opened, seen
from tests.headless.test_live_updates import CountingHub
from tests.talking import real_talk


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> CountingHub:
    made = CountingHub()
    monkeypatch.setattr(live_updates, "hub", made)
    return made


async def test_the_contact_panel_is_read_again_for_a_rating_and_not_for_each_message(
    who: Identity, hub: CountingHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk, reads = real_talk(who), list[str]()
    real = open_conversation.read_contact

    def read(session: Any, who: Identity, conversation_id: str) -> Any:
        reads.append(conversation_id)
        return real(session, who, conversation_id)

    monkeypatch.setattr(open_conversation, "read_contact", read)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        await tab.until(lambda: len(hub.pages) >= 5 and reads)
        reads.clear()
        with session_scope(who.tenant_id) as session:
            session.get_one(Conversation, talk).rating = 4
        hub.tell("conversation", talk)
        hub.tell(ratings.TOPIC, "f" * 32)
        hub.tell(ratings.TOPIC, talk)
        await tab.until(lambda: seen(tab, ContactPanelState, "rating") == "4 of 5")
        assert reads == [talk]
