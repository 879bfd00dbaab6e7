"""Rule words: rules, triggers and actions as translated sentences."""

from collections.abc import Mapping
from typing import Any

from platform_app.automation.conditions import Condition, Group, parse_conditions
from platform_app.automation.input_fields import input_fields
from platform_app.automation.rules import RuleDefinition
from platform_app.automation.values import parse_whole
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_base import BUILT_IN_FIELDS, MAX_DAYS, ActionInput
from platform_app.errors import Invalid
from platform_app.i18n import plural, translate
from platform_app.state.rules.proof_view import WEEKDAYS, ViewContext, describe_condition

TRIGGERS = {
    "message_received": "A contact writes",
    "reply_sent": "The agent has replied",
    "conversation_started": "A conversation begins",
    "conversation_closed": "A conversation is closed",
    "handed_off": "A conversation is handed to a person",
    "taken_over": "A member takes a conversation over",
    "handed_back": "A conversation is handed back to the agent",
    "conversation_reopened": "A closed conversation is opened again",
    "conversation_assigned": "A conversation is assigned",
    "conversation_snoozed": "A conversation is snoozed",
    "snooze_ended": "The snooze of a conversation ends",
    "member_replied": "A member writes to a contact",
    "approval_requested": "A reply waits for approval",
    "approval_overdue": "A reply waits for approval too long",
    "reply_approved": "A member approves a reply",
    "reply_rejected": "A member rejects a reply",
    "opted_out": "A contact does not want messages any more",
    "message_held": "A message to a contact is held back",
    "note_added": "A member writes a note",
    "no_reply": "Nobody has answered for a while",
    "lead_created": "A lead is created",
    "lead_updated": "A lead is changed",
    "stage_changed": "A lead comes into another stage",
    "contact_created": "A contact is created",
    "contact_updated": "A contact is changed",
    "tag_added": "A tag is given",
    "task_created": "A task is created",
    "task_completed": "A task is done",
    "task_due": "A task is due",
    "schedule": "At a time of day",
    "manual": "By hand",
    "sequence_finished": "A sequence ends",
    "webhook_received": "A webhook comes in",
    "member_invited": "A colleague is invited",
    "invitation_revoked": "An invitation is revoked",
    "member_joined": "A colleague joins",
    "member_changed": "Role or access of a member changes",
    "member_removed": "A member is removed",
}
TRIGGER_CODES = list(TRIGGERS)
STATES = {
    "running": ("Runs", "blue"),
    "done": ("Ran", "green"),
    "failed": ("Failed", "red"),
    "retrying": ("Will be tried again", "amber"),
    "uncertain": ("Not known whether it arrived", "amber"),
    "cancelled": ("Switched off meanwhile", ""),
    "condition": ("The condition did not hold", ""),
    "cooldown": ("Ran for the same one a short while ago", ""),
    "capped": ("Ran as often as it may that day", ""),
    "stopped": ("A rule before it lets none run after it", ""),
    "too_deep": ("Rules led to rules five times", "amber"),
    "broken": ("The rule cannot be read", "red"),
    "fires": ("Would run", "green"),
    "trigger": ("The rule waits for something else", ""),
    "agent": ("The rule is for something else", ""),
}
_MATCHES = {"all": " and ", "any": " or "}


def describe_trigger(rule: RuleDefinition, language: str, named: Mapping[str, str]) -> str:
    """Return the trigger of a rule as text."""
    words = translate(language, TRIGGERS[rule.trigger])
    if rule.trigger == "no_reply":
        return translate(language, "Nobody has answered for {count} minutes", count=rule.minutes)
    if rule.trigger == "webhook_received" and rule.webhook_id:
        name = named.get(rule.webhook_id, "")
        return translate(language, "The webhook “{name}” comes in", name=name)
    if rule.trigger == "schedule":
        days = ", ".join(translate(language, WEEKDAYS[str(day)]) for day in sorted(rule.weekdays))
        return translate(language, "At {time}: {days}", time=rule.time, days=days)
    return words


def describe_conditions(data: dict[str, Any], context: ViewContext, named: Mapping[str, str]) -> str:
    """Return conditions as part of a sentence, "" if there are none."""
    try:
        return _words(parse_conditions(data), context, named, outer=True)
    except Invalid as error:
        return translate(context.language, error.sentence, **error.values)


def _words(node: Condition | Group, context: ViewContext, named: Mapping[str, str], *, outer: bool = False) -> str:
    if isinstance(node, Condition):
        many = node.value if isinstance(node.value, list) else [node.value]
        shown = [named.get(value, value) for value in many]
        leaf = {"fact": node.fact, "operator": node.operator, "expected": shown if len(shown) > 1 else "".join(shown)}
        return describe_condition(leaf, context)
    if not node.of:
        return ""
    parts = [_words(part, context, named) for part in node.of]
    if node.match == "none":
        return translate(context.language, "none of ({parts})", parts="; ".join(parts))
    joined = translate(context.language, _MATCHES[node.match]).join(parts)
    return joined if outer or len(parts) == 1 else f"({joined})"


def describe_action(data: dict[str, Any], language: str, named: Mapping[str, str]) -> str:
    """Return an action as a short text."""
    kind = str(data.get("kind"))
    if kind not in actions.ACTIONS:
        return kind
    fields = [(str(data.get(field.name) or ""), field) for field in input_fields(actions.ACTIONS[kind])]
    told = [(field.options.get(value, value), field.input) for value, field in fields if value != field.prefill]
    shown = [text for value, ask in told if (text := _value(value, ask, named, language=language))]
    words = translate(language, actions.label(kind))
    return f"{words}: {', '.join(shown)}" if shown else words


def _value(value: str, ask: str, named: Mapping[str, str], *, language: str) -> str:
    if ask in (ActionInput.STAGE, ActionInput.MEMBER, ActionInput.SEQUENCE):
        return named.get(value, "")
    if ask == ActionInput.FIELD:
        return named.get(value) or translate(language, BUILT_IN_FIELDS.get(value, value))
    if ask == ActionInput.ONE_OF:
        return translate(language, value) if value else ""
    if ask == ActionInput.DAYS:
        days = parse_whole(value, MAX_DAYS)
        if not days:
            return "" if days is None else translate(language, "due the same day")
        return plural(language, "due in {count} day", "due in {count} days", days)
    return translate(language, "“{text}”", text=" ".join(value.split())[:80].rstrip(".")) if value else ""


def describe_result(sentence: str, values: Mapping[str, object], language: str) -> str:
    """Return the result of an action as a translated sentence."""
    shown = dict(values)
    if "field" in shown:
        shown["field"] = translate(language, BUILT_IN_FIELDS.get(str(shown["field"]), str(shown["field"])))
    return translate(language, sentence, **shown)


def describe_rule(rule: RuleDefinition, context: ViewContext, named: Mapping[str, str]) -> str:
    """Return a rule as sentences."""
    language = context.language
    condition = describe_conditions(rule.condition, context, named)
    done = "; ".join(describe_action(action, language, named) for action in rule.actions) or translate(
        language, "nothing yet"
    )
    parts = [translate(language, "When: {trigger}.", trigger=describe_trigger(rule, language, named))]
    if condition:
        parts.append(translate(language, "If: {condition}.", condition=condition))
    parts.append(translate(language, "Then: {actions}.", actions=done))
    if rule.cooldown_minutes:
        text = "At most once in {count} minutes for one lead or contact."
        parts.append(translate(language, text, count=rule.cooldown_minutes))
    if rule.daily_cap:
        parts.append(translate(language, "At most {count} times a day.", count=rule.daily_cap))
    if rule.stop_after:
        parts.append(translate(language, "No rule after it runs."))
    return " ".join(parts)
