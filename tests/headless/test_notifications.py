"""Notifications in the console: the bell that follows, the list, and each member's own settings."""

import pytest

from platform_app.models.notification import EmailDelivery, NotificationKind
from platform_app.models.person import Identity, Role
from platform_app.services.chat import hand_off, triage
from platform_app.services.notifications import notifications, preferences
from platform_app.state.console import live_updates
from platform_app.state.console.notification_bell import NotificationBellState
from platform_app.state.notifications.notification_settings import KIND_LABELS, NotificationSettingsState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.headless.test_live_updates import CountingHub
from tests.headless.test_rule_pages import seen
from tests.inviting import use_platform_mail
from tests.notifications.test_notifications import tell
from tests.notifying import unread
from tests.talking import call, real_talk

PAGE = "/manage/acme/settings"


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> CountingHub:
    """A hub that the test drives."""
    made = CountingHub()
    monkeypatch.setattr(live_updates, "hub", made)
    return made


@pytest.fixture
def boris(who: Identity) -> Identity:
    """An operator beside the owner."""
    return make_member(who, Role.OPERATOR)


async def opened(tab: Tab, hub: CountingHub) -> None:
    """Open a page and wait until its bell follows."""
    before = len(hub.pages)
    await tab.goto(PAGE, settle=False)
    await tab.until(lambda: len(hub.pages) > before and seen(tab, NotificationBellState, "unread") is not None)


def bell(tab: Tab) -> tuple[int, list[tuple[str, bool]]]:
    """Return the number at the bell, and the words of the list with whether each is read."""
    listed = [(row.words, row.is_read) for row in seen(tab, NotificationBellState, "rows") or []]
    return seen(tab, NotificationBellState, "unread"), listed


async def test_the_bell_follows_its_member_alone(who: Identity, boris: Identity, hub: CountingHub) -> None:
    talk = real_talk(who)
    async with Tab(sign_in(boris), has_bell=True) as tab, Tab(sign_in(who), has_bell=True) as own:
        await opened(tab, hub)
        await opened(own, hub)
        call(who, hand_off.hand_off, talk)
        hub.tell(notifications.topic_of(boris.user_id))
        await tab.until(lambda: bell(tab)[0] == 1)
        (arrival,) = tab.get(NotificationBellState, "arrivals")
        assert (arrival.words, arrival.href) == ("“Anna” needs a person", f"/manage/acme/inbox?c={talk}")
        assert bell(own) == (0, []) and bell(tab)[1] == []  # the list is read when it is opened
        await tab.send(NotificationBellState.set_open(True))
        assert bell(tab) == (1, [("“Anna” needs a person", False)])
        call(who, triage.assign, talk, boris.user_id)
        hub.tell(notifications.topic_of(boris.user_id))
        await tab.until(lambda: len(bell(tab)[1]) == 2)
        assert tab.errors == own.errors == []


async def test_what_is_opened_is_read(who: Identity, boris: Identity) -> None:
    (first,), _ = tell(who, boris), tell(who, boris, cause="d")
    async with Tab(sign_in(boris)) as tab:
        await tab.goto(PAGE)
        await tab.send(NotificationBellState.set_open(True))
        await tab.send(NotificationBellState.mark_read(first.id))
        assert [is_read for _, is_read in bell(tab)[1]] == [False, True] and bell(tab)[0] == 1
        await tab.send(NotificationBellState.mark_all_read())
        assert bell(tab)[0] == unread(boris) == 0


async def test_what_belongs_to_another_is_not_read(who: Identity, boris: Identity, other: Identity) -> None:
    (mine,) = tell(who, boris)
    for stranger, page in ((who, PAGE), (other, "/manage/globex/settings")):
        async with Tab(sign_in(stranger)) as tab:
            await tab.goto(page)
            await tab.send(NotificationBellState.set_open(True))
            await tab.send(NotificationBellState.mark_read(mine.id))
            await tab.send(NotificationBellState.mark_all_read())
            assert bell(tab) == (0, [])
    assert unread(boris) == 1


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.ADMIN])
async def test_every_role_chooses_for_itself(who: Identity, env: pytest.MonkeyPatch, role: Role) -> None:
    member = make_member(who, role)
    use_platform_mail(env)
    async with Tab(sign_in(member)) as tab:
        await tab.goto("/manage/acme/settings/notifications")
        assert tab.get(NotificationSettingsState, "has_mail")
        await tab.send(NotificationSettingsState.set_in_console("mention", False))
        await tab.send(NotificationSettingsState.set_in_browser("mention", False))
        await tab.send(NotificationSettingsState.set_email("mention", "daily"))
        await tab.send(NotificationSettingsState.set_email("mention", "never again"))
        await tab.send(NotificationSettingsState.set_email("gossip", "daily"))
        shown = {row.kind: row for row in tab.get(NotificationSettingsState, "rows")}
        assert (shown["mention"].in_console, shown["mention"].email) == (False, "daily")
        assert tab.scripts().count("This value isn’t allowed.") == 2
    stored = call(member, preferences.list_own)
    assert stored[NotificationKind.MENTION] == preferences.Preference(False, False, EmailDelivery.DAILY)
    assert call(who, preferences.list_own)[NotificationKind.MENTION] == preferences.DEFAULT


async def test_without_a_mail_server_the_page_says_so(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto("/manage/acme/settings/notifications")
        assert not tab.get(NotificationSettingsState, "has_mail")


def test_every_kind_has_its_label() -> None:
    assert list(KIND_LABELS) == list(NotificationKind)
