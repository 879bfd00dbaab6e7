"""Word weights: how well searches find what answered the questions of the last days, by the share of the words."""

from collections.abc import Sequence
from dataclasses import dataclass

from platform_app.db import Transaction, session_scope
from platform_app.errors import Forbidden, Invalid
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity, Role
from platform_app.rag import knowledge_state
from platform_app.rag.retrieval import retrieve
from platform_app.services.feed import activity
from platform_app.services.knowledge import asked_questions, embedder_change
from platform_app.services.knowledge.asked_questions import AskedQuestion

FIRST = 5  # passages among which the sources are looked for
SHARES = (1.0, 0.8, 0.6, 0.4, 0.2, 0.0)  # that are tried beside the mix of now
MAX_QUESTIONS = 50  # the newest


@dataclass
class Recall:
    """What part of the sources that answered some questions is among the first passages, by a share of the words."""

    share: float | None  # None: that of now
    found: float = 0.0  # sum over the questions
    questions: int = 0
    is_degraded: bool = False  # the vectors did not answer

    @property
    def recall(self) -> float:
        """The mean over the questions, from 0 to 1."""
        return self.found / self.questions if self.questions else 0.0


def questions_to_measure(who: Identity) -> list[AskedQuestion]:
    """Return the newest questions with the sources that answered them."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return asked_questions.list_answered(session, who)[:MAX_QUESTIONS]


def measure(who: Identity, questions: Sequence[AskedQuestion], recalls: Sequence[Recall]) -> None:
    """Add what is found for some questions to the recalls; outside of any transaction."""
    for question in questions:
        chosen = None if question.categories is None else list(question.categories)
        for recall in recalls:
            query = question.query
            result = retrieve(
                who.tenant_id, query.text, before=query.before, categories=chosen, word_share=recall.share
            )
            first = {passage.source_id for passage in result.considered[:FIRST]}
            wanted = set(question.answered_by)
            recall.found += len(first & wanted) / len(wanted)
            recall.questions += 1
            recall.is_degraded |= result.degraded


def set_share(session: Transaction, who: Identity, share: float | None) -> None:
    """Choose the share of the words in the searches of a tenant, None for the usual one.

    Raises Forbidden unless `who` is an owner or admin, Invalid if it is not between 0 and 1.
    """
    if not who.role.includes(Role.ADMIN):
        raise Forbidden("Only an owner or an admin may change this.")
    if share is not None and not 0.0 <= share <= 1.0:
        raise Invalid("Enter a number from 0 to 100.", field="share")
    knowledge_state.lock(session, who.tenant_id).word_share = share
    told = (
        "The weight of words in searches is {share} %" if share is not None else "Words have their usual weight again"
    )
    values = {} if share is None else {"share": round(share * 100)}
    activity.record_by(session, who, ActivityKind.KNOWLEDGE, told, link=embedder_change.PAGE, **values)
    embedder_change.publish_change(session, who.tenant_id)
