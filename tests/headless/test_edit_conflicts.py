"""Conflict: of two people at one sequence or rule, nobody overwrites or publishes what they have not seen."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from platform_app.engine.rules import rules
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.hub import Update, Wants
from platform_app.models.person import Identity, Role
from platform_app.models.sequence import Sequence
from platform_app.state.console import live_updates
from platform_app.state.rules.rule import RuleState
from platform_app.state.sequences.sequence import SequenceState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.headless.test_rule_pages import seen
from tests.sequencing import do
from tests.talking import call


class StillHub:
    """Tells open pages what the test says, and nothing else: no page draws itself anew between two events."""

    def __init__(self) -> None:
        self.pages: list[tuple[asyncio.Queue[Update], Wants]] = []

    async def subscribe(
        self, tenant_id: str, tab: str, every: float, pause: float = 0, *, wants: Wants
    ) -> AsyncIterator[Update]:
        mine = asyncio.Queue[Update]()
        self.pages.append((mine, wants))
        while True:
            yield await mine.get()

    def tell(self, topic: str, subject_id: str = "") -> None:
        """Tell every page that wants to know that something has changed."""
        for page, wants in self.pages:
            if wants(Update(topic, subject_id)):
                page.put_nowait(Update(topic, subject_id))


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> StillHub:
    made = StillHub()
    monkeypatch.setattr(live_updates, "hub", made)
    return made


async def opened(tab: Tab, row: Sequence) -> None:
    """Open a sequence and wait until it is drawn."""
    await tab.goto(f"/manage/acme/sequences/{row.id}", settle=False)
    await tab.until(lambda: seen(tab, SequenceState, "form_key") and seen(tab, SequenceState, "name") == row.name)


def kept(who: Identity, row: Sequence) -> tuple[str, list[str]]:
    """Return the name and the kinds of the steps of a sequence as they are stored."""
    held: Any = call(who, DEFINITIONS.get, row.id)
    return held.name, [step["kind"] for step in held.draft["steps"]]


async def test_what_another_saved_meanwhile_is_not_overwritten_but_shown(who: Identity) -> None:
    row = call(who, DEFINITIONS.create, name="Follow-up", draft={"steps": [do("first")]})
    async with Tab(sign_in(who)) as anna, Tab(sign_in(make_member(who, Role.OPERATOR))) as boris:
        for tab in (anna, boris):
            await opened(tab, row)
        await anna.send(SequenceState.add_step("", "await"))
        await anna.send(SequenceState.save("name", "Anna's"))
        assert kept(who, row) == ("Anna's", ["do", "await"]) and seen(anna, SequenceState, "conflict") is False
        for change in (SequenceState.save("name", "Boris's"), SequenceState.add_step("", "split")):
            await boris.send(change)
            assert seen(boris, SequenceState, "conflict") is True
        assert kept(who, row) == ("Anna's", ["do", "await"])
        await boris.send(SequenceState.load_latest)
        assert seen(boris, SequenceState, "conflict") is False
        assert seen(boris, SequenceState, "initial")["name"] == "Anna's"
        assert [line.title for line in seen(boris, SequenceState, "steps")] == [
            line.title for line in seen(anna, SequenceState, "steps")
        ]
        await boris.send(SequenceState.add_step("", "split"))
        assert kept(who, row) == ("Anna's", ["do", "await", "split"])
        await anna.send(SequenceState.save("name", "Over it"))
        assert seen(anna, SequenceState, "conflict") is True and kept(who, row)[0] == "Anna's"


async def test_a_page_that_drew_itself_anew_still_knows_what_it_shows(who: Identity, hub: StillHub) -> None:
    row = call(who, DEFINITIONS.create, name="Follow-up", draft={"steps": [do("first")]})
    async with Tab(sign_in(who)) as anna, Tab(sign_in(make_member(who, Role.OPERATOR))) as boris:
        for tab in (anna, boris):
            await opened(tab, row)
        await boris.until(lambda: len(hub.pages) == 2)
        await anna.send(SequenceState.add_step("", "await"))
        hub.tell("*")
        await boris.until(lambda: seen(boris, SequenceState, "conflict"))
        await boris.send(SequenceState.add_step("", "split"))
        await boris.send(SequenceState.publish)
        assert kept(who, row)[1] == ["do", "await"] and not call(who, DEFINITIONS.get, row.id).published_number
        assert "has changed this since you opened it" in boris.scripts()


async def test_what_does_not_change_the_draft_does_not_hide_a_conflict(who: Identity) -> None:
    row = call(who, rules.DEFINITIONS.create, name="Rule", draft={"trigger": "contact_created"})
    async with Tab(sign_in(who)) as anna, Tab(sign_in(make_member(who, Role.OPERATOR))) as boris:
        for tab in (anna, boris):
            await tab.goto(f"/manage/acme/rules/{row.id}", settle=False)
            await tab.until(lambda tab=tab: seen(tab, RuleState, "form_key"))
        await anna.send(RuleState.add_action("hand_off"))
        await boris.send(RuleState.switch(True))
        assert seen(boris, RuleState, "conflict") is True
        await boris.send(RuleState.add_action("create_task"))
        kinds = [action["kind"] for action in call(who, rules.DEFINITIONS.get, row.id).draft["actions"]]
    assert kinds == ["hand_off"]
