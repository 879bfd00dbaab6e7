"""Sequence: the builder: how people come in, the steps, how they leave, saved as a draft while one edits."""

import copy
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.automation.sequences import Again, Late, definition
from platform_app.automation.values import whole
from platform_app.db import Transaction
from platform_app.engine import sequence_numbers, sequences
from platform_app.engine.sequences import DEFINITIONS, Landing
from platform_app.errors import Conflict, Invalid, PlatformError
from platform_app.i18n import exact_time, translate
from platform_app.models.person import Identity, Role
from platform_app.models.sequence import Sequence, SequenceVersion
from platform_app.services import agent_list
from platform_app.state import sequence_tree as tree
from platform_app.state.agent import Change
from platform_app.state.agent_stages import worded
from platform_app.state.base import call, handler, look, person, say, say_error, who
from platform_app.state.chat_view import Choice
from platform_app.state.condition_tree import Tree
from platform_app.state.conditions import Conditions
from platform_app.state.hub import hub
from platform_app.state.proof_view import Reader, reader_of
from platform_app.state.rule import VersionLine
from platform_app.state.rule_words import condition_of, names_of
from platform_app.state.sequence_steps import SequenceSteps
from platform_app.state.sequence_tree import Data
from platform_app.state.sequence_view import (
    FIELD_WORDS,
    TREES,
    LandingLine,
    landing_lines,
    side_words,
    whole_sentence,
)
from platform_app.state.sequence_words import OFFERED

ALL = "all"
SWITCHES = ("leave_on_reply", "leave_on_stage")


@dataclass
class _Found:
    row: Sequence
    problems: dict[str, str]
    versions: list[SequenceVersion]
    landings: list[Landing]
    standing: dict[str, int]
    agents: list[Choice]
    names: dict[str, str]


class SequenceState(Conditions, SequenceSteps, rx.State):
    """The sequence that the address names."""

    sequence_key: str = ""  # grows with every load: fields are drawn anew then, and only then
    name: str = ""
    agent: str = ALL
    agents: list[Choice] = []
    trigger: str = ""
    again: str = ""
    late: str = ""
    leave_on_reply: bool = True
    leave_on_stage: bool = False
    initial: dict[str, str] = {}
    worded: dict[str, str] = {}  # conditions in words, by field
    edited: str = ""  # the conditions that are open: a field, or step.field of the open step
    enabled: bool = False
    published: str = ""
    differs: bool = False
    sentence: str = ""
    problems: dict[str, str] = {}
    conflict: bool = False
    saved: str = ""
    versions: list[VersionLine] = []
    landings: list[LandingLine] = []
    changes: list[Change] = []
    compared: str = ""
    _revision: int = 0
    _loads: int = 0

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the sequence and draw its fields."""
        self.sequence_key, self.conflict, self.compared = "", False, ""
        await self._draw()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Follow who comes and goes while the page is open."""
        async with self:
            identity = await who(self)
        async for update in hub.updates(identity.tenant_id, self.router.session.client_token):
            if update.topic in ("enrollment", "*"):
                async with self:
                    if self.sequence_key:
                        await self._refresh()

    @handler(Role.OPERATOR)
    async def save(self, field: str, value: str) -> None:
        """Save one field as it is typed; what does not fit is said at the field."""
        if field == "pace":
            pace = whole(value.strip(), 600)
            if not pace:
                await self._wrong_at(field, "Enter a number.")
                return
            await self._save({field: pace})
        elif field in ("name", "trigger", "agent_id"):
            await self._save({field: "" if value == ALL else value})
        elif (field == "again" and value in list(Again)) or (field == "late" and value in list(Late)):
            await self._save({field: value})
        else:
            raise Invalid("This value cannot be taken.")

    @handler(Role.OPERATOR)
    async def switch_way_out(self, field: str, on: bool) -> None:
        """Let people leave by themselves on a reply or a change of stage, or not."""
        if field not in SWITCHES:
            raise Invalid("This value cannot be taken.")
        await self._save({field: on})

    @handler(Role.VIEWER)
    async def edit_conditions(self, name: str) -> None:
        """Open the conditions of the sequence or of the open step, or close them."""
        self.edited = "" if name == self.edited else name
        if self.edited:
            await self._take_tree(self._tree_of(name))

    def _tree_of(self, name: str) -> Tree:
        step_id, _, field = name.rpartition(".")
        if not step_id and field in TREES:
            held: Tree = dict(self._conditions).get(field) or {}
            return held
        if step_id and field in ("condition", "only_if"):
            found: Tree = tree.find(self._steps, step_id).get(field) or {}
            return found
        raise Invalid("This value cannot be taken.")

    _conditions: dict[str, Tree] = {}

    @handler(Role.OPERATOR)
    async def publish(self) -> Any:
        """Make the draft the version that runs; those inside finish the one they began."""
        try:
            version = await call(self, DEFINITIONS.publish, self._id())
        except PlatformError as error:
            await self._refresh()
            return await say_error(self, error)
        await self._refresh()
        return await say(self, "Version {number} is published.", number=version.number)

    @handler(Role.OPERATOR)
    async def switch(self, enabled: bool) -> Any:
        """Switch the sequence on or off."""
        try:
            await call(self, DEFINITIONS.switch, self._id(), enabled=enabled)
        except PlatformError as error:
            await self._refresh()
            return await say_error(self, error)
        await self._refresh()
        return None

    @handler(Role.OPERATOR)
    async def move_inside(self) -> Any:
        """Move those who go through older versions to the newest."""
        count = await call(self, sequences.move_inside, self._id())
        await self._refresh()
        return await say(self, "Moved: {count}.", count=count)

    @handler(Role.VIEWER)
    async def take_theirs(self) -> None:
        """Show the sequence as somebody else left it."""
        self.conflict = False
        await self._draw()

    @handler(Role.VIEWER)
    async def compare(self, version_id: str) -> None:
        """Show what the draft has otherwise than a version."""
        reader, named = await reader_of(self), await look(self, names_of)
        found = await look(self, DEFINITIONS.difference, self._id(), version_id)
        self.changes = []
        for change in found:
            before, after = (side_words(change.field, side, reader, named) for side in (change.before, change.after))
            words = translate(reader.language, FIELD_WORDS[change.field])
            self.changes.append(Change(words, worded(before, named)[:600], worded(after, named)[:600], []))
        self.compared = version_id

    @handler(Role.OPERATOR)
    async def restore(self, version_id: str) -> Any:
        """Put a version into the draft."""
        await call(self, DEFINITIONS.restore_version, self._id(), version_id)
        await self._draw()
        return await say(self, "The draft is as that version was.")

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    async def _save(self, changes: dict[str, Any]) -> None:
        try:
            row = await call(self, DEFINITIONS.save, self._id(), changes, revision=self._revision)
        except Conflict:
            self.conflict = True
            return
        except Invalid as error:
            await self._wrong_at(error.field or next(iter(changes)), error.sentence, **error.values)
            return
        self._revision = row.revision
        await self._refresh()

    async def _wrong_at(self, field: str, sentence: str, **values: object) -> None:
        self.problems = self.problems | {field: translate((await person(self)).language, sentence, **values)}

    async def _draw(self) -> None:
        row = await look(self, DEFINITIONS.get, self._id())
        own = definition(row.draft)
        self.initial = {"name": row.name, "pace": str(own.pace)}
        self.edited = ""
        await self._take_tree({})
        await self._take_steps(own.steps)
        await self._refresh()
        self._loads += 1
        self.sequence_key = f"{row.id}-{self._loads}"

    async def _refresh(self) -> None:
        """Draw everything but what is being typed."""
        identity, reader = await who(self), await reader_of(self)
        found, language = await look(self, _read, self._id()), reader.language
        row, own = found.row, definition(found.row.draft)
        self.name, self.agent, self.trigger = row.name, row.agent_id or ALL, own.trigger
        self.again, self.late = own.again.value, own.late.value
        self.leave_on_reply, self.leave_on_stage = own.leave_on_reply, own.leave_on_stage
        self.enabled, self._revision, self.differs = row.enabled, row.revision, row.draft != row.published
        number = row.published_number
        self.published = translate(language, "version {number}", number=number) if number else ""
        self._conditions = {name: getattr(own, name) for name in TREES}
        self.worded = {name: condition_of(held, reader, found.names) for name, held in self._conditions.items()}
        self.sentence = whole_sentence(row, reader, found.names)
        self.agents, self.problems = found.agents, found.problems
        clock = exact_time(language, row.updated_at, identity.time_zone)
        self.saved = translate(language, "Saved {when}", when=clock)
        self.versions = [
            VersionLine(
                one.id, str(one.number), exact_time(language, one.published_at, identity.time_zone), one.published_by
            )
            for one in found.versions
        ]
        self.landings = landing_lines(found.landings, found.versions, reader, named=found.names)
        await self._draw_steps(found.problems, found.standing)
        if self.opened:
            self.worded = self.worded | self._step_words(reader, found.names)

    def _step_words(self, reader: Reader, named: dict[str, str]) -> dict[str, str]:
        step = tree.find(self._steps, self.opened)
        return {
            name: condition_of(step.get(field) or {}, reader, named)
            for name, field in (("step", "condition"), ("only_if", "only_if"))
        }

    async def _keep_tree(self, tree_: Tree) -> None:
        step_id, _, field = self.edited.rpartition(".")
        if not step_id:
            await self._save({field: tree_})
            return
        steps = copy.deepcopy(self._steps)
        tree.find(steps, step_id)[field] = tree_
        await self._keep(steps)

    async def _keep_steps(self, steps: list[Data]) -> None:
        await self._save({"steps": steps})


def _read(session: Transaction, who: Identity, sequence_id: str) -> _Found:
    row = DEFINITIONS.get(session, who, sequence_id)
    agents, _ = agent_list.list_agents(session, who, sort="name", descending=False, page_size=500)
    return _Found(
        row,
        DEFINITIONS.problems(session, who, row),
        DEFINITIONS.versions(session, who, sequence_id),
        sequences.landings(session, who, sequence_id),
        sequence_numbers.waiting(session, who, sequence_id),
        [Choice(one.id, one.name) for one in agents],
        names_of(session, who),
    )


__all__ = ["OFFERED", "SequenceState"]
