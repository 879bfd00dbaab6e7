"""Rule head: the name of a rule with how it stands, its history, and its runs."""

from typing import Any

import reflex as rx

from platform_app.components.difference import difference
from platform_app.components.parts import READ_ONLY, confirm, status, time_ago
from platform_app.components.text import t
from platform_app.state.base import Person
from platform_app.state.rule import RuleState, RunLine, VersionLine


def rule_head() -> rx.Component:
    """Show the name, whether it is published, the switch, and the button that publishes."""
    mark = rx.cond(
        RuleState.published == "",
        status("amber", t("Draft")),
        rx.cond(RuleState.differs, status("amber", t("The draft differs")), status("green", RuleState.published)),
    )
    saved = rx.el.span(RuleState.saved, class_name="muted small")
    return rx.el.div(
        rx.el.div(rx.el.h1(RuleState.name), rx.flex(saved, mark, spacing="3", align="center")),
        rx.flex(
            rx.link(t("All rules"), href=f"/manage/{Person.slug}/rules", size="2", underline="always"),
            rx.el.label(
                rx.switch(
                    checked=RuleState.enabled,
                    on_change=RuleState.switch,
                    disabled=READ_ONLY | (RuleState.published == ""),
                ),
                t("On"),
                class_name="status",
            ),
            rx.cond(~READ_ONLY, rx.button(t("Publish"), on_click=RuleState.publish, disabled=~RuleState.differs)),
            spacing="4",
            align="center",
            wrap="wrap",
        ),
        class_name="page-head",
    )


def rule_runs() -> rx.Component:
    """List the latest events that reached the rule."""
    return rx.el.section(
        rx.el.h2(t("Runs")),
        rx.cond(
            RuleState.runs.length() > 0,
            rx.el.ul(rx.foreach(RuleState.runs, _run), class_name="plain-list"),
            rx.el.p(t("No event has reached it yet."), class_name="muted small"),
        ),
        class_name="card section",
    )


def _run(run: rx.Var[RunLine]) -> rx.Component:
    return rx.el.li(
        rx.link(
            status(run.colour, run.words),
            href=f"/manage/{Person.slug}/rules/runs/{run.id}",
            color_scheme="gray",
            high_contrast=True,
        ),
        time_ago(run.when, run.exact),
        class_name="card-line",
    )


def rule_history() -> rx.Component:
    """List the published versions."""
    return rx.cond(
        RuleState.versions.length() > 0,
        rx.el.section(
            rx.el.h2(t("History")),
            rx.el.ul(rx.foreach(RuleState.versions, _version), class_name="plain-list"),
            class_name="card section",
        ),
    )


def _version(version: rx.Var[VersionLine]) -> rx.Component:
    restore = confirm(
        _small(t("Restore")),
        title=t("Put this version into the draft?"),
        sentence=t("What runs stays as it is until you publish."),
        verb=t("Restore"),
        on_confirm=RuleState.restore(version.id),
    )
    number = t("Version {number}", number=version.number)
    return rx.el.li(
        rx.el.div(number, " · ", version.when, " · ", version.author, class_name="muted small"),
        rx.flex(
            _small(t("Compare with the draft"), on_click=RuleState.compare(version.id)),
            rx.cond(~READ_ONLY, restore),
            spacing="2",
        ),
        rx.cond(
            RuleState.compared == version.id,
            rx.cond(
                RuleState.changes.length() > 0,
                rx.foreach(RuleState.changes, difference),
                rx.el.p(t("Nothing differs."), class_name="muted small"),
            ),
        ),
    )


def _small(words: Any, **more: Any) -> rx.Component:
    return rx.button(words, size="1", variant="soft", color_scheme="gray", high_contrast=True, **more)
