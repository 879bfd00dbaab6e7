"""Pairwise: few combinations of several factors that together hold every pair of values of any two of them."""

from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

Part = tuple[tuple[int, Any], ...]


def parts(combination: Sequence[Any]) -> set[Part]:
    """Return the pairs of values, each with the place of its factor; the value alone where there is one factor."""
    return set(combinations(enumerate(combination), min(2, len(combination))))


def covering(*factors: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return combinations of one value of each factor, so that every pair of values is in one of them."""
    every, chosen = list(product(*factors)), []
    left = {part for combination in every for part in parts(combination)}
    while left:
        best = max(every, key=lambda combination: len(parts(combination) & left))
        chosen.append(best)
        left -= parts(best)
    return chosen
