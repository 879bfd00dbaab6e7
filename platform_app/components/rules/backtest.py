"""Backtest: the card in which the draft of a rule or sequence is tried on past events."""

from collections.abc import Callable
from typing import Any

import reflex as rx

from platform_app.components.console.text import t

_DAYS = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "A year"}


def backtest_card(
    state: Any, note: Any, sample: Callable[[Any], rx.Component], *, chart: rx.Component | None = None
) -> rx.Component:
    """Return the card with the choice of days, the button that starts, and the results.

    The state has `days`, `busy`, `summary` (sentences) and `samples`, of which `sample` shows one, and the handlers
    `set_days` and `backtest`. `note` says what is tried.
    """
    return rx.el.section(
        rx.el.h2(t("Backtest")),
        rx.el.p(note, class_name="muted small"),
        rx.flex(
            rx.el.select(
                *(rx.el.option(t(label), value=days) for days, label in _DAYS.items()),
                value=state.days,
                on_change=state.set_days,
                aria_label=t("How far back"),
                class_name="native",
            ),
            rx.button(t("Run the backtest"), on_click=state.backtest, loading=state.busy, size="2", variant="soft"),
            spacing="2",
            wrap="wrap",
        ),
        rx.cond(
            state.summary.length() > 0,
            rx.el.ul(rx.foreach(state.summary, lambda line: rx.el.li(line)), class_name="plain-list", id="backtest"),
        ),
        chart or rx.fragment(),
        rx.cond(
            state.samples.length() > 0,
            rx.el.ul(rx.foreach(state.samples, sample), class_name="plain-list", aria_label=t("Samples")),
        ),
        class_name="card section",
        aria_label=t("Backtest"),
        aria_live="polite",
    )
