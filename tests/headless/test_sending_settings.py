"""Sending settings: the form on the settings page shows what is saved, saves what is entered, refuses what is wrong."""

from platform_app.models.person import Identity, Role
from platform_app.services.chat import send_policy
from platform_app.state.accounts.sending_settings import SendingSettingsState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.talking import call

FORM = {
    "quiet_from": "21:00",
    "quiet_to": "09:00",
    "daily_cap": "2",
    "weekly_cap": "",
    "hand_back_hours": "24",
    "approval_minutes": "30",
    "approval_overdue": "notify",
    "stop_on_member_reply": "no",
    "words_en": "stop\nenough",
    "words_ru": "стоп",
}


async def test_the_form_is_saved_and_shown(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto("/manage/acme/settings")
        shown = tab.get(SendingSettingsState, "initial")
        assert (shown["daily_cap"], shown["quiet_from"], shown["stop_on_member_reply"]) == ("0", "", "yes")
        assert "unsubscribe" in shown["words_en"] and "отписаться" in shown["words_ru"]
        await tab.send(SendingSettingsState.save(FORM))
        policy, stops = call(who, send_policy.get)
        assert (policy.quiet_from, policy.hand_back_hours, policy.weekly_cap, stops) == ("21:00", 24, 0, False)
        assert policy.opt_out_words == {"en": ["stop", "enough"], "ru": ["стоп"]}
        assert tab.get(SendingSettingsState, "initial")["daily_cap"] == "2"
        await tab.send(SendingSettingsState.save(FORM | {"daily_cap": "many"}))
        assert tab.get(SendingSettingsState, "problem_field") == "daily_cap"
        assert call(who, send_policy.get)[0].daily_cap == 2


async def test_an_operator_changes_nothing(who: Identity) -> None:
    async with Tab(sign_in(make_member(who, Role.OPERATOR))) as tab:
        await tab.goto("/manage/acme/settings")
        await tab.send(SendingSettingsState.save(FORM))
    assert call(who, send_policy.get)[0].daily_cap == 0
