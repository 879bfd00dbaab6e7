"""Rule words: rules, triggers and actions as translated sentences."""

import re
from collections.abc import Mapping
from typing import Any

from platform_app.automation.conditions import Condition, Group, parse_conditions
from platform_app.automation.input_fields import input_fields
from platform_app.automation.rules import RuleDefinition, is_off
from platform_app.automation.values import parse_whole
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_base import BUILT_IN_FIELDS, MAX_DAYS, ActionInput
from platform_app.errors import Invalid
from platform_app.i18n import clause, duration, plural, quoted, translate
from platform_app.state.rules.named_variables import BRACKETS, named_variables
from platform_app.state.rules.proof_view import WEEKDAYS, ViewContext, describe_condition

TRIGGERS = {
    "message_received": "Message received",
    "reply_sent": "Agent replied",
    "conversation_started": "Conversation started",
    "conversation_closed": "Conversation closed",
    "conversation_rated": "Conversation rated",
    "handed_off": "Conversation handed off",
    "taken_over": "Teammate took over",
    "handed_back": "Conversation returned to the agent",
    "conversation_reopened": "Conversation reopened",
    "conversation_assigned": "Conversation assigned",
    "conversation_snoozed": "Conversation snoozed",
    "snooze_ended": "Snooze ended",
    "member_replied": "Teammate wrote to a contact",
    "approval_requested": "Reply needs approval",
    "approval_overdue": "Approval overdue",
    "reply_approved": "Reply approved",
    "reply_rejected": "Reply rejected",
    "opted_out": "Contact opted out",
    "message_held": "Message held",
    "note_added": "Note added",
    "no_reply": "No reply for a while",
    "lead_created": "Lead created|event",
    "lead_updated": "Lead updated",
    "stage_changed": "Lead stage changed",
    "contact_created": "Contact created|event",
    "contact_updated": "Contact updated",
    "tag_added": "Tag added",
    "task_created": "Task created",
    "task_completed": "Task completed",
    "task_due": "Task is due",
    "schedule": "On a schedule",
    "manual": "Manually",
    "sequence_finished": "Sequence finished",
    "webhook_received": "Webhook received",
    "member_invited": "Teammate invited",
    "invitation_revoked": "Invitation revoked",
    "member_joined": "Teammate joined",
    "member_changed": "Role or access changed",
    "member_removed": "Teammate removed",
}
CLAUSES = {  # the triggers as parts of a sentence after "When"
    "message_received": "a message is received",
    "reply_sent": "the agent replies",
    "conversation_started": "a conversation starts",
    "conversation_closed": "a conversation is closed",
    "conversation_rated": "a contact rates a conversation",
    "handed_off": "a conversation is handed off to a person",
    "taken_over": "a teammate takes over a conversation",
    "handed_back": "a conversation is returned to the agent",
    "conversation_reopened": "a closed conversation is reopened",
    "conversation_assigned": "a conversation is assigned",
    "conversation_snoozed": "a conversation is snoozed",
    "snooze_ended": "the snooze of a conversation ends",
    "member_replied": "a teammate writes to a contact",
    "approval_requested": "a reply needs approval",
    "approval_overdue": "a reply has been waiting for approval too long",
    "reply_approved": "a teammate approves a reply",
    "reply_rejected": "a teammate rejects a reply",
    "opted_out": "a contact opts out of messages",
    "message_held": "a message to a contact is held",
    "note_added": "a teammate adds a note",
    "no_reply": "nobody replies for a while",
    "lead_created": "a lead is created",
    "lead_updated": "a lead is updated",
    "stage_changed": "a lead’s stage changes",
    "contact_created": "a contact is created",
    "contact_updated": "a contact is updated",
    "tag_added": "a tag is added",
    "task_created": "a task is created",
    "task_completed": "a task is completed",
    "task_due": "a task is due",
    "schedule": "the scheduled time comes",
    "manual": "it is run manually",
    "sequence_finished": "a sequence finishes",
    "webhook_received": "a webhook is received",
    "member_invited": "a teammate is invited",
    "invitation_revoked": "an invitation is revoked",
    "member_joined": "a teammate joins",
    "member_changed": "a teammate’s role or access changes",
    "member_removed": "a teammate is removed",
}
TRIGGER_CODES = list(TRIGGERS)
STATES = {
    "running": ("Runs", "blue"),
    "done": ("Ran", "green"),
    "failed": ("Failed", "red"),
    "retrying": ("Retrying", "amber"),
    "uncertain": ("Delivery unconfirmed", "amber"),
    "cancelled": ("Turned off in the meantime", ""),
    "condition": ("Condition not met", ""),
    "cooldown": ("Skipped: cooldown", ""),
    "capped": ("Skipped: daily limit reached", ""),
    "stopped": ("Skipped: an earlier rule stopped the list", ""),
    "too_deep": ("Stopped: rule loop (5 levels)", "amber"),
    "broken": ("The rule can’t be read", "red"),
    "fires": ("Would run", "green"),
    "trigger": ("Another trigger", ""),
    "agent": ("Not for this agent", ""),
}
_CUT_VARIABLE = re.compile(r"\{\{[^{}]*$|\{$")  # at the end of a text that was shortened
_MATCHES = {"all": " and ", "any": " or "}


def describe_trigger(rule: RuleDefinition, language: str, named: Mapping[str, str]) -> str:
    """Return the trigger of a rule as a clause."""
    if rule.trigger == "no_reply":
        one, many = "nobody replies for {count} minute", "nobody replies for {count} minutes"
        return plural(language, one, many, rule.minutes)
    if rule.trigger == "webhook_received" and rule.webhook_id:
        name = named.get(rule.webhook_id, "")
        return translate(language, "the webhook “{name}” is received", name=name)
    if rule.trigger == "schedule":
        days = ", ".join(translate(language, WEEKDAYS[str(day)]) for day in sorted(rule.weekdays))
        return translate(language, "it is {time} on {days}", time=rule.time, days=days)
    return translate(language, CLAUSES[rule.trigger])


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


def describe_action(data: dict[str, Any], language: str, named: Mapping[str, str], *, marks: str = BRACKETS) -> str:
    """Return an action as a clause; `marks` are the two characters around the name of a variable."""
    kind = str(data.get("kind"))
    if kind not in actions.ACTIONS:
        return kind
    fields = [(str(data.get(field.name) or ""), field) for field in input_fields(actions.ACTIONS[kind])]
    told = [(field.options.get(value, value), field.input) for value, field in fields if value != field.prefill]
    shown = [text for value, ask in told if (text := _value(value, ask, named, language=language, marks=marks))]
    words = clause(translate(language, actions.label(kind)))
    return f"{words}: {', '.join(shown)}" if shown else words


def describe_actions(listed: list[dict[str, Any]], language: str, named: Mapping[str, str]) -> str:
    """Return actions as clauses in a row; those that are turned off say so."""
    return "; ".join(
        mark_off(describe_action(action, language, named), language, is_off=is_off(action)) for action in listed
    )


def mark_off(words: str, language: str, *, is_off: bool) -> str:
    """Return the words of an action or a step, with the remark that it is turned off if it is."""
    return translate(language, "{words} (turned off)", words=words) if is_off else words


def _value(value: str, ask: str, named: Mapping[str, str], *, language: str, marks: str) -> str:
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
    short = _CUT_VARIABLE.sub("…", " ".join(value.split())[:80]).rstrip(".")
    return quoted(language, named_variables(short, language, named, marks=marks)) if value else ""


def describe_result(sentence: str, values: Mapping[str, object], language: str) -> str:
    """Return the result of an action as a translated sentence."""
    shown = dict(values)
    if "field" in shown:
        shown["field"] = translate(language, BUILT_IN_FIELDS.get(str(shown["field"]), str(shown["field"])))
    return translate(language, sentence, **shown)


def describe_rule(rule: RuleDefinition, context: ViewContext, named: Mapping[str, str]) -> str:
    """Return a rule as a sentence, with its limits as further ones."""
    language = context.language
    condition = describe_conditions(rule.condition, context, named)
    done = describe_actions(rule.actions, language, named) or translate(language, "nothing yet")
    parts = [translate(language, "When {trigger},", trigger=describe_trigger(rule, language, named))]
    if condition:
        parts.append(translate(language, "if {condition},", condition=condition))
    parts.append(translate(language, "then {actions}.", actions=done))
    if rule.cooldown_minutes:
        span = duration(language, rule.cooldown_minutes)
        parts.append(translate(language, "Cooldown for each lead or contact: {span}.", span=span))
    if rule.daily_cap:
        one, many = "At most {count} time a day.", "At most {count} times a day."
        parts.append(plural(language, one, many, rule.daily_cap))
    if rule.stop_after:
        parts.append(translate(language, "Later rules are skipped."))
    return " ".join(parts)
