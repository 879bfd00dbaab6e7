"""Send policy: what an admin sets holds at once, also for what waits already."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from platform_app.db import session_scope
from platform_app.errors import Forbidden, Invalid
from platform_app.models.conversation import MessageState
from platform_app.models.person import Identity, Role
from platform_app.services.chat import agent_messages, hand_off, opt_outs, send_policy
from tests.talking import activities, call, conversation, real_talk

WHOLE = {
    "quiet_from": "21:00",
    "quiet_to": "09:00",
    "daily_cap": 2,
    "weekly_cap": 5,
    "hand_back_hours": 3,
    "approval_minutes": 30,
    "approval_overdue": "hand_off",
    "opt_out_words": {"en": ["enough"], "ru": ["хватит"]},
}


def save(who: Identity, stops: bool = True, **values: Any) -> None:
    call(who, send_policy.save, values, stop_on_member_reply=stops)


def test_what_is_saved_is_read_again(who: Identity, other: Identity) -> None:
    policy, stops = call(who, send_policy.get)
    assert (policy.daily_cap, policy.opt_out_words, stops) == (0, opt_outs.DEFAULT_WORDS, True)
    save(who, False, **WHOLE)
    policy, stops = call(who, send_policy.get)
    assert (policy.model_dump(mode="json"), stops) == (WHOLE, False)
    assert activities(who)[-1] == "Company settings changed"
    assert call(other, send_policy.get)[0].daily_cap == 0


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"quiet_from": "21:00"}, "quiet_to"),
        ({"quiet_from": "late", "quiet_to": "09:00"}, "quiet_from"),
        ({"daily_cap": -1}, "daily_cap"),
        ({"hand_back_hours": 10_000}, "hand_back_hours"),
        ({"approval_overdue": "never"}, "approval_overdue"),
        ({"opt_out_words": {"en": ["word"] * 51}}, "opt_out_words"),
    ],
)
def test_what_is_not_saved(who: Identity, values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as error:
        save(who, **values)
    assert error.value.field == field and call(who, send_policy.get)[0].daily_cap == 0


def test_only_an_admin_changes_it(who: Identity) -> None:
    with session_scope(who.tenant_id) as session, pytest.raises(Forbidden):
        send_policy.save(session, replace(who, role=Role.OPERATOR), {}, stop_on_member_reply=True)


def test_it_holds_at_once_and_for_what_waits(who: Identity) -> None:
    talk = real_talk(who)
    call(who, hand_off.take_over, talk)
    assert conversation(who, talk).hand_back_at is None
    save(who, hand_back_hours=2)
    found = conversation(who, talk)
    assert found.member_at is not None and found.hand_back_at == found.member_at + timedelta(hours=2)
    save(who, daily_cap=1)
    assert conversation(who, talk).hand_back_at is None
    free = real_talk(who)
    sent = [call(who, agent_messages.send_message, free, "Hi").state for _ in range(2)]
    assert sent == [MessageState.COMPLETE, MessageState.HELD]
