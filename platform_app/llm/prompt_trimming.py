"""Prompt trimming: removes passages and history from a prompt that is too long for its model."""

from dataclasses import replace

from platform_app.llm import prompts
from platform_app.llm.prompts import PromptContext

PASSAGES_SHARE = 0.6  # of the tokens that instructions and question leave; history gets the rest


def prompt_size(messages: list[dict[str, str]]) -> int:
    """Return the estimated number of tokens of a prompt."""
    return sum(prompts.estimate_tokens(message["content"]) + 4 for message in messages)


def trim_to_budget(context: PromptContext, max_tokens: int) -> PromptContext:
    """Return a context whose prompt has at most `max_tokens` tokens by estimate.

    Keeps the best passages and the newest history. Instructions, scripts, known facts and the question are never cut,
    so the prompt may still exceed the limit.
    """
    if prompt_size(prompts.build_messages(context)) <= max_tokens:
        return context
    budget = max_tokens - prompt_size(prompts.build_messages(replace(context, history=[], passages=[])))
    tokens_left = round(budget * PASSAGES_SHARE)
    passages = []
    for passage in context.passages:
        tokens_left -= prompts.estimate_tokens("".join(passage[1:])) + 12
        if tokens_left < 0:
            break
        passages.append(passage)
    tokens_left = max_tokens - prompt_size(prompts.build_messages(replace(context, history=[], passages=passages)))
    history: list[tuple[str, str]] = []
    for role, text in reversed(context.history):
        tokens_left -= prompts.estimate_tokens(text) + 4
        if tokens_left < 0:
            break
        history.insert(0, (role, text))
    return replace(context, passages=passages, history=history)
