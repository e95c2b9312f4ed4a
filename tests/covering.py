"""Few rows that hold every combination of so many axes: a covering array, made greedily."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, product
from typing import Any

Row = dict[str, Any]


def covering(
    axes: Mapping[str, Sequence[Any]], possible: Callable[[Row], bool], strength: int
) -> list[Row]:
    """Return rows that hold every combination of `strength` axes that some possible row has.

    The same axes give the same rows: each next row is the first of those that hold most of what is
    missing.
    """
    names = list(axes)
    rows = [dict(zip(names, values, strict=True)) for values in product(*axes.values())]
    held = [(row, tuples(row, strength)) for row in rows if possible(row)]
    missing = set().union(*(have for _, have in held))
    chosen = []
    while missing:
        row, have = max(held, key=lambda one: len(one[1] & missing))
        chosen.append(row)
        missing -= have
    return chosen


def tuples(row: Row, strength: int) -> frozenset[tuple[tuple[str, Any], ...]]:
    """Return every combination of `strength` axes with their values in a row."""
    return frozenset(combinations(sorted(row.items()), strength))
