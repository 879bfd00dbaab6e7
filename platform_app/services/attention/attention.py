"""Attention: what waits for members: approvals, conversations, failures and open questions, each with its number."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col

from platform_app.bounded_count import count_each
from platform_app.db import Transaction, owned
from platform_app.models.article import UnansweredQuestion
from platform_app.models.job import JobState
from platform_app.models.knowledge import Source, SourceState
from platform_app.models.person import Identity
from platform_app.models.rule import RuleRun, RunState
from platform_app.models.web_site import SiteState, WebSite
from platform_app.services.inbox import inbox_list
from platform_app.services.inbox.inbox_list import InboxFilter, View
from platform_app.services.jobs import job_counts
from platform_app.services.knowledge import unanswered_questions
from platform_app.services.tasks import task_list

MAX_COUNT = 99  # counting stops after it: "99+"
RECENT = timedelta(days=7)  # how long a failed run is shown


@dataclass(frozen=True)
class AttentionItem:
    """Something that waits for members: its kind, how many there are, and the path of their list below the tenant's."""

    kind: str
    count: int
    path: str


def list_attention(session: Transaction, who: Identity, now: datetime) -> list[AttentionItem]:
    """Return what waits for members at `now` (aware); what does not is left out. Counts stop at MAX_COUNT + 1."""
    views = inbox_list.count_views(session, who, InboxFilter())
    runs, questions, sources, sites = count_each(
        session, [_failed_runs(who, now), _questions(who), _failed_sources(who), _failed_sites(who)], MAX_COUNT
    )
    jobs = job_counts.tenant_counts(session, who.tenant_id)
    overdue = task_list.count_views(session, who, task_list.TaskFilter())[task_list.View.OVERDUE]
    stuck = {state: jobs.get(state.value, 0) for state in (JobState.DEAD, JobState.UNCERTAIN)}
    items = [
        AttentionItem("approvals", views[View.APPROVAL], "/inbox?view=approval"),
        AttentionItem("conversations", views[View.PERSON], "/inbox?view=person"),
        AttentionItem("questions", questions, "/knowledge/questions"),
        AttentionItem("overdue", overdue, "/tasks?view=overdue"),
        AttentionItem("runs", runs, "/rules/runs?state=failed"),
        AttentionItem("jobs", stuck[JobState.DEAD], "/jobs?state=dead"),
        AttentionItem("uncertain", stuck[JobState.UNCERTAIN], "/jobs?state=uncertain"),
        AttentionItem("sources", sources, "/knowledge?state=failed"),
        AttentionItem("sites", sites, "/knowledge"),
    ]
    return [item for item in items if item.count]


def _failed_runs(who: Identity, now: datetime) -> Any:
    query = owned(RuleRun, who.tenant_id).where(col(RuleRun.at) >= now - RECENT, RuleRun.state == RunState.FAILED)
    return query.with_only_columns(RuleRun.id)


def _questions(who: Identity) -> Any:
    return unanswered_questions.open_questions(who.tenant_id).with_only_columns(UnansweredQuestion.id)


def _failed_sources(who: Identity) -> Any:
    query = owned(Source, who.tenant_id).where(Source.state == SourceState.FAILED, col(Source.deleted_at).is_(None))
    return query.with_only_columns(Source.id)


def _failed_sites(who: Identity) -> Any:
    query = owned(WebSite, who.tenant_id).where(WebSite.state == SiteState.FAILED, col(WebSite.deleted_at).is_(None))
    return query.with_only_columns(WebSite.id)
