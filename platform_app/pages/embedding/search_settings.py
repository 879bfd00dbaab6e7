"""Search settings: the page on which admins choose the embedding model of the knowledge."""

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import (
    IS_ADMIN,
    confirm,
    field,
    link_button,
    notice,
    problem_line,
    skeleton_rows,
    warning_line,
)
from platform_app.components.console.text import t
from platform_app.components.console.versioned_editor import small_button
from platform_app.components.knowledge.reranking import reranking
from platform_app.components.knowledge.word_weight import word_weight
from platform_app.models.embedding_model import EmbeddingState
from platform_app.state.embedding.embedding_view import EmbeddingRow
from platform_app.state.embedding.reranking import RerankingState
from platform_app.state.embedding.search_settings import SearchSettingsState
from platform_app.state.embedding.word_weight import WordWeightState

QUIET = {"variant": "soft", "color_scheme": "gray", "high_contrast": True}


def show() -> rx.Component:
    """Return the page with the embedding model in use, a change that runs, and the form to try another one."""
    return frame(
        rx.fragment(
            page_head(t("Search settings"), t("How agents find passages of the knowledge.")),
            rx.cond(
                rx.State.is_hydrated & SearchSettingsState.loaded,
                rx.el.div(
                    rx.foreach(SearchSettingsState.changes, _change),
                    _live(),
                    rx.cond(IS_ADMIN, _choice()),
                    word_weight(),
                    reranking(),
                    class_name="form",
                ),
                skeleton_rows(),
            ),
        ),
        section="Knowledge",
    )


def _change(row: rx.Var[EmbeddingRow]) -> rx.Component:
    return rx.cond(row.state == EmbeddingState.FAILED.value, _failed(row), _building(row))


def _failed(row: rx.Var[EmbeddingRow]) -> rx.Component:
    buttons = (
        small_button(t("Try again"), on_click=SearchSettingsState.retry(row.id)),
        small_button(t("Give up the change"), on_click=SearchSettingsState.cancel(row.id)),
    )
    return notice(
        t("The vectors of “{model}” couldn’t be computed. Agents search as before.", model=row.name),
        " ",
        row.problem,
        actions=(rx.cond(IS_ADMIN, rx.fragment(*buttons)),),
    )


def _building(row: rx.Var[EmbeddingRow]) -> rx.Component:
    give_up = confirm(
        rx.button(t("Cancel the change"), **QUIET),
        title=t("Cancel the change?"),
        sentence=t("Agents go on searching as before. What the vectors have cost so far is not paid back."),
        verb=t("Cancel the change"),
        on_confirm=SearchSettingsState.cancel(row.id),
    )
    dot = rx.cond((row.progress_words != "") & (row.cost != ""), " · ", "")
    cost = rx.fragment(dot, rx.cond(row.cost != "", t("cost so far: {cost}", cost=row.cost), ""))
    return rx.el.section(
        rx.el.h2(t("Change of the embedding model")),
        rx.flex(
            rx.el.p(
                t("Computing vectors with “{model}”. Until all are there, agents search as before.", model=row.name),
                role="status",
            ),
            rx.progress(value=row.progress, size="2", aria_label=t("Computing vectors")),
            rx.el.p(row.progress_words, cost, class_name="muted small"),
            rx.cond(row.problem != "", warning_line(t("{problem} It is tried again.", problem=row.problem))),
            rx.cond(IS_ADMIN, rx.box(give_up)),
            direction="column",
            spacing="3",
        ),
        class_name="card section",
    )


def _live() -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("Embedding model in use")),
        rx.cond(
            SearchSettingsState.live.length() > 0,
            rx.foreach(SearchSettingsState.live, _own),
            rx.el.p(t("Model of the installation")),
        ),
        class_name="card section",
    )


def _own(row: rx.Var[EmbeddingRow]) -> rx.Component:
    back = confirm(
        rx.button(t("Use the model of the installation"), **QUIET),
        title=t("Use the model of the installation?"),
        sentence=t("All passages are computed again there. Until they are, agents search as now."),
        verb=t("Use it"),
        on_confirm=SearchSettingsState.return_to_installation,
        is_harmful=False,
    )
    return rx.fragment(
        rx.el.dl(
            _figure(t("Model"), row.name),
            _figure(t("Dimensions"), row.dimensions),
            _figure(t("Cost so far"), row.cost),
            class_name="figures",
        ),
        problem_line(row.problem),
        rx.cond(IS_ADMIN, rx.box(back, margin_top="12px")),
    )


def _figure(label: rx.Component | rx.Var[str], value: rx.Var[str]) -> rx.Component:
    return rx.el.div(rx.el.dt(label), rx.el.dd(value))


def _choice() -> rx.Component:
    none_yet = rx.fragment(
        rx.el.p(t("Connect a model provider to use its embedding model for the knowledge."), class_name="muted"),
        rx.box(link_button(t("Connect a provider"), "/settings/providers/new", **QUIET)),
    )
    return rx.el.section(
        rx.el.h2(t("Another embedding model")),
        rx.el.p(
            t("Texts of the knowledge and questions of customers are sent to the provider whose model you choose."),
            class_name="muted small",
            margin_bottom="12px",
        ),
        rx.cond(SearchSettingsState.providers.length() > 0, _form(), none_yet),
        class_name="card section",
    )


def _form() -> rx.Component:
    is_wrong = SearchSettingsState.problem_field == "provider"
    provider = rx.el.select(
        rx.el.option(t("Choose a provider"), value=""),
        rx.foreach(SearchSettingsState.providers, lambda option: rx.el.option(option.name, value=option.id)),
        id="provider",
        name="provider",
        value=SearchSettingsState.provider,
        on_change=SearchSettingsState.choose_provider,
        class_name="native",
    )
    return rx.el.form(
        field(t("Provider"), provider, name="provider", problem=rx.cond(is_wrong, SearchSettingsState.problem, "")),
        rx.cond(SearchSettingsState.provider != "", _model()),
        rx.box(rx.button(t("Try the model"), type="submit", variant="soft", loading=SearchSettingsState.is_trying)),
        rx.el.div(rx.cond(SearchSettingsState.tried_model != "", _outcome()), role="status", aria_live="polite"),
        on_submit=SearchSettingsState.try_model,
        class_name="form",
        no_validate=True,
    )


def _model() -> rx.Component:
    listed = rx.el.select(
        rx.foreach(SearchSettingsState.models, lambda name: rx.el.option(name, value=name)),
        id="model",
        name="model",
        class_name="native",
    )
    typed = rx.input(id="model", name="model", max_length=200, auto_complete="off")
    problem = rx.cond(SearchSettingsState.problem_field == "model", SearchSettingsState.problem, "")
    return rx.cond(
        SearchSettingsState.models.length() > 0,
        field(t("Embedding model"), listed, name="model", problem=problem),
        field(
            t("Embedding model"),
            typed,
            name="model",
            help_text=t("The provider’s page lists its models after a test, for example text-embedding-3-small."),
            problem=problem,
        ),
    )


def _outcome() -> rx.Component:
    use = confirm(
        rx.button(t("Use it for the knowledge"), type="button"),
        title=t("Use “{model}” for the knowledge?", model=SearchSettingsState.tried_model),
        sentence=rx.fragment(
            SearchSettingsState.trial_estimate,
            " ",
            t("Until all are there, agents search as before. Later texts and questions cost extra."),
        ),
        verb=t("Compute the vectors"),
        on_confirm=SearchSettingsState.start,
        is_harmful=False,
    )
    return rx.el.div(
        rx.el.span(
            rx.icon("circle-check", size=16, aria_hidden="true"),
            SearchSettingsState.tried_model,
            ": ",
            SearchSettingsState.trial_result,
            class_name="well",
        ),
        rx.el.span(SearchSettingsState.trial_meaning, class_name="help"),
        rx.el.span(SearchSettingsState.trial_estimate, class_name="help"),
        rx.box(use, margin_top="8px"),
        class_name="field",
    )


PAGES = [
    tenant_page(
        "/knowledge/search",
        "Search settings",
        show,
        SearchSettingsState.load,
        WordWeightState.load,
        RerankingState.load,
        SearchSettingsState.watch,
    )
]
