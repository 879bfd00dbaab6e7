"""Pairwise: few combinations of several factors that together hold every pair of values of any two of them."""

from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

Pair = tuple[tuple[int, Any], tuple[int, Any]]


def pairs(combination: Sequence[Any]) -> set[Pair]:
    """Return the pairs of values in a combination, each value with the place of its factor."""
    return set(combinations(enumerate(combination), 2))


def covering(*factors: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return combinations of one value of each factor, so that every pair of values is in one of them."""
    every, chosen = list(product(*factors)), []
    left = {pair for combination in every for pair in pairs(combination)}
    while left:
        best = max(every, key=lambda combination: len(pairs(combination) & left))
        chosen.append(best)
        left -= pairs(best)
    return chosen
