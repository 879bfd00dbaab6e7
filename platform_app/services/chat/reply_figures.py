"""Reply figures: the figures of a reply that stand in nothing it was given, and what the agent does about them."""

from collections.abc import Iterator

from platform_app.llm import prompts
from platform_app.llm.client import FailureReason, ModelResult
from platform_app.llm.reply_text import format_reply
from platform_app.models.agent import FigureCheck
from platform_app.services.chat.model_calls import ModelCall
from platform_app.services.chat.reply_context import ReplyContext
from platform_app.services.scripts import script_usage
from platform_app.text.figures import unsupported_figures

RETELL = (
    "This reply has figures that stand in none of its sources: {figures}. Write it again. Give a figure only if it "
    "stands in a passage, and write the number of that passage after it; leave out every other one. If the answer then "
    "is missing, say what the rules say for a question without an answer."
)


def has_to_retell(work: ReplyContext) -> bool:
    """Return whether a reply is to be written once more, because it has figures without a source.

    `work.figures` then are those of the first text, else those of the text that is kept. A reply that is not sent for
    another reason is not checked.
    """
    check = work.settings.figures
    if check == FigureCheck.OFF or work.conduct_outcome is not None:
        return False
    work.figures = unsupported_figures(*_reply_and_sources(work))
    if not work.figures or check != FigureCheck.REWRITE or work.rewritten_figures:
        return False
    work.rewritten_figures, work.figures = work.figures, []
    work.tool_messages += [
        {"role": "assistant", "content": work.outcome.text},
        {"role": "user", "content": RETELL.format(figures="; ".join(work.rewritten_figures))},
    ]
    work.first_call = ModelCall("reply", work.provider, work.model, work.outcome, messages=work.messages)
    work.calls.append(work.first_call)
    work.outcome, work.raw_text = ModelResult(), ""
    return True


def keep_first_text(work: ReplyContext, failure: FailureReason) -> bool:
    """Take the first text back if it cannot be written again, since a member can decide on it; return whether it is so.

    The failed request stands among the calls of the reply.
    """
    if work.first_call is None:
        return False
    work.calls.remove(work.first_call)
    work.calls.append(ModelCall("reply", work.provider, work.model, work.outcome, failure, messages=work.messages))
    work.outcome, work.provider, work.model = work.first_call.result, work.first_call.provider, work.first_call.model
    work.figures, work.rewritten_figures, work.first_call = work.rewritten_figures, [], None
    return True


def needs_approval(work: ReplyContext) -> bool:
    """Return whether a reply waits for a member because of its figures."""
    return bool(work.figures) and work.settings.figures in (FigureCheck.REWRITE, FigureCheck.HOLD)


def _reply_and_sources(work: ReplyContext) -> tuple[str, list[str]]:
    """Return the text of a reply as it would be sent, and the texts in which its figures may stand."""
    own = work.settings
    numbers = {number for number, *_ in work.facts.passages}
    raw = work.marks.read(work.outcome.text, final=True)
    text, cited = format_reply(raw, numbers, markdown=own.markdown, limit=own.max_reply_chars)
    script_usage.mark_used(work.scripts, work.marks.used, text, work.facts.question)
    return text, list(_sources(work, cited))


def _sources(work: ReplyContext, cited: set[int]) -> Iterator[str]:
    """Yield what figures may come from: cited passages, used scripts, results of tools, what people said.

    Earlier replies of the agent are no source.
    """
    facts, own = work.facts, work.settings
    yield from (part for number, *parts in facts.passages if number in cited for part in parts)
    yield from (script.text for script in work.scripts if script.used)
    yield from (str(message.get("content")) for message in work.tool_messages if message["role"] == "tool")
    yield from (
        text
        for role, text in prompts.recent_history(facts.history)
        if role == "user" or text.startswith(prompts.MEMBER_MARKER)
    )
    yield from (value for _, value in facts.known)
    if facts.guided is not None:
        yield from (value for _, value in facts.guided.given)
    yield from (facts.question, own.instructions, facts.stage_instructions, own.no_answer_text)
