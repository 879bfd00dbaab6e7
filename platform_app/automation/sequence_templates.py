"""Sequence templates: sequences to start from, in both languages."""

from typing import Any

from platform_app.automation.rule_templates import DefinitionTemplate, Translate
from platform_app.i18n import translate

_OFFICE = [{"days": [1, 2, 3, 4, 5], "start": "09:00", "end": "18:00"}]


def _after(count: int, unit: str, *, office: bool = True) -> dict[str, Any]:
    return {"delay": {"kind": "span", "count": count, "unit": unit}, "periods": _OFFICE if office else []}


def _do(step_id: str, action: dict[str, Any], timing: dict[str, Any]) -> dict[str, Any]:
    return {"id": step_id, "kind": "do", "action": action, "timing": timing}


def _say(text: str) -> dict[str, Any]:
    return {"kind": "send_message", "text": text}


def _task(text: str) -> dict[str, Any]:
    return {"kind": "create_task", "text": text, "user_id": "", "days": "0"}


def _is(fact: str, operator: str, value: Any = "") -> dict[str, Any]:
    leaf = {"kind": "condition", "fact": fact, "operator": operator, "value": value}
    return {"kind": "group", "match": "all", "of": [leaf]}


def _follow_up(t: Translate) -> dict[str, Any]:
    return {
        "trigger": "reply_sent",
        "leave_on_stage": True,
        "steps": [
            _do("s1", _say(t("{{ contact.name }}, did you find what you were looking for?")), _after(1, "days")),
            _do("s2", _say(t("If a question is left, I am here.")), _after(3, "days")),
            _do("s3", _task(t("Call {{ contact.name }}: no answer to two messages")), _after(4, "days")),
        ],
    }


def _new_lead(t: Translate) -> dict[str, Any]:
    return {
        "trigger": "lead_created",
        "leave_on_stage": True,
        "steps": [
            _do("s1", _task(t("Call about “{{ lead.title }}”")), _after(10, "minutes")),
            _do(
                "s2",
                {"kind": "ask_agent", "prompt": t("Ask what is still unclear about the offer.")},
                _after(2, "days"),
            ),
            _do("s3", {"kind": "add_tag", "tag": t("cold")}, _after(1, "weeks", office=False)),
        ],
    }


def _two_ways(t: Translate) -> dict[str, Any]:
    question = _say(t("Which evening suits you for a call?"))
    offer = _say(t("Would you like to see the offer as a short list?"))
    parts = {"a": [_do("s2", question, {})], "b": [_do("s3", offer, {})]}
    return {
        "trigger": "lead_created",
        "steps": [{"id": "s1", "kind": "split", "percent": 50, "timing": _after(1, "days")} | parts],
    }


def _decision(t: Translate) -> dict[str, Any]:
    waits = {"id": "s2", "kind": "await", "condition": _is("message.text", "not_empty"), "at_most": "3 days"}
    return {
        "trigger": "stage_changed",
        "leave_on_reply": False,
        "steps": [
            _do("s1", _say(t("Have you had time to look at the offer?")), _after(2, "days")),
            waits | {"then": "on"},
            _do("s3", _task(t("Decide what to do about “{{ lead.title }}”")), {}),
        ],
    }


def _after_sale(t: Translate) -> dict[str, Any]:
    return {
        "trigger": "manual",
        "steps": [
            _do("s1", _say(t("How do you like what you bought?")), _after(1, "weeks")),
            _do("s2", _say(t("It’s time for the first service. Shall I book you in?")), _after(12, "weeks")),
        ],
    }


def _come_back(t: Translate) -> dict[str, Any]:
    return {
        "trigger": "tag_added",
        "condition": _is("event.tag", "equals", t("come back")),
        "leave_on_stage": True,
        "steps": [
            _do("s1", _say(t("{{ contact.name }}, we have missed you. May I show what is new?")), _after(1, "hours")),
            _do("s2", {"kind": "remove_tag", "tag": t("come back")}, _after(2, "weeks", office=False)),
        ],
    }


TEMPLATES: dict[str, DefinitionTemplate] = {
    "follow_up": DefinitionTemplate("Follow up on silence", _follow_up),
    "new_lead": DefinitionTemplate("New lead follow-up", _new_lead),
    "two_ways": DefinitionTemplate("Try two ways to ask", _two_ways),
    "decision": DefinitionTemplate("Wait for a decision", _decision),
    "after_sale": DefinitionTemplate("After the sale", _after_sale),
    "come_back": DefinitionTemplate("Win-back", _come_back),
}


def draft(name: str, language: str) -> dict[str, Any]:
    """Return the draft of a template in a language."""
    return TEMPLATES[name].draft(lambda text: translate(language, text))
