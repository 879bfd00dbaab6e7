"""Rule templates: rules to start from, in both languages."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from platform_app.i18n import translate

Translate = Callable[[str], str]


@dataclass(frozen=True)
class DefinitionTemplate:
    """A template of a rule or sequence; its texts are message ids."""

    name: str
    draft: Callable[[Translate], dict[str, Any]] = field(repr=False)


def _all(*leaves: dict[str, Any], match: str = "all") -> dict[str, Any]:
    return {"kind": "group", "match": match, "of": list(leaves)}


def _is(fact: str, operator: str, value: Any = "") -> dict[str, Any]:
    return {"kind": "condition", "fact": fact, "operator": operator, "value": value}


def _task(text: str, days: str = "1") -> dict[str, Any]:
    return {"kind": "create_task", "text": text, "user_id": "", "days": days}


def _lines(text: str) -> list[str]:
    return [line for line in text.split("|") if line]


TEMPLATES: dict[str, DefinitionTemplate] = {
    "person": DefinitionTemplate(
        "Hand off when the customer asks for a person",
        lambda t: {
            "trigger": "message_received",
            "condition": _all(_is("message.text", "contains_any", _lines(t("a person|an operator|a manager")))),
            "actions": [
                {"kind": "send_message", "text": t("A teammate will reply here shortly.")},
                {"kind": "hand_off"},  # the last: it holds what is sent after it
            ],
        },
    ),
    "silence": DefinitionTemplate(
        "Create a task when nobody replies",
        lambda t: {"trigger": "no_reply", "minutes": 30, "actions": [_task(t("Answer {{ contact.name }}"), "0")]},
    ),
    "large": DefinitionTemplate(
        "Tag large leads",
        lambda t: {
            "trigger": "lead_created",
            "condition": _all(_is("lead.budget", "greater", "100000")),
            "actions": [
                {"kind": "add_tag", "tag": t("large")},
                _task(t("Call about “{{ lead.title }}”")),
            ],
        },
    ),
    "complaint": DefinitionTemplate(
        "Create a task for a complaint",
        lambda t: {
            "trigger": "message_received",
            "condition": _all(_is("message.text", "contains_any", _lines(t("complaint|refund|not working|broken")))),
            "actions": [{"kind": "add_tag", "tag": t("complaint")}, _task(t("Resolve the complaint"), "0")],
            "cooldown_minutes": 1_440,
        },
    ),
    "welcome": DefinitionTemplate(
        "Thank the customer for an order",
        lambda t: {
            "trigger": "stage_changed",
            "condition": _all(_is("lead.stage", "changed")),
            "actions": [{"kind": "send_message", "text": t("Thank you, {{ contact.name }}. We’ll start right away.")}],
        },
    ),
    "phone": DefinitionTemplate(
        "Ask for the phone when it isn’t known",
        lambda t: {
            "trigger": "conversation_started",
            "condition": _all(_is("contact.phone", "empty")),
            "actions": [{"kind": "ask_agent", "prompt": t("Greet the contact and ask for a phone number.")}],
        },
    ),
    "new_contact": DefinitionTemplate(
        "Tag new contacts",
        lambda t: {"trigger": "contact_created", "actions": [{"kind": "add_tag", "tag": t("new")}]},
    ),
    "done": DefinitionTemplate(
        "Next task when one is completed",
        lambda t: {"trigger": "task_completed", "actions": [_task(t("Ask how it went: {{ task.text }}"), "7")]},
    ),
    "night": DefinitionTemplate(
        "Out-of-hours reply",
        lambda t: {
            "trigger": "message_received",
            "condition": _all(_is("clock.time", "between", ["20:00", "09:00"])),
            "actions": [{"kind": "send_message", "text": t("We are closed now and write to you from nine o’clock.")}],
            "cooldown_minutes": 720,
        },
    ),
    "webhook": DefinitionTemplate(
        "Send new leads to another system",
        lambda t: {
            "trigger": "lead_created",
            "actions": [
                {
                    "kind": "call_webhook",
                    "url": "",
                    "body": '{"title": "{{ lead.title }}", "contact": "{{ contact.name }}"}',
                }
            ],
        },
    ),
}


def draft(name: str, language: str) -> dict[str, Any]:
    """Return the draft of a template in a language."""
    return TEMPLATES[name].draft(lambda text: translate(language, text))
