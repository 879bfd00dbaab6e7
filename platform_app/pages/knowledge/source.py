"""Source: the page of a source with its chunks."""

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import download_link, skeleton_rows
from platform_app.components.console.text import t
from platform_app.components.knowledge.source_state import source_state
from platform_app.state.console.base import CurrentUser
from platform_app.state.knowledge.source import ChunkRow, SourcePageState
from platform_app.state.knowledge.source_view import SourceRow


def show() -> rx.Component:
    """Return the page on which members see the state of a source and its chunks as they are stored."""
    return frame(
        rx.cond(SourcePageState.loaded, rx.foreach(SourcePageState.rows, _source), skeleton_rows()),
        section="Knowledge",
    )


def _source(source: rx.Var[SourceRow]) -> rx.Component:
    return rx.fragment(
        page_head(
            source.title,
            None,
            rx.link(t("All sources"), href=f"/manage/{CurrentUser.slug}/knowledge", size="2", underline="always"),
            download_link(t("Download the file"), f"/api/sources/{CurrentUser.slug}/{source.id}/file"),
        ),
        rx.flex(source_state(source), rx.el.span(source.chunks, class_name="muted"), spacing="4", margin_bottom="16px"),
        rx.el.ol(rx.foreach(SourcePageState.chunks, _chunk), class_name="passages"),
    )


def _chunk(chunk: rx.Var[ChunkRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(f"{chunk.number}. ", chunk.heading, class_name="muted small"),
        rx.el.p(chunk.text, class_name="passage-text"),
        class_name="card",
    )


PAGES = [tenant_page("/knowledge/[source_id]", "Source", show, SourcePageState.load, SourcePageState.watch)]
