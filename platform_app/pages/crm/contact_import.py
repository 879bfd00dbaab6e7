"""Contact import: the page that imports contacts from a table in three steps."""

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import columns, framed_table
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, download_link, field, notice, skeleton_rows
from platform_app.components.console.text import t
from platform_app.components.console.upload import upload_table
from platform_app.services.crm.person_matching import MatchBy
from platform_app.state.console.base import CurrentUser
from platform_app.state.crm.contact_import import ColumnLine, ImportContactsState, PastImportRow, RefusedRowLine


def show() -> rx.Component:
    """Return the page on which operators import contacts: choose a table, match its columns, follow the import."""
    return frame(
        rx.fragment(
            page_head(
                t("Import contacts"),
                t("Existing contacts are updated, not duplicated."),
            ),
            rx.cond(
                READ_ONLY,
                rx.el.p(t("Your role doesn’t allow this."), class_name="muted"),
                rx.cond(ImportContactsState.loaded, _step(), skeleton_rows(4)),
            ),
        ),
        section="Contacts",
    )


def _step() -> rx.Component:
    return rx.fragment(
        rx.match(
            ImportContactsState.state,
            ("ready", _matching()),
            ("running", _progress()),
            ("done", "failed", rx.fragment(_progress(), _refused())),
            upload_table(f"/api/imports/{CurrentUser.slug}", ImportContactsState.uploaded),
        ),
        rx.cond(
            ImportContactsState.past_imports.length() > 0,
            rx.el.section(
                rx.el.h2(t("Past imports")),
                rx.el.ul(rx.foreach(ImportContactsState.past_imports, _past_import_row), class_name="plain-list small"),
                class_name="card section",
                style={"margin-top": "24px"},
            ),
        ),
    )


def _matching() -> rx.Component:
    return rx.el.section(
        rx.el.h2(ImportContactsState.file_name),
        rx.el.p(t("Match each column to a field. Unmatched columns are skipped."), class_name="muted small"),
        rx.el.div(rx.foreach(ImportContactsState.columns, _column), class_name="mapping"),
        _match_by(),
        rx.flex(
            rx.button(t("Import ({count})", count=ImportContactsState.total), on_click=ImportContactsState.start),
            rx.button(
                t("Choose another file"),
                variant="soft",
                color_scheme="gray",
                high_contrast=True,
                on_click=ImportContactsState.start_over,
            ),
            spacing="3",
            margin_top="16px",
        ),
        class_name="card section",
    )


def _match_by() -> rx.Component:
    choices = {
        MatchBy.NAME: t("Same phone or email and a similar name"),
        MatchBy.ADDRESS: t("Same phone or email, any name"),
        MatchBy.NOTHING: t("Never match: create a contact for every row"),
    }
    selected = field(
        t("Match rows to existing contacts"),
        rx.el.select(
            *(rx.el.option(words, value=value.value) for value, words in choices.items()),
            id="match_by",
            value=ImportContactsState.match_by,
            on_change=ImportContactsState.set_match_by,
            class_name="native",
        ),
        name="match_by",
        help_text=t(
            "Colleagues may share a phone or mailbox; names keep them apart. Importing never renames a contact."
        ),
    )
    return rx.box(selected, margin_top="20px")


def _column(line: rx.Var[ColumnLine]) -> rx.Component:
    return rx.fragment(
        rx.el.strong(line.header),
        rx.el.select(
            rx.el.option(t("Don’t import"), value=""),
            rx.foreach(ImportContactsState.targets, lambda target: rx.el.option(target.name, value=target.id)),
            value=line.target,
            on_change=lambda target: ImportContactsState.map_column(line.index, target),
            aria_label=t("Where the column “{title}” goes", title=line.header),
            class_name="native",
        ),
        rx.el.span(line.sample, class_name="clip"),
    )


def _progress() -> rx.Component:
    return rx.el.section(
        rx.el.h2(ImportContactsState.file_name),
        rx.progress(value=ImportContactsState.percent, size="2", aria_label=t("Progress")),
        rx.el.p(
            t("Rows: {done} of {total}", done=ImportContactsState.done, total=ImportContactsState.total),
            " · ",
            ImportContactsState.summary,
            role="status",
            margin_block="8px 12px",
        ),
        rx.cond(
            ImportContactsState.state == "failed",
            notice(
                t("The import has stalled. Imported rows are kept."),
                " ",
                ImportContactsState.error,
                actions=(rx.button(t("Resume"), size="1", on_click=ImportContactsState.resume),),
            ),
        ),
        rx.cond(
            ImportContactsState.state == "running",
            rx.el.p(t("You can close this page. The import will continue."), class_name="muted small"),
            rx.button(t("Import another file"), variant="soft", on_click=ImportContactsState.start_over),
        ),
        class_name="card section",
        font_size="14px",
    )


def _refused() -> rx.Component:
    return rx.cond(
        ImportContactsState.refused_total + ImportContactsState.incomplete_total > 0,
        rx.el.section(
            rx.flex(
                rx.el.h2(t("Rows to review")),
                download_link(
                    t("Download them with the reasons"),
                    f"/api/imports/{CurrentUser.slug}/{ImportContactsState.current}/refused.csv",
                ),
                justify="between",
                wrap="wrap",
            ),
            framed_table(
                columns(t("Line"), t("Result"), t("Reason"), t("Row")),
                rx.table.body(rx.foreach(ImportContactsState.refused, _refused_row)),
            ),
            class_name="card section",
            style={"margin-top": "16px"},
        ),
    )


def _refused_row(line: rx.Var[RefusedRowLine]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(line.number),
        rx.table.cell(
            rx.cond(
                line.contact_id != "",
                rx.link(
                    t("Imported without this value"),
                    href=f"/manage/{CurrentUser.slug}/contacts/{line.contact_id}",
                    size="2",
                    underline="always",
                ),
                t("Refused"),
            )
        ),
        rx.table.cell(line.error),
        rx.table.cell(line.cells),
        key=line.number,
    )


def _past_import_row(past: rx.Var[PastImportRow]) -> rx.Component:
    return rx.el.li(
        rx.link(past.name, href=f"/manage/{CurrentUser.slug}/contacts/import?i={past.id}", size="2"),
        rx.el.span(" ", past.when, " · ", past.summary, class_name="muted"),
    )


PAGES = [
    tenant_page(
        "/contacts/import",
        "Import contacts",
        show,
        ImportContactsState.load,
        ImportContactsState.watch,
    )
]
