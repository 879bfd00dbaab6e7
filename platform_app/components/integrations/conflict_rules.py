"""Conflict rules: which side wins when a field was changed on both before they were exchanged."""

import reflex as rx

from platform_app.components.console.parts import IS_ADMIN
from platform_app.components.console.text import t
from platform_app.models.integration import ConflictRule
from platform_app.state.integrations.exchange_view import RuleLine
from platform_app.state.integrations.integration import IntegrationState

RULE_WORDS = {
    ConflictRule.NEWEST: "The newest change wins",
    ConflictRule.CRM: "The CRM wins",
    ConflictRule.PLATFORM: "The platform wins",
}


def conflict_rules() -> rx.Component:
    """Return the list of fields, each with its rule."""
    return rx.el.section(
        rx.el.h2(t("When both sides changed a field")),
        rx.el.p(t("A change on one side always goes to the other."), class_name="muted small"),
        rx.el.div(rx.foreach(IntegrationState.rules, _line), class_name="mapping-lines"),
        class_name="card section",
    )


def _line(line: rx.Var[RuleLine]) -> rx.Component:
    choice = rx.el.select(
        *(rx.el.option(t(words), value=rule.value) for rule, words in RULE_WORDS.items()),
        value=line.value,
        on_change=lambda value: IntegrationState.set_rule(line.name, value),
        aria_label=line.label,
        disabled=~IS_ADMIN,
        class_name="native",
    )
    return rx.el.div(rx.el.span(line.label), rx.el.span(), choice, class_name="mapping-line", key=line.name)
