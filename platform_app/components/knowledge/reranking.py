"""Reranking: the section that tries a reranking model on a question, and turns it on or off."""

import reflex as rx

from platform_app.components.console.parts import IS_ADMIN, field
from platform_app.components.console.text import t
from platform_app.state.embedding.reranking import RankedPassage, RerankingState


def reranking() -> rx.Component:
    """Return the section with the model in use and, for admins, the trial of one."""
    off = rx.button(
        t("Turn off"), on_click=RerankingState.turn_off, variant="soft", color_scheme="gray", high_contrast=True
    )
    return rx.el.section(
        rx.el.h2(t("Reranking")),
        rx.el.p(
            t(
                "A model of a provider with the API of Cohere or Jina reads the question with each passage and puts "
                "the best first. Each reply takes longer and costs more; if the model doesn’t answer in 2.5 seconds, "
                "passages keep their order."
            ),
            class_name="muted small",
            margin_bottom="12px",
        ),
        rx.cond(
            RerankingState.current != "",
            rx.flex(
                rx.el.span(RerankingState.current), rx.cond(IS_ADMIN, off), spacing="3", align="center", wrap="wrap"
            ),
            rx.el.p(t("Passages are not reranked.")),
        ),
        rx.cond(IS_ADMIN & (RerankingState.providers.length() > 0), rx.box(_form(), margin_top="16px")),
        class_name="card section",
    )


def _form() -> rx.Component:
    provider = rx.el.select(
        rx.el.option(t("Choose a provider"), value=""),
        rx.foreach(RerankingState.providers, lambda option: rx.el.option(option.name, value=option.id)),
        id="rerank_provider",
        name="rerank_provider",
        class_name="native",
    )
    model = rx.input(
        id="rerank_model", name="rerank_model", max_length=200, auto_complete="off", placeholder="rerank-v3.5"
    )
    question = rx.input(id="rerank_question", name="rerank_question", max_length=2_000, auto_complete="off")
    return rx.el.form(
        field(t("Provider"), provider, name="rerank_provider", problem=_problem("rerank_provider")),
        field(t("Reranking model"), model, name="rerank_model", problem=_problem("rerank_model")),
        field(t("Question to try it on"), question, name="rerank_question", problem=_problem("rerank_question")),
        rx.box(rx.button(t("Try reranking"), type="submit", variant="soft", loading=RerankingState.is_trying)),
        rx.el.div(rx.cond(RerankingState.tried_model != "", _outcome()), role="status", aria_live="polite"),
        on_submit=RerankingState.try_model,
        class_name="form",
        no_validate=True,
    )


def _problem(name: str) -> rx.Var[str]:
    return rx.cond(RerankingState.problem_field == name, RerankingState.problem, "")


def _outcome() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.span(
                rx.icon("circle-check", size=16, aria_hidden="true"), RerankingState.trial_result, class_name="well"
            ),
            class_name="field",
        ),
        rx.box(
            _order(t("As the search finds them"), RerankingState.before),
            _order(t("After reranking"), RerankingState.after),
            display="grid",
            grid_template_columns="repeat(auto-fit, minmax(min(280px, 100%), 1fr))",
            gap="16px",
        ),
        rx.button(t("Turn on reranking"), type="button", on_click=RerankingState.turn_on, margin_top="12px"),
    )


def _order(title: rx.Component, passages: rx.Var[list[RankedPassage]]) -> rx.Component:
    return rx.el.div(
        rx.el.h3(title, class_name="outcome-head"),
        rx.el.ol(rx.foreach(passages, _passage), class_name="passages"),
    )


def _passage(passage: rx.Var[RankedPassage]) -> rx.Component:
    return rx.el.li(
        rx.flex(rx.el.strong(passage.title), rx.el.span(passage.move, class_name="muted small"), justify="between"),
        rx.el.p(passage.text, class_name="muted small"),
    )
