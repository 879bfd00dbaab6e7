"""Source: the page of a source with its chunks."""

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.outside_link import outside_link
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, download_link, field, skeleton_rows
from platform_app.components.console.text import t
from platform_app.components.console.upload import replacement_upload
from platform_app.components.console.versioned_editor import small_button
from platform_app.components.knowledge.impact import source_impact
from platform_app.components.knowledge.source_state import source_state
from platform_app.services.knowledge.source_changes import MAX_TITLE_CHARS
from platform_app.state.console.base import CurrentUser
from platform_app.state.knowledge.impact import ImpactState
from platform_app.state.knowledge.source import ChunkRow, SourcePageState
from platform_app.state.knowledge.source_view import SourceRow


def show() -> rx.Component:
    """Return the page on which members see the state of a source and its chunks as they are stored."""
    return frame(
        rx.cond(SourcePageState.loaded, rx.foreach(SourcePageState.rows, _source), skeleton_rows()),
        section="Knowledge",
    )


def _source(source: rx.Var[SourceRow]) -> rx.Component:
    home = f"/manage/{CurrentUser.slug}/knowledge"
    edit = small_button(t("Edit as article"), on_click=SourcePageState.edit_as_article)
    return rx.fragment(
        page_head(
            source.title,
            None,
            rx.cond(
                source.is_article,
                rx.link(t("Edit article"), href=f"{home}/articles/{source.id}", size="2", underline="always"),
            ),
            rx.cond(
                source.is_web,
                rx.fragment(
                    outside_link(t("Open the page"), source.address),
                    rx.link(t("Web address"), href=f"{home}/sites/{source.site_id}", size="2", underline="always"),
                ),
            ),
            rx.cond(
                source.size != "",
                download_link(t("Download the file"), f"/api/sources/{CurrentUser.slug}/{source.id}/file"),
            ),
            rx.cond(source.is_text & ~READ_ONLY, edit),
        ),
        rx.flex(
            source_state(source),
            rx.el.span(source.chunks, class_name="muted"),
            rx.cond(
                (source.state_code == "failed") & ~READ_ONLY, small_button(t("Retry"), on_click=SourcePageState.retry)
            ),
            spacing="4",
            align="center",
            margin_bottom="16px",
        ),
        rx.cond(~source.is_article & ~source.is_web & ~READ_ONLY, _changes(source)),
        source_impact(source),
        rx.el.ol(rx.foreach(SourcePageState.chunks, _chunk), class_name="passages"),
    )


def _changes(source: rx.Var[SourceRow]) -> rx.Component:
    """Return the field for the title and the drop zone for a new file."""
    title = rx.input(
        id="title",
        default_value=source.title,
        on_blur=SourcePageState.rename,
        max_length=MAX_TITLE_CHARS,
        max_width="420px",
    )
    return rx.fragment(
        field(t("Title"), title, name="title", problem=SourcePageState.problem),
        rx.el.div(
            replacement_upload(f"/api/sources/{CurrentUser.slug}/{source.id}/replacement", SourcePageState.refresh),
            margin_top="16px",
        ),
    )


def _chunk(chunk: rx.Var[ChunkRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(f"{chunk.number}. ", chunk.heading, class_name="muted small"),
        rx.el.p(chunk.text, class_name="passage-text"),
        class_name="card",
    )


PAGES = [
    tenant_page("/knowledge/[source_id]", "Source", show, SourcePageState.load, ImpactState.load, SourcePageState.watch)
]
