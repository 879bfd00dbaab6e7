"""Site: the page of a web address: what its last reading found, its pages, and how it is read."""

import reflex as rx

from platform_app.components.console.form import submitted_field
from platform_app.components.console.layout import frame
from platform_app.components.console.listing import columns, framed_table, select_filter
from platform_app.components.console.outside_link import outside_link
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import (
    READ_ONLY,
    confirm,
    empty_state,
    field,
    pager,
    row_link,
    skeleton_rows,
    status,
    time_ago,
)
from platform_app.components.console.text import t
from platform_app.components.knowledge.site_state import site_state
from platform_app.models.web_site import SITE_FORM
from platform_app.state.console.base import CurrentUser
from platform_app.state.knowledge.categories import CategoryState
from platform_app.state.knowledge.site import OUTCOME_CHOICES, SitePageState
from platform_app.state.knowledge.site_view import OutcomeRow, PageRow, SiteRow


def show() -> rx.Component:
    """Return the page on which operators add a web address, and members see what was read there."""
    return frame(
        rx.cond(
            rx.State.is_hydrated & SitePageState.loaded,
            rx.cond(SitePageState.is_new, _new(), rx.foreach(SitePageState.rows, _site)),
            skeleton_rows(),
        ),
        section="Knowledge",
    )


def _new() -> rx.Component:
    return rx.cond(
        READ_ONLY,
        empty_state(t("Only operators and above may add web addresses."), icon="lock"),
        rx.fragment(
            rx.el.div(rx.el.h1(t("Add a web address")), class_name="page-head"),
            rx.el.div(_form(is_new=True), class_name="form"),
        ),
    )


def _site(site: rx.Var[SiteRow]) -> rx.Component:
    return rx.fragment(
        rx.el.div(
            rx.el.div(rx.el.h1(site.title), outside_link(t("Open the address"), site.address)),
            rx.cond(~READ_ONLY, _buttons(site)),
            class_name="page-head",
        ),
        _report(site),
        _pages(),
        rx.cond(~READ_ONLY, rx.el.div(_form(is_new=False), class_name="form", margin_top="24px")),
    )


def _buttons(site: rx.Var[SiteRow]) -> rx.Component:
    quiet = {"variant": "soft", "color_scheme": "gray", "high_contrast": True}
    remove = confirm(
        rx.button(t("Delete"), **quiet),
        title=t("Delete this web address?"),
        sentence=t("Agents find its pages no more. You can restore it from the bin for 30 days."),
        verb=t("Delete"),
        on_confirm=SitePageState.delete,
    )
    return rx.flex(
        rx.cond(
            site.is_paused,
            rx.button(rx.icon("play", size=16), t("Resume"), on_click=SitePageState.set_paused(False)),
            rx.button(rx.icon("pause", size=16), t("Pause"), on_click=SitePageState.set_paused(True), **quiet),
        ),
        rx.button(
            rx.icon("refresh-cw", size=16),
            t("Read now"),
            on_click=SitePageState.read_now,
            disabled=site.is_paused | site.is_reading,
        ),
        remove,
        spacing="2",
        align="center",
        wrap="wrap",
    )


def _report(site: rx.Var[SiteRow]) -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("Last reading")),
        rx.flex(site_state(site), spacing="3", align="center", wrap="wrap"),
        rx.el.dl(
            _figure(t("With a text"), site.pages),
            rx.foreach(SitePageState.outcomes, lambda row: _outcome(row)),
            _figure(t("Last read"), rx.cond(site.last != "", time_ago(site.last, site.last_exact), "—")),
            _figure(t("Next reading"), time_ago(site.due, site.due_exact)),
            class_name="figures",
        ),
        rx.cond(
            SitePageState.is_cut,
            rx.el.p(t("The page limit is reached: more pages were found than are read."), class_name="muted small"),
        ),
        class_name="card section",
        max_width="720px",
    )


def _figure(label: rx.Component | rx.Var[str], value: rx.Component | rx.Var[str]) -> rx.Component:
    return rx.el.div(rx.el.dt(label), rx.el.dd(value))


def _outcome(row: rx.Var[OutcomeRow]) -> rx.Component:
    return rx.el.div(rx.el.dt(row.label), rx.el.dd(row.count), key=row.code)


def _pages() -> rx.Component:
    table = framed_table(
        columns(t("Page"), t("Address"), t("Result"), t("Last read")),
        rx.table.body(rx.foreach(SitePageState.pages_shown, _page)),
    )
    return rx.el.section(
        rx.el.h2(t("Pages")),
        rx.el.div(
            select_filter(
                t("Result"),
                SitePageState.outcome,
                [("all", t("All results")), *((code, t(words)) for code, words in OUTCOME_CHOICES.items())],
                SitePageState.filter_outcome,
            ),
            class_name="filters",
        ),
        rx.cond(
            SitePageState.total > 0,
            rx.fragment(
                table,
                pager(SitePageState.page, SitePageState.pages, SitePageState.total_words, SitePageState.go_to_page),
            ),
            rx.el.p(t("No pages with this result."), class_name="muted"),
        ),
        class_name="section",
        margin_top="24px",
    )


def _page(page: rx.Var[PageRow]) -> rx.Component:
    source = f"/manage/{CurrentUser.slug}/knowledge/{page.source_id}"
    return rx.table.row(
        rx.table.row_header_cell(rx.cond(page.source_id != "", row_link(page.title, source), page.title)),
        rx.table.cell(outside_link(page.path, page.address)),
        rx.table.cell(
            status(page.colour, page.outcome),
            rx.cond(page.index_state != "", rx.el.div(page.index_state, class_name="muted small")),
            rx.cond(page.reason != "", rx.el.div(page.reason, class_name="muted small", max_width="380px")),
        ),
        rx.table.cell(rx.cond(page.last != "", time_ago(page.last, page.last_exact), "—")),
        align="center",
        key=page.id,
    )


def _form(*, is_new: bool) -> rx.Component:
    names = [name for name in SITE_FORM if is_new or name != "address"]
    words = t("Add and read") if is_new else t("Save")
    title = rx.fragment() if is_new else rx.el.h2(t("How it is read"))
    return rx.el.section(
        rx.el.form(
            title,
            *(_field(name) for name in names),
            _category(),
            rx.flex(rx.button(words, type="submit")),
            on_submit=SitePageState.save,
            class_name="form",
            no_validate=True,
        ),
        class_name="card section",
        key=SitePageState.form_key,
    )


def _field(name: str) -> rx.Component:
    control = submitted_field(SITE_FORM[name], SitePageState)
    return rx.box(control, class_name="site-only") if name in ("depth", "page_limit", "path_prefix") else control


def _category() -> rx.Component:
    control = rx.el.select(
        rx.el.option(t("None"), value="none"),
        rx.foreach(CategoryState.rows, lambda row: rx.el.option(row.label, value=row.id)),
        id="category",
        name="category",
        default_value=SitePageState.initial["category"],
        class_name="native",
    )
    return field(t("Category"), control, name="category")


PAGES = [
    tenant_page(
        "/knowledge/sites/[site_id]", "Web address", show, CategoryState.load, SitePageState.load, SitePageState.watch
    )
]
