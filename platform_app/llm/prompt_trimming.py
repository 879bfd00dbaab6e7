"""Prompt trimming: shortens a prompt for a model's context."""

from dataclasses import replace

from platform_app.llm import prompts
from platform_app.llm.prompts import Facts

PASSAGES = 0.6  # of the room that instructions and question leave; the newest history has the rest


def size(messages: list[dict[str, str]]) -> int:
    """Return the estimated number of tokens of a prompt."""
    return sum(prompts.tokens(one["content"]) + 4 for one in messages)


def fitted(facts: Facts, most: int) -> Facts:
    """Return facts whose prompt has at most `most` estimated tokens.

    The best passages and the newest history stay. Instructions, scripts, known facts and the question are never cut, so
    the prompt may be larger.
    """
    if size(prompts.build(facts)) <= most:
        return facts
    room = most - size(prompts.build(replace(facts, history=[], passages=[])))
    left = round(room * PASSAGES)
    passages = []
    for passage in facts.passages:
        left -= prompts.tokens("".join(passage[1:])) + 12
        if left < 0:
            break
        passages.append(passage)
    left = most - size(prompts.build(replace(facts, history=[], passages=passages)))
    history: list[tuple[str, str]] = []
    for role, text in reversed(facts.history):
        left -= prompts.tokens(text) + 4
        if left < 0:
            break
        history.insert(0, (role, text))
    return replace(facts, passages=passages, history=history)
