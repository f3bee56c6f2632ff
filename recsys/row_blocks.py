"""A matrix that grows by rows without a copy of what is there."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import numpy as np

from recsys.flat import AnyFloats, BoolArray, IntArray, pointers

F = TypeVar("F", bound=AnyFloats)


class RowBlocks(Generic[F]):
    """A matrix in blocks of rows, [n, d], that grows without a copy of what is there.

    >>> grown = RowBlocks.of(np.eye(2, dtype=np.float32)).grown(np.ones((1, 2), np.float32))
    >>> grown.take(np.array([2, 0])).tolist()
    [[1.0, 1.0], [1.0, 0.0]]
    """

    def __init__(self, blocks: tuple[F, ...]) -> None:
        """Take blocks, at least one."""
        self.blocks = blocks
        self._starts = pointers(np.array([len(b) for b in blocks]))

    @classmethod
    def of(cls, matrix: F) -> RowBlocks[F]:
        """Take a matrix as it is."""
        return cls((matrix,))

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def width(self) -> int:
        """Length of a row."""
        return int(self.blocks[0].shape[1])

    def grown(self, rows: AnyFloats) -> RowBlocks[F]:
        """Return the matrix with rows, [new, d], after the last one.

        All that ever grew after the first block is one block.
        """
        tail: Any = [*self.blocks[1:], rows.astype(self.blocks[0].dtype, copy=False)]
        return RowBlocks((self.blocks[0], np.concatenate(tail)))

    def take(self, rows: IntArray) -> F:
        """Return rows by number, [m, d]."""
        taken: Any = self.blocks[0]
        if len(self.blocks) == 1:
            one: F = taken[rows]
            return one
        taken = np.empty((len(rows), self.width), dtype=taken.dtype)
        for start, block in zip(self._starts, self.blocks, strict=False):
            here = (rows >= start) & (rows < start + len(block))
            taken[here] = block[rows[here] - start]
        several: F = taken
        return several

    def whole(self) -> F:
        """Return one matrix: a copy where there are several blocks."""
        blocks: Any = self.blocks
        if len(blocks) > 1:
            blocks = [np.concatenate(blocks)]
        matrix: F = blocks[0]
        return matrix


def filled_rows(matrix: RowBlocks[Any] | None, n: int) -> BoolArray:
    """Tell which of `n` rows are there and not only zeros, [n]."""
    found: BoolArray = np.zeros(n, dtype=np.bool_)
    if matrix is not None:
        found[: len(matrix)] = np.concatenate([block.any(axis=1) for block in matrix.blocks])
    return found
