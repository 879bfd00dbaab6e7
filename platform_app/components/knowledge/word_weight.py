"""Word weight: the section that measures and chooses the share of the words in searches."""

import reflex as rx

from platform_app.components.console.listing import columns, framed_table
from platform_app.components.console.parts import IS_ADMIN, status
from platform_app.components.console.text import t
from platform_app.components.console.versioned_editor import small_button
from platform_app.state.embedding.word_weight import WeightRow, WordWeightState


def word_weight() -> rx.Component:
    """Return the section with each share, what part of the sources it finds, and the choice."""
    return rx.el.section(
        rx.el.h2(t("Words or meaning")),
        rx.el.p(
            t(
                "How much the words of a question count beside its meaning. Measured on up to 50 questions of the last "
                "30 days: what part of the sources that answered is among the first five passages. The mix of now has "
                "an advantage, since it found those sources."
            ),
            class_name="muted small",
            margin_bottom="12px",
        ),
        framed_table(
            columns(t("Weight"), t("Found among the first five"), None),
            rx.table.body(rx.foreach(WordWeightState.rows, _row)),
            label=t("Words or meaning"),
        ),
        rx.cond(
            WordWeightState.running,
            rx.progress(value=WordWeightState.progress, size="1", aria_label=t("Searching for the questions")),
        ),
        rx.el.p(WordWeightState.measured_words, class_name="muted small", role="status"),
        rx.cond(
            WordWeightState.without_vectors,
            rx.callout(t("Semantic search is unavailable. These are keyword results."), icon="circle-alert", size="1"),
        ),
        rx.cond(
            IS_ADMIN,
            rx.box(
                rx.button(
                    t("Measure"),
                    on_click=WordWeightState.measure,
                    disabled=WordWeightState.running,
                    variant="soft",
                )
            ),
        ),
        class_name="card section",
    )


def _row(row: rx.Var[WeightRow]) -> rx.Component:
    use = small_button(
        t("Use this"),
        on_click=WordWeightState.choose(row.value),
        custom_attrs={"aria-label": t("Use “{name}”", name=row.name)},
    )
    return rx.table.row(
        rx.table.row_header_cell(row.name),
        rx.table.cell(
            rx.cond(row.recall != "", row.recall, "—"),
            rx.cond(row.is_best, rx.el.span(" · ", t("best"), class_name="muted small")),
        ),
        rx.table.cell(
            rx.flex(rx.cond(row.is_chosen, status("green", t("In use|weight")), rx.cond(IS_ADMIN, use)), justify="end")
        ),
        align="center",
        key=row.value,
    )
