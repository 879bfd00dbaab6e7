"""Source view: the row of a source for the list and its page."""

from dataclasses import dataclass

from platform_app.clock import now
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.knowledge import Source, SourceState
from platform_app.models.person import Identity

STATES = {
    "queued": ("Queued", ""),
    "reading": ("Reading", "blue"),
    "indexing": ("Indexing", "blue"),
    "ready": ("Ready", "green"),
    "failed": ("Failed", "red"),
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
    size: str
    when: str
    exact: str


def source_row(source: Source, identity: Identity, language: str) -> SourceRow:
    """Return the row of a source."""
    words, colour = STATES[source.state.value]
    ready = source.state == SourceState.READY
    return SourceRow(
        id=source.id,
        title=source.title,
        state=translate(language, words),
        state_code=source.state.value,
        colour=colour,
        progress=source.progress,
        error=translate(language, source.error) if source.error else "",
        remarks=[translate(language, remark["sentence"], **remark["values"]) for remark in source.remarks],
        chunks=plural(language, "{count} chunk", "{count} chunks", source.chunk_count) if ready else "",
        category=source.category_id or "none",
        size=_size(source.size, language),
        when=relative_time(language, source.created_at, now(), identity.time_zone),
        exact=exact_time(language, source.created_at, identity.time_zone),
    )


def _size(size: int, language: str) -> str:
    if size < 1_000_000:
        return translate(language, "{count} KB", count=max(1, round(size / 1000)))
    return translate(language, "{count} MB", count=round(size / 1_000_000, 1))
