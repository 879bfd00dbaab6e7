"""Web sites: web addresses whose pages agents read: added, listed, read again and deleted."""

from datetime import datetime
from typing import Annotated

from pydantic import Field
from sqlmodel import col

from platform_app.api.rest.fields import Id, ListQuery, Page, View, page
from platform_app.api.rest.operations import Call, Input, operation
from platform_app.db import owned
from platform_app.models.web_site import (
    MAX_ADDRESS,
    MAX_PAGES,
    PageOutcome,
    ReadInterval,
    SiteScope,
    SiteState,
    WebSite,
)
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.knowledge import sites

READ, WRITE = Scope.KNOWLEDGE_READ, Scope.KNOWLEDGE_WRITE


class SiteDetails(View):
    """A web address: its pages are sources of the kind `web` with its id."""

    id: str
    created_at: datetime
    address: str
    scope: SiteScope
    depth: int
    page_limit: int
    path_prefix: str
    interval: ReadInterval
    category_id: str | None
    state: SiteState
    is_paused: bool
    error: str
    read_at: datetime | None
    next_read_at: datetime | None


class SiteReportView(SiteDetails):
    """A web address with the numbers of its pages by what became of them when they were read last."""

    pages: dict[PageOutcome, int]
    sources: int
    indexed: int


class NewSite(Input):
    """A web address that is to be read: one page, or a site up to a depth, a number of pages and below a path."""

    address: Annotated[str, Field(min_length=8, max_length=MAX_ADDRESS)]
    scope: SiteScope = SiteScope.PAGE
    depth: Annotated[int, Field(ge=1, le=5)] = 3
    page_limit: Annotated[int, Field(ge=1, le=MAX_PAGES)] = 100
    path_prefix: Annotated[str, Field(max_length=300)] = ""
    interval: ReadInterval = ReadInterval.WEEK
    category_id: Id | None = None


@operation("GET", "/knowledge/sites", READ, query=ListQuery, answer=Page[SiteDetails])
def list_sites(call: Call) -> Page[SiteDetails]:
    """List web addresses, the newest first."""
    query = owned(WebSite, call.who.tenant_id).where(col(WebSite.deleted_at).is_(None))
    return page(call.session, query, call.query, model=WebSite, view=SiteDetails)


@operation("POST", "/knowledge/sites", WRITE, body=NewSite, answer=SiteDetails, status=201)
def add_site(call: Call) -> SiteDetails:
    """Add a web address; a worker reads and indexes it."""
    sent: NewSite = call.body
    form = {name: str(value) for name, value in sent.model_dump(mode="json").items() if name != "category_id"}
    return SiteDetails.model_validate(sites.create(call.session, call.who, form, category_id=sent.category_id))


@operation("GET", "/knowledge/sites/{site_id}", READ, answer=SiteReportView)
def get_site(call: Call) -> SiteReportView:
    """Read the state of a web address and the report of its last reading."""
    row = sites.get(call.session, call.who, call.ids["site_id"])
    found = sites.report(call.session, row)
    details = SiteDetails.model_validate(row).model_dump()
    return SiteReportView(**details, pages=found.counts, sources=found.sources, indexed=found.indexed)


@operation("POST", "/knowledge/sites/{site_id}/read", WRITE, answer=SiteDetails)
def read_site(call: Call) -> SiteDetails:
    """Begin to read a web address again."""
    return SiteDetails.model_validate(sites.read_now(call.session, call.who, call.ids["site_id"]))


@operation("DELETE", "/knowledge/sites/{site_id}", WRITE, status=204)
def delete_site(call: Call) -> None:
    """Move a web address with its pages to the bin; no search finds them any more."""
    sites.delete(call.session, call.who, call.ids["site_id"])
