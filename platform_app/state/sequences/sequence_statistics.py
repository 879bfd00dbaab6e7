"""Sequence statistics: the outcomes of a sequence and of its steps."""

from dataclasses import dataclass

import reflex as rx

from platform_app.db import Transaction
from platform_app.engine.sequences import sequence_statistics
from platform_app.engine.sequences.sequence_statistics import StepStatistics
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.i18n import translate
from platform_app.models.person import Identity, Role
from platform_app.state.console.base import fetch, handler
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.setting_text import names_by_id
from platform_app.state.rules.proof_view import ViewContext, view_context
from platform_app.state.sequences.sequence_view import step_names
from platform_app.state.sequences.sequence_words import BRANCHES, EXIT_REASONS, STATES


@dataclass
class CountLine:
    """A count with its label and its share."""

    words: str
    count: str
    share: str = ""


@dataclass
class StepStatisticsLine:
    """The outcomes of a step in a version and branch."""

    words: str
    version: str
    branch: str
    taken: str
    replies: str
    stages: str
    failed: str


@dataclass
class _PageData:
    name: str
    counts: dict[str, int]
    reasons: dict[str, int]
    versions: dict[int, int]
    steps: list[StepStatistics]
    words: dict[str, str]


class SequenceStatisticsState(rx.State):
    """The statistics of the sequence in the address."""

    name: str = ""
    address: str = ""
    cards: list[CountLine] = []
    reasons: list[CountLine] = []
    versions: list[CountLine] = []
    steps: list[StepStatisticsLine] = []
    loaded: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the statistics of the sequence in the address."""
        self.loaded = False
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the statistics again when enrollments change."""
        async for _ in subscribe(self, "enrollment"):
            async with self:
                await self._fetch()

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").split("/")[-2]

    async def _fetch(self) -> None:
        context = await view_context(self)
        found, language = await fetch(self, _read, self._id(), context), context.language
        total = sum(found.counts.values())
        self.name, self.address = found.name, self._id()
        self.cards = [CountLine(translate(language, "Enrolled"), str(total))]
        self.cards += [
            CountLine(
                translate(language, words), str(found.counts.get(state, 0)), _share(found.counts.get(state, 0), total)
            )
            for state, (words, _) in STATES.items()
            if found.counts.get(state) or state in ("active", "finished", "left")
        ]
        self.reasons = [
            CountLine(translate(language, EXIT_REASONS[reason]), str(count), _share(count, total))
            for reason, count in sorted(found.reasons.items(), key=lambda one: -one[1])
        ]
        self.versions = [
            CountLine(translate(language, "version {number}", number=number), str(count))
            for number, count in sorted(found.versions.items())
        ]
        self.steps = [
            StepStatisticsLine(
                found.words.get(f"{one.version}:{one.step_id}", one.step_id),
                str(one.version),
                translate(language, BRANCHES[one.branch]) if one.branch in BRANCHES else "",
                str(one.taken),
                _with_share(one.replies, one.taken),
                _with_share(one.stages, one.taken),
                str(one.failed) if one.failed else "",
            )
            for one in found.steps
        ]
        self.loaded = True


def _untaken(key: str) -> StepStatistics:
    version, _, step_id = key.partition(":")
    return StepStatistics(step_id, int(version), "", 0, 0, 0, 0)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else ""


def _with_share(part: int, whole: int) -> str:
    return f"{part} ({_share(part, whole)})" if part else "0"


def _read(session: Transaction, who: Identity, sequence_id: str, context: ViewContext) -> _PageData:
    row, named = DEFINITIONS.get(session, who, sequence_id), names_by_id(session, who)
    words: dict[str, str] = {}
    versions = sequence_statistics.count_by_version(session, who, row.id)
    for number in sorted({*versions, row.published_number} - {0}):
        words |= step_names(session, who, row.id, number, context=context, named=named)
    counted: dict[str, list[StepStatistics]] = {key: [] for key in words}
    for one in sequence_statistics.step_statistics(session, who, row.id):
        counted.setdefault(f"{one.version}:{one.step_id}", []).append(one)
    steps = [one for key, found in counted.items() for one in found or [_untaken(key)]]
    counts = sequence_statistics.count_by_state(session, who, row.id).get(row.id, {})
    return _PageData(
        row.name, counts, sequence_statistics.count_by_reason(session, who, row.id), versions, steps, words
    )
