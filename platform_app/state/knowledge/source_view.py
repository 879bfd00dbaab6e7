"""Source view: the row of a source for the list and its page."""

from dataclasses import dataclass

from platform_app.clock import now
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.knowledge import Source, SourceKind, Visibility
from platform_app.models.person import Identity
from platform_app.services.knowledge import articles

STATES = {
    "queued": ("Queued", ""),
    "reading": ("Reading", "blue"),
    "indexing": ("Indexing", "blue"),
    "ready": ("Ready", "green"),
    "failed": ("Failed", "red"),
    "hidden": ("Not published", "amber"),
}


@dataclass
class SourceRow:
    """A source in the list."""

    id: str
    title: str
    state: str
    state_code: str
    colour: str
    progress: int
    error: str
    remarks: list[str]
    chunks: str
    category: str
    path: str  # of its page, below /knowledge/
    is_article: bool
    is_web: bool  # a page of a web address
    address: str  # of a web page
    site_id: str
    is_text: bool  # a file that can be edited as an article
    size: str
    when: str
    exact: str


def source_row(source: Source, identity: Identity, language: str) -> SourceRow:
    """Return the row of a source."""
    is_article = source.kind == SourceKind.ARTICLE
    code = "hidden" if source.visibility == Visibility.HIDDEN else source.state.value
    words, colour = STATES[code]
    return SourceRow(
        id=source.id,
        title=source.title,
        state=translate(language, words),
        state_code=code,
        colour=colour,
        progress=source.progress,
        error=translate(language, source.error) if source.error else "",
        remarks=[translate(language, remark["sentence"], **remark["values"]) for remark in source.remarks],
        chunks=plural(language, "{count} chunk", "{count} chunks", source.chunk_count) if code == "ready" else "",
        category=source.category_id or "none",
        path=f"articles/{source.id}" if is_article else source.id,
        is_article=is_article,
        is_web=source.kind == SourceKind.WEB,
        address=source.address,
        site_id=source.site_id or "",
        is_text=articles.can_edit_as_article(source),
        size=_size(source.size, language) if source.stored_as else "",
        when=relative_time(language, source.created_at, now(), identity.time_zone),
        exact=exact_time(language, source.created_at, identity.time_zone),
    )


def _size(size: int, language: str) -> str:
    if size < 1_000_000:
        return translate(language, "{count} KB", count=max(1, round(size / 1000)))
    return translate(language, "{count} MB", count=round(size / 1_000_000, 1))
