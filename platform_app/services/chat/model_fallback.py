"""Model fallback: chooses the model of a reply, and the fallback when a model fails."""

import structlog

from platform_app.llm import catalogue
from platform_app.llm.client import FailureReason, ModelFailure, ModelResult, Provider
from platform_app.llm.reply_markers import MarkerFilter
from platform_app.services.chat.model_calls import ModelCall
from platform_app.services.chat.reply_context import ReplyContext

log = structlog.get_logger()
_REMOVED = Provider("—", "", "none")  # in the trace, in place of a provider that was taken away


async def choose_model(work: ReplyContext) -> None:
    """Set the provider and the model of a reply: the first choice from the present one on that can be asked.

    Raises ModelFailure if none can.
    """
    while (failure := await _try_choice(work)) is not None:
        _skip_choice(work, failure)


async def fall_back(work: ReplyContext, failure: ModelFailure) -> None:
    """Set the next model after one has failed. Raises the failure if there is no other."""
    _skip_choice(work, failure)
    await choose_model(work)


async def _try_choice(work: ReplyContext) -> ModelFailure | None:
    """Set the present choice; return why it cannot be asked, or None if it can."""
    choice = work.choices[work.choice]
    if choice.provider is None:
        work.provider, work.model = _REMOVED, choice.model
        return ModelFailure(FailureReason.REMOVED)
    work.provider = choice.provider
    work.model = await catalogue.resolve_model(choice.provider, choice.model)
    if not work.model and await catalogue.model_names(choice.provider):
        return ModelFailure(FailureReason.NO_MODEL)
    return None


def _skip_choice(work: ReplyContext, failure: ModelFailure) -> None:
    """Go on to the next choice, and record the failed one for the trace. Raises the failure if there is no other."""
    if work.choice + 1 >= len(work.choices):
        work.failure = failure.reason
        raise failure
    log.warning("a model failed, its fallback is asked", reply_id=work.reply_id, fault=failure.reason.name)
    work.calls.append(ModelCall("reply", work.provider, work.model, work.outcome, failure.reason))
    work.unfinished_text = work.raw_text or work.unfinished_text
    work.choice += 1
    work.outcome, work.raw_text = ModelResult(), ""
    work.marks = MarkerFilter(max((script.number for script in work.scripts), default=0))
