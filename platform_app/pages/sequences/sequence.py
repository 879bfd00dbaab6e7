"""Sequence: the editor page."""

import reflex as rx

from platform_app.components.console.layout import frame
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, confirm, problem_line, skeleton_rows
from platform_app.components.console.text import t
from platform_app.components.console.versioned_editor import conflict, history, small_button
from platform_app.components.rules.definition_editor import definition_head, head_link, name_field
from platform_app.components.rules.rule_blocks import block
from platform_app.components.sequences import sequence_blocks
from platform_app.components.sequences.sequence_steps import steps
from platform_app.components.sequences.sequence_trial import backtest, simulate
from platform_app.state.console.base import CurrentUser
from platform_app.state.sequences.sequence import SequenceState
from platform_app.state.sequences.sequence_trial import SequenceTrialState
from platform_app.state.sequences.sequence_view import StepMappingLine

STATE = SequenceState


def show() -> rx.Component:
    """Return the page on which operators edit the draft of a sequence, simulate it and publish it."""
    return frame(
        rx.cond(rx.State.is_hydrated & (STATE.form_key != ""), _editor(), skeleton_rows(8)), section="Sequences"
    )


def _editor() -> rx.Component:
    return rx.fragment(
        _head(),
        conflict(STATE, t("Someone else has changed this sequence since you opened it.")),
        rx.el.p(STATE.sentence, class_name="visually-hidden", id="sentence", aria_live="polite"),
        rx.el.div(
            _fields(),
            rx.el.div(simulate(), backtest(), _older_versions(), history(STATE), class_name="script-side"),
            class_name="grid cols-2-1",
            key=STATE.form_key,
        ),
    )


def _head() -> rx.Component:
    listed, sequence_id = f"/manage/{CurrentUser.slug}/sequences", STATE.form_key.split("-")[0]
    return definition_head(
        STATE,
        head_link(t("Enrollments"), f"{listed}/enrollments?sequence={sequence_id}"),
        head_link(t("Analytics"), f"{listed}/{sequence_id}/numbers"),
    )


def _fields() -> rx.Component:
    return rx.el.div(
        name_field(STATE),
        sequence_blocks.when_block(),
        sequence_blocks.if_block(),
        sequence_blocks.stop_block(),
        sequence_blocks.goal_block(),
        block(t("Then"), steps(), rx.cond(STATE.tried, problem_line(STATE.problems.get("steps", "")))),
        sequence_blocks.limits_block(),
        class_name="form rule-form sequence-form",
    )


def _older_versions() -> rx.Component:
    """Return the people inside older versions, with the button that moves them."""
    move = confirm(
        small_button(t("Move to latest version")),
        title=t("Move those inside to the newest version?"),
        sentence=t("Each continues from the step shown here. Completed steps are kept."),
        verb=t("Move"),
        on_confirm=STATE.move_inside,
    )
    return rx.cond(
        STATE.landings.length() > 0,
        rx.el.section(
            rx.el.h2(t("In older versions")),
            rx.el.p(t("They’ll finish on the version they started. If moved, they would:"), class_name="muted small"),
            rx.el.ul(rx.foreach(STATE.landings, _landing), class_name="plain-list"),
            rx.cond(~READ_ONLY, move),
            class_name="card section",
        ),
    )


def _landing(line: rx.Var[StepMappingLine]) -> rx.Component:
    return rx.el.li(rx.el.strong(line.count), " ", line.words, class_name="small")


PAGES = [tenant_page("/sequences/[sequence_id]", "Sequence", show, STATE.load, SequenceTrialState.load, STATE.watch)]
