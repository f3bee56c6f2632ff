"""One slot after the other: the best item that caps leave, pins where they belong."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from recsys.types import BoolArray, DoubleArray, IntArray


class Objective(Protocol):
    """What else than relevance speaks against an item, given those already chosen."""

    def penalty(self) -> DoubleArray:
        """Return it for each item of the pool, [pool]."""
        ...

    def choose(self, place: int) -> None:
        """Note that an item of the pool was chosen."""
        ...


class Quota:
    """Counts the chosen items of each value of a column."""

    def __init__(self, values: Sequence[Hashable | None], at_most: int) -> None:
        """Take the value of each item of the pool; None is not counted."""
        numbers: dict[Hashable, int] = {}
        given = [-1 if v is None else numbers.setdefault(v, len(numbers)) for v in values]
        self._of = np.array(given, dtype=np.int64)
        self._room = np.full(len(numbers) + 1, at_most, dtype=np.int64)

    def open(self) -> BoolArray:
        """Tell which items may still be chosen, [pool]."""
        is_open: BoolArray = (self._of < 0) | (self._room[self._of] > 0)
        return is_open

    def choose(self, place: int) -> None:
        """Note that an item was chosen."""
        if self._of[place] >= 0:
            self._room[self._of[place]] -= 1


@dataclass(frozen=True)
class Plan:
    """How to choose from one pool.

    Attributes:
        relevance: [pool], higher is better.
        objectives: with the weight of each penalty.
        quotas: each is kept while anything else is left; pins count from the beginning.
        pins: places in the pool by slot, from 0.
    """

    relevance: DoubleArray
    objectives: Sequence[tuple[float, Objective]] = ()
    quotas: Sequence[Quota] = ()
    pins: Mapping[int, int] = field(default_factory=dict)

    def choose(self, k: int) -> IntArray:
        """Return the places of min(k, pool) distinct items, best first, ties by place."""
        n = min(k, len(self.relevance))
        pins = {slot: place for slot, place in self.pins.items() if slot < n}
        left = np.ones(len(self.relevance), dtype=np.bool_)
        left[list(pins.values())] = False
        for place in pins.values():
            self._count(place)
        chosen: list[int] = []
        for slot in range(n):
            if slot in pins:
                place = pins.pop(slot)
            elif left.any():
                place = self._next(left)
                self._count(place)
            else:
                place = pins.pop(min(pins))  # nothing but pins of later slots remains
            left[place] = False
            chosen.append(place)
            for _, objective in self.objectives:
                objective.choose(place)
        return np.array(chosen, dtype=np.int64)

    def _count(self, place: int) -> None:
        for quota in self.quotas:
            quota.choose(place)

    def _next(self, left: BoolArray) -> int:
        broken = np.zeros(len(left), dtype=np.int64)
        for quota in self.quotas:
            broken += ~quota.open()
        value = self.relevance.copy()
        for weight, objective in self.objectives:
            value -= weight * objective.penalty()
        value[~left | (broken > broken[left].min())] = -np.inf
        return int(np.argmax(value))
