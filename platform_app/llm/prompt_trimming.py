"""Prompt trimming: removes passages and history from a prompt that is too long for its model."""

from dataclasses import replace

from platform_app.llm import prompts
from platform_app.llm.prompts import PromptContext

LEAST_TOKENS = 60  # of a passage that is cut
PASSAGES_SHARE = 0.6  # of the tokens that instructions and question leave; history gets the rest


def prompt_size(messages: list[dict[str, str]]) -> int:
    """Return the estimated number of tokens of a prompt."""
    return sum(prompts.estimate_tokens(message["content"]) + 4 for message in messages)


def trim_to_budget(context: PromptContext, max_tokens: int) -> PromptContext:
    """Return a context whose prompt has at most `max_tokens` tokens by estimate.

    Keeps the best passages and the newest history; the best passage is cut if it alone is too long. Instructions,
    scripts, known facts and the question are never cut, so the prompt may still exceed the limit.
    """
    if prompt_size(prompts.build_messages(context)) <= max_tokens:
        return context
    budget = max_tokens - prompt_size(prompts.build_messages(replace(context, history=[], passages=[])))
    tokens_left = round(budget * PASSAGES_SHARE)
    passages: list[tuple[int, str, str, str]] = []
    for passage in context.passages:
        needed = prompts.estimate_tokens("".join(passage[1:])) + 12
        if needed > tokens_left:
            passages += [_cut(passage, tokens_left)] if not passages and tokens_left > LEAST_TOKENS else []
            break
        tokens_left -= needed
        passages.append(passage)
    tokens_left = max_tokens - prompt_size(prompts.build_messages(replace(context, history=[], passages=passages)))
    history: list[tuple[str, str]] = []
    for role, text in reversed(context.history):
        tokens_left -= prompts.estimate_tokens(text) + 4
        if tokens_left < 0:
            break
        history.insert(0, (role, text))
    return replace(context, passages=passages, history=history)


def _cut(passage: tuple[int, str, str, str], max_tokens: int) -> tuple[int, str, str, str]:
    """Return a passage whose text ends earlier, at the end of a line or a word."""
    number, title, heading, text = passage
    room = max_tokens - prompts.estimate_tokens(title + heading) - 12
    head = text[: max(0, round(len(text) * room / prompts.estimate_tokens(text)))]
    end = max(head.rfind("\n"), head.rfind(" ")) if len(head) < len(text) else len(head)
    return number, title, heading, head[: end if end > 0 else len(head)]
