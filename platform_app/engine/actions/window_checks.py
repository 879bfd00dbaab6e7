"""Window checks: warnings of the editors at messages that a channel would not take as free text."""

from typing import Any

from platform_app.automation import window_warnings
from platform_app.automation.rules import is_off
from platform_app.automation.sequences import SequenceDefinition
from platform_app.automation.steps import parse_steps, walk
from platform_app.channels.registry import CHANNEL_KINDS
from platform_app.db import Transaction
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_base import Action
from platform_app.engine.actions.outbound_actions import CallWebhook, SendEmail
from platform_app.errors import Invalid
from platform_app.i18n import translate
from platform_app.models.person import Identity
from platform_app.services.channels import channel_accounts

CHOOSE_TEMPLATE = (
    "On {channel} this message is held if the contact last wrote too long ago. Choose a template for that case."
)
IS_HELD = "On {channel} this message is held if the contact last wrote too long ago. Send a template instead."


def rule_warnings(session: Transaction, who: Identity, trigger: str, listed: list[dict[str, Any]]) -> dict[str, str]:
    """Return a sentence for each action that may be held back by a channel's window, by "action.{place}"."""
    if not window_warnings.rule_may_be_late(trigger):
        return {}
    words = {f"action.{at}": _sentence(session, who, data) for at, data in enumerate(listed) if not is_off(data)}
    return {key: sentence for key, sentence in words.items() if sentence}


def sequence_warnings(session: Transaction, who: Identity, own: SequenceDefinition) -> dict[str, str]:
    """Return a sentence for each step that may be held back by a channel's window, by its id."""
    try:
        steps = parse_steps(own.steps)
    except Invalid:
        return {}
    late = late_message_steps(own.trigger, steps)
    words = {step_id: _sentence(session, who, data) for step_id, data in late.items()}
    return {step_id: sentence for step_id, sentence in words.items() if sentence}


def late_message_steps(trigger: str, steps: list[Any]) -> dict[str, dict[str, Any]]:
    """Return the actions of steps that may be taken when a window is closed, by the step's id."""
    listed = {step.id: getattr(step, "action", None) or {} for step, _, _ in walk(steps)}
    waiting = frozenset(step_id for step_id, data in listed.items() if _may_wait(data))
    late = window_warnings.late_steps(trigger, steps, waiting)
    return {step_id: data for step_id, data in listed.items() if step_id in late}


def _may_wait(data: dict[str, Any]) -> bool:
    """Return whether an enrollment may wait at an action: for the send gate, or for another system."""
    action = _parse(data) if data else None
    return isinstance(action, SendEmail | CallWebhook)


def _sentence(session: Transaction, who: Identity, data: dict[str, Any]) -> str:
    action = _parse(data)
    if action is None or action.sends != "message" or action.has_template:
        return ""
    kinds = {row.kind for row in channel_accounts.list_accounts(session, who)}
    for kind in (CHANNEL_KINDS[kind] for kind in sorted(kinds) if kind in CHANNEL_KINDS):
        if kind.push is not None and kind.push.window_hours:
            sentence = CHOOSE_TEMPLATE if "template" in type(action).model_fields else IS_HELD
            return translate(who.language, sentence, channel=kind.label)
    return ""


def _parse(data: dict[str, Any]) -> Action | None:
    try:
        return actions.parse_action(data)
    except Invalid:
        return None
