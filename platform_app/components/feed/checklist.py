"""Checklist: the card with the first steps of a company."""

import reflex as rx

from platform_app.components.console.parts import IS_ADMIN, confirm
from platform_app.components.console.text import t
from platform_app.components.feed.demo_button import load_demo_button
from platform_app.state.feed.checklist import StepRow
from platform_app.state.feed.dashboard import DashboardState


def checklist() -> rx.Component:
    """Return the card with the first steps, each with the link that begins it, and the progress."""
    return rx.el.section(
        rx.el.div(
            rx.el.h2(t("Get started")),
            rx.el.span(DashboardState.progress, class_name="muted small"),
            rx.cond(IS_ADMIN, _hide_button()),
            class_name="checklist-head",
        ),
        rx.el.ol(rx.foreach(DashboardState.steps, _step), class_name="checklist"),
        rx.cond(DashboardState.is_empty & IS_ADMIN, _demo()),
        class_name="card section",
        margin_bottom="16px",
    )


def _step(step: rx.Var[StepRow]) -> rx.Component:
    done = rx.el.div(
        rx.icon("circle-check-big", size=20, aria_hidden="true"),
        rx.el.span(
            rx.el.span(step.title, class_name="checklist-title"),
            rx.el.span(t("Done"), class_name="visually-hidden"),
        ),
        class_name="checklist-step done",
    )
    todo = rx.link(
        rx.icon("circle", size=20, aria_hidden="true"),
        rx.el.span(
            rx.el.span(step.title, class_name="checklist-title"),
            rx.el.span(step.help_text, class_name="muted small"),
        ),
        rx.icon("chevron-right", size=16, aria_hidden="true"),
        href=step.link,
        underline="none",
        color_scheme="gray",
        high_contrast=True,
        class_name=rx.cond(step.is_next, "checklist-step next", "checklist-step"),
    )
    return rx.el.li(rx.cond(step.is_done, done, todo), key=step.kind)


def _hide_button() -> rx.Component:
    return confirm(
        rx.button(t("Hide"), variant="soft", color_scheme="gray", high_contrast=True, size="1"),
        title=t("Hide the checklist?"),
        sentence=t("Nobody in the company will see it anymore. This can’t be undone."),
        verb=t("Hide"),
        on_confirm=DashboardState.hide_checklist,
    )


def _demo() -> rx.Component:
    return rx.el.div(
        rx.el.span(t("Or look at an example first: a bike shop with a working agent."), class_name="muted"),
        load_demo_button(),
        class_name="checklist-demo",
    )
