"""Web site models: web addresses whose pages are knowledge, and the pages that were found there."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, BigInteger, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from platform_app.form_fields import Control, form_fields
from platform_app.models.base import Instant, Owned, enum_column, factory, in_form

MAX_ADDRESS = 2_000  # characters
MAX_PAGES = 500


class SiteScope(StrEnum):
    """What is read of a web address."""

    PAGE = "page"
    SITE = "site"


class ReadInterval(StrEnum):
    """How often a web address is read again."""

    NEVER = "never"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class SiteState(StrEnum):
    """The state of a web address."""

    QUEUED = "queued"
    READING = "reading"
    READY = "ready"
    FAILED = "failed"  # the last reading got nothing; what was read before is kept


class PageOutcome(StrEnum):
    """What became of a page when it was read last."""

    WAITING = "waiting"
    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    DOUBLE = "double"  # another page of the site has the same text
    REFUSED = "refused"  # robots.txt or the page itself asks not to read it
    GONE = "gone"
    SKIPPED = "skipped"  # nothing readable, or outside of what is to be read
    FAILED = "failed"  # the text that was read before is kept
    EXCLUDED = "excluded"  # a member deleted it


class WebSiteFields(SQLModel):
    """What a member enters of a web address."""

    address: str = Field(
        title="Address",
        description="Public pages only. Pages behind a sign-in cannot be read.",
        min_length=1,
        max_length=MAX_ADDRESS,
        schema_extra=in_form("site", placeholder="https://shop.example.com/help"),
    )
    scope: SiteScope = Field(
        default=SiteScope.PAGE,
        title="What to read",
        description="The site: this page, what it links to on the same host, its sitemap. PDF and DOCX files too.",
        sa_type=enum_column(SiteScope),
        schema_extra=in_form("site", options={"page": "This page", "site": "The site"}),
    )
    depth: int = Field(
        default=3,
        title="Depth",
        description="How many links away from the address, 1–5.",
        ge=1,
        le=5,
        schema_extra=in_form("site", Control.NUMBER, problem="Enter a number from 1 to 5."),
    )
    page_limit: int = Field(
        default=100,
        title="Page limit",
        description="1–500.",
        ge=1,
        le=MAX_PAGES,
        schema_extra=in_form("site", Control.NUMBER, problem="Enter a number from 1 to 500."),
    )
    path_prefix: str = Field(
        default="",
        title="Only below this path",
        description="For example /help/. Leave empty to read all of the site.",
        max_length=300,
        schema_extra=in_form("site", placeholder="/help/"),
    )
    interval: ReadInterval = Field(
        default=ReadInterval.WEEK,
        title="Read again",
        description="Only pages that have changed are indexed again.",
        sa_type=enum_column(ReadInterval),
        schema_extra=in_form(
            "site",
            options={"never": "Never", "day": "Every day", "week": "Every week", "month": "Every month"},
        ),
    )


class WebSite(Owned, WebSiteFields, table=True):
    """A web address that a tenant's agents may read: one page, or the pages of a site.

    A reading is one pass over its pages; the counts are those of the current or last one.
    """

    __table_args__ = (Index("ix_website_next_read_at", "next_read_at"),)
    title: str = Field(max_length=300)  # the address without its scheme
    category_id: str | None = Field(default=None, foreign_key="category.id", index=True, max_length=32)
    state: SiteState = Field(default=SiteState.QUEUED, sa_type=enum_column(SiteState))
    is_paused: bool = False
    error: str = Field(default="", max_length=500)  # a message id
    remark: str = Field(default="", max_length=500)  # a message id: why a reading waits, or ended early
    reading: int = 0  # number of the current reading
    robots: str = Field(default="", sa_type=Text)  # JSON of what robots.txt says to us
    robots_reading: int = 0  # the reading for which robots.txt was read
    sitemaps: list[str] = Field(default_factory=factory(list), sa_type=JSON)  # addresses to be read in this reading
    sitemaps_read: int = 0
    requests: int = 0
    bytes_read: int = Field(default=0, sa_type=BigInteger)
    fetch_ms: int = Field(default=0, sa_type=BigInteger)  # time that requests took
    failures_in_row: int = 0
    failed_readings: int = 0  # one after another, which got nothing
    is_cut: bool = False  # more addresses were found than the limit allows
    read_at: datetime | None = Field(default=None, sa_type=Instant)  # when the last reading ended
    next_read_at: datetime | None = Field(default=None, sa_type=Instant)
    created_by: str = Field(default="", max_length=200)
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)

    @property
    def is_in_progress(self) -> bool:
        """Whether a reading is queued or runs."""
        return self.state in (SiteState.QUEUED, SiteState.READING)


class WebPage(Owned, table=True):
    """An address of a site, and what is known of it for the next reading; its text is that of a source."""

    __table_args__ = (
        UniqueConstraint("site_id", "address_hash"),
        Index("ix_webpage_order", "tenant_id", "site_id", "outcome", "depth", "id"),
    )
    site_id: str = Field(foreign_key="website.id", max_length=32, ondelete="CASCADE")
    address: str = Field(max_length=MAX_ADDRESS)
    address_hash: str = Field(max_length=64)
    depth: int = 0  # links from the site's address
    outcome: PageOutcome = Field(default=PageOutcome.WAITING, sa_type=enum_column(PageOutcome))
    reason: str = Field(default="", max_length=500)  # a message id
    attempts: int = 0  # in this reading
    missing_since: datetime | None = Field(default=None, sa_type=Instant)  # its text is kept for a day from then
    etag: str = Field(default="", max_length=300)
    last_modified: str = Field(default="", max_length=100)
    body_hash: str = Field(default="", max_length=64)
    text_hash: str = Field(default="", max_length=64)  # of title and text
    title: str = Field(default="", max_length=300)
    source_id: str | None = Field(default=None, index=True, max_length=32)
    is_excluded: bool = False
    read_at: datetime | None = Field(default=None, sa_type=Instant)


SITE_FORM = form_fields(WebSiteFields)
