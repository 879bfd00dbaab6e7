"""Definitions: drafts, versions, switching, order, copies, deletion and restoring of rules and sequences."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

from pydantic import BaseModel, ValidationError
from sqlmodel import col

from platform_app import notifier
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, Invalid, LimitReached, NotFound
from platform_app.i18n import translate
from platform_app.models.agent import Agent
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import Identity
from platform_app.services.crm import row_order
from platform_app.services.feed import activity
from platform_app.services.versions.deletable_rows import RowT
from platform_app.services.versions.published_rows import PublishedRows
from platform_app.services.versions.versioned_rows import VersionT


@dataclass(frozen=True)
class DefinitionMessages:
    """The messages about a kind of definition: message ids, those of `done` with a placeholder for the name."""

    done: dict[str, str]  # by "created", "published", "on", "off" and "deleted"
    incomplete: str
    unpublished: str


PAGE_SIZE = 50


@dataclass(frozen=True)
class DefinitionPage(Generic[RowT]):
    """A page of definitions."""

    rows: list[RowT]
    total: int  # all rows of the agent, regardless of the search
    page: int  # from 1; the last page if a later one was requested
    pages: int
    ids: list[str]  # ids of all matching rows, in order


@dataclass(frozen=True, kw_only=True)
class Definitions(PublishedRows[RowT, VersionT]):
    """The operations on a kind of definition.

    `problems` returns a sentence by field for what prevents a draft from being published.
    """

    schema: type[BaseModel]
    kind: ActivityKind
    topic: str
    path: str  # of a row, below /manage/{tenant}
    messages: DefinitionMessages
    problems: Callable[[Transaction, Identity, RowT], dict[str, str]]
    validate: Callable[[dict[str, Any]], None]
    after_publish: Callable[[Transaction, Identity, RowT], None]
    on_switch: Callable[[Transaction, Identity, RowT], None]

    def of_tenant(self, session: Transaction, who: Identity, *, agent_id: str = "", search: str = "") -> list[RowT]:
        """Return the rows in their order, all or those of an agent and those for all agents."""
        query = owned(self.model, who.tenant_id).where(col(self.model.deleted_at).is_(None))
        rows = list(session.exec(query.order_by(self.model.position, self.model.id)).all())
        wanted = search.strip().casefold()
        return [
            row for row in rows if wanted in row.name.casefold() and (not agent_id or row.agent_id in (None, agent_id))
        ]

    def list_names(self, session: Transaction, who: Identity) -> list[Any]:
        """Return (id, name, agent_id, enabled) of the rows in their order, without their definitions."""
        model = self.model
        query = owned(model, who.tenant_id).where(col(model.deleted_at).is_(None)).order_by(model.position, model.id)
        return list(session.execute(query.with_only_columns(model.id, model.name, model.agent_id, model.enabled)).all())

    def list_page(
        self, session: Transaction, who: Identity, *, agent_id: str = "", search: str = "", page: int = 1
    ) -> DefinitionPage[RowT]:
        """Return a page of the rows of an agent whose names contain the search text, in their order."""
        concerned = [row for row in self.list_names(session, who) if not agent_id or row.agent_id in (None, agent_id)]
        wanted = search.strip().casefold()
        ids = [row.id for row in concerned if wanted in row.name.casefold()]
        pages = max(1, -(-len(ids) // PAGE_SIZE))
        page = max(1, min(page, pages))
        shown = ids[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        query = owned(self.model, who.tenant_id).where(col(self.model.id).in_(shown))
        rows = {row.id: row for row in session.exec(query).all()}
        return DefinitionPage([rows[row_id] for row_id in shown if row_id in rows], len(concerned), page, pages, ids)

    def create(
        self,
        session: Transaction,
        who: Identity,
        *,
        name: str,
        agent_id: str | None = None,
        draft: dict[str, Any] | None = None,
        is_demo: bool = False,
    ) -> RowT:
        """Create a disabled row with a draft at the end. Raises LimitReached if there are too many."""
        rows = self.of_tenant(session, who)
        if len(rows) >= self.max_rows:
            raise LimitReached(self.limit_reached, count=self.max_rows)
        row: RowT = self.model(tenant_id=who.tenant_id, name="", updated_by=who.name, is_demo=is_demo)
        row.position = max((other.position for other in rows), default=0) + 1
        row.name, row.agent_id = _validate_name(name), _validate_agent(session, who, agent_id)
        row.draft = self.schema.model_validate(draft or {}).model_dump(mode="json")
        session.add(row)
        session.flush()
        self.record_activity(session, who, row, "created")
        return row

    def save(self, session: Transaction, who: Identity, row_id: str, changes: dict[str, Any], *, revision: int) -> RowT:
        """Change the draft, name or agent.

        Raises NotFound if there is no such row or agent, Conflict if it was changed since `revision`, Invalid for a
        wrong value.
        """
        row = self.get_for_update(session, who, row_id, revision)
        rest = dict(changes)
        if "name" in rest:
            row.name = _validate_name(rest.pop("name"))
        if "agent_id" in rest:
            row.agent_id = _validate_agent(session, who, rest.pop("agent_id"))
        self.replace_state(session, who, row, self._validate_changes(rest))
        return row

    def _validate_changes(self, changes: dict[str, Any]) -> dict[str, Any]:
        unknown = changes.keys() - set(self.schema.model_fields)
        if unknown or ("trigger" in changes and changes["trigger"] not in list(EventKind)):
            raise Invalid("This value isn’t allowed.", field=next(iter(changes)))
        try:
            whole = self.schema.model_validate(changes).model_dump(mode="json")
        except ValidationError as error:
            raise Invalid("This value isn’t allowed.", field=str(error.errors()[0]["loc"][0])) from error
        valid = {name: whole[name] for name in changes}
        self.validate(valid)
        return valid

    def check_draft(self, session: Transaction, who: Identity, row: RowT) -> None:
        """Raise Invalid if the draft is incomplete."""
        if self.problems(session, who, row):
            raise Invalid(self.messages.incomplete, field="actions")

    def on_publish(self, session: Transaction, who: Identity, row: RowT) -> None:
        """Listen to the trigger of the newest version."""
        row.trigger = row.published["trigger"]
        self.after_publish(session, who, row)

    def publish(self, session: Transaction, who: Identity, row_id: str, *, revision: int | None = None) -> VersionT:
        """Publish as `PublishedRows.publish` does, and record the activity."""
        version = super().publish(session, who, row_id, revision=revision)
        self.record_activity(session, who, self.get(session, who, row_id), "published")
        return version

    def switch(self, session: Transaction, who: Identity, row_id: str, *, enabled: bool) -> RowT:
        """Switch a row on or off; what waits is cancelled or held when it is off.

        Raises Conflict if it is switched on without a published version, NotFound if there is no such row.
        """
        row = self.get(session, who, row_id, lock=True)
        if enabled and not row.published_number:
            raise Conflict(self.messages.unpublished)
        if row.enabled != enabled:
            row.enabled = enabled
            self.on_switch(session, who, row)
            self.record_activity(session, who, row, "on" if enabled else "off")
        return row

    def duplicate(self, session: Transaction, who: Identity, row_id: str, *, agent_id: str | None = "same") -> RowT:
        """Create a disabled copy at the end, for the same agent or another."""
        row = self.get(session, who, row_id)
        name = translate(who.language, "{name} (copy)", name=row.name[:180])
        agent = row.agent_id if agent_id == "same" else agent_id
        return self.create(session, who, name=name, agent_id=agent, draft=row.draft)

    def move(self, session: Transaction, who: Identity, row_id: str, *, up: bool, among: list[str]) -> None:
        """Swap a row with the one before or after it among the shown ones, whose ids `among` gives in order."""
        row_order.move(self.of_tenant(session, who), self.get(session, who, row_id).id, up=up, among=among)

    def place(self, session: Transaction, who: Identity, row_id: str, other_id: str) -> None:
        """Move a row to the position of another."""
        moved, other = self.get(session, who, row_id), self.get(session, who, other_id)
        row_order.place_at(self.of_tenant(session, who), moved.id, other.id)

    def delete(self, session: Transaction, who: Identity, row_id: str, *, with_id: str = "") -> RowT:
        """Delete a row, so that it no longer runs; it can be restored.

        `with_id` is the agent that it is deleted with, whose activity tells of it; "" if it is deleted alone.
        """
        row = super().delete(session, who, row_id, with_id=with_id)
        row.enabled = False
        self.on_switch(session, who, row)
        if with_id:
            self._publish_change(session, row)
        else:
            self.record_activity(session, who, row, "deleted")
        return row

    def restore(self, session: Transaction, who: Identity, row_id: str) -> RowT:
        """Restore a deleted row, switched on if it was; what waited in it goes on.

        Raises NotFound if there is no such deleted row, LimitReached if there are too many.
        """
        row = super().restore(session, who, row_id)
        self.on_switch(session, who, row)
        self._publish_change(session, row)
        return row

    def record_activity(self, session: Transaction, who: Identity, row: RowT, what: str) -> None:
        """Record an activity of a member and notify open pages."""
        link = f"{self.path}/{row.id}" if row.deleted_at is None else ""
        sentence = self.messages.done[what]
        activity.record_by(session, who, self.kind, sentence, agent_id=row.agent_id, link=link, name=row.name)
        self._publish_change(session, row)

    def _publish_change(self, session: Transaction, row: RowT) -> None:
        session.after_commit.append(lambda: notifier.publish(row.tenant_id, self.topic, row.id))


def _validate_name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip() or len(name) > 200 or "\x00" in name:
        raise Invalid("Enter a name.", field="name")
    return " ".join(name.split())


def _validate_agent(session: Transaction, who: Identity, agent_id: Any) -> str | None:
    if not agent_id:
        return None
    if session.exec(owned(Agent, who.tenant_id).where(Agent.id == agent_id)).first() is None:
        raise NotFound("Agent not found. It may have been deleted.")
    return str(agent_id)
