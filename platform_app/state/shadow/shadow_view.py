"""Shadow view: figures, breakdowns and answers of shadow mode as its page shows them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from platform_app.clock import now
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.conversation import MessageState
from platform_app.models.person import Identity
from platform_app.models.shadow import ShadowMark
from platform_app.services.shadow.comparison import ComparedAnswer
from platform_app.services.shadow.shadow_figures import PartFigures, ShadowFigures
from platform_app.state.analytics.analytics_words import NOTHING, dollar_words, number_words, share_words
from platform_app.state.chat.chat_view import SourceChip, source_chips
from platform_app.state.console.send_gate_words import figure_words

MARK_WORDS = {
    ShadowMark.AGREED: "Agreed",
    ShadowMark.BETTER: "Agent better",
    ShadowMark.WORSE: "Agent worse",
    ShadowMark.UNSAFE: "Unsafe",
}
_STATES = {MessageState.SUGGESTED: "ready", MessageState.DELAYED: "writing", MessageState.STREAMING: "writing"}


@dataclass
class ShadowTile:
    """A figure with more about it, and the link to what it counts, if there is one."""

    label: str
    value: str
    note: str = ""
    link: str = ""


@dataclass
class PartRow:
    """The answers with a stage or a tag."""

    key: str
    name: str
    answers: str
    marks: list[str]  # counts in the order of ShadowMark
    is_live: bool  # the agent answers there


@dataclass
class AnswerRow:
    """An answer of an agent beside that of a person."""

    id: str
    name: str  # of the contact
    link: str
    when: str
    exact: str
    stage: str
    question: str
    answer_id: str
    answer: str
    state: str  # ready, writing or failed
    problem: str  # why there is no answer
    has_no_answer: bool  # the knowledge does not hold one
    figures: str
    sources: list[SourceChip]
    cost: str
    person: list[str]
    person_name: str
    person_note: str  # why there is no text of a person
    mark: str
    marked: str  # by whom and when


def tiles(figures: ShadowFigures, language: str, below: str) -> list[ShadowTile]:
    """Return the figures; `below` is the path of the tenant."""
    notes = [plural(language, "{count} answered by a person too", "{count} answered by people too", figures.answered)]
    if figures.writing:
        notes.append(plural(language, "{count} answer being written", "{count} answers being written", figures.writing))
    if figures.failed:
        notes.append(plural(language, "{count} answer failed", "{count} answers failed", figures.failed))
    answers = ShadowTile(
        translate(language, "Answers of the agent"), number_words(language, figures.answers), " · ".join(notes)
    )
    marked = [
        ShadowTile(
            translate(language, words),
            number_words(language, figures.marks[mark]),
            translate(language, "{share} of those marked", share=share_words(language, figures.share(mark)))
            if figures.marked
            else "",
        )
        for mark, words in MARK_WORDS.items()
    ]
    left = figures.answers - figures.marked
    return [
        answers,
        *marked,
        ShadowTile(translate(language, "Not marked"), number_words(language, left)),
        ShadowTile(
            translate(language, "Without an answer"),
            number_words(language, figures.unanswered),
            translate(language, "See unanswered questions"),
            f"{below}/knowledge/questions",
        ),
        _cost(figures, language),
    ]


def _cost(figures: ShadowFigures, language: str) -> ShadowTile:
    one, many = "{count} answer without a known price", "{count} answers without a known price"
    note = plural(language, one, many, figures.unpriced) if figures.unpriced else ""
    value = dollar_words(language, figures.cost) if figures.cost else NOTHING
    return ShadowTile(translate(language, "Cost"), value, note)


def part_rows(
    parts: Sequence[PartFigures], names: Mapping[str, str], live: Sequence[str], language: str
) -> list[PartRow]:
    """Return the rows of a breakdown, and those without answers where the agent answers; `names` are by key."""
    counted = {row.key for row in parts}
    listed = [*parts, *(PartFigures(key, "", 0, Counter()) for key in live if key not in counted)]
    return [
        PartRow(
            key=row.key,
            name=names.get(row.key) or row.name or translate(language, "Deleted stage"),
            answers=number_words(language, row.answers),
            marks=[number_words(language, row.marks[mark]) if row.marks[mark] else NOTHING for mark in ShadowMark],
            is_live=row.key in live,
        )
        for row in listed
    ]


def answer_rows(
    answers: Sequence[ComparedAnswer], stages: Mapping[str, str], who: Identity, language: str
) -> list[AnswerRow]:
    """Return the answers of a page; `stages` are names by id."""
    return [_answer_row(answer, stages, who, language) for answer in answers]


def _answer_row(compared: ComparedAnswer, stages: Mapping[str, str], who: Identity, language: str) -> AnswerRow:
    row, answer = compared.row, compared.answer
    marked = ""
    if row.marked_at is not None:
        when = relative_time(language, row.marked_at, now(), who.time_zone)
        marked = translate(language, "Marked by {name}, {when}", name=row.marked_by, when=when)
    return AnswerRow(
        id=row.id,
        name=compared.question.author_name or compared.title,
        link=f"/manage/{who.slug}/inbox?c={row.conversation_id}",
        when=relative_time(language, row.asked_at, now(), who.time_zone),
        exact=exact_time(language, row.asked_at, who.time_zone),
        stage=stages.get(row.stage_id, "") if row.stage_id else "",
        question=compared.question.text,
        answer_id=answer.id if answer.finished_at is not None else "",
        answer=answer.text,
        state=_STATES.get(answer.state, "failed"),
        problem=translate(language, answer.error) if answer.error else "",
        has_no_answer=row.is_unanswered,
        figures=figure_words(answer.figures, language),
        sources=source_chips(answer),
        cost=dollar_words(language, compared.cost) if compared.cost else "",
        person=compared.person,
        person_name=compared.person_name,
        person_note=_person_note(compared, language),
        mark=row.mark.value if row.mark is not None else "",
        marked=marked,
    )


def _person_note(compared: ComparedAnswer, language: str) -> str:
    if compared.person:
        return ""
    if compared.row.answered_at is None:
        return translate(language, "Nobody has answered yet.")
    return translate(language, "A person answered in the channel’s own program, which doesn’t tell the text.")
