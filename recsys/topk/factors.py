"""Top-k of inner products."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from recsys.topk.blocks import slices, topk_blocks
from recsys.types import AnyFloats, BoolArray, Candidates, FloatArray, IntArray, Ragged

if TYPE_CHECKING:
    import torch

VALUES_PER_COPY = 3 << 18
"""Half-precision factors that are made single at once: what a core's cache holds."""
FEW_USERS = 16
"""Up to so many, copying the eligible factors costs more than skipping the others saves."""


def topk_factors(
    users: FloatArray,
    items: AnyFloats,
    k: int,
    *,
    exclude: Ragged | None = None,
    eligible: BoolArray | None = None,
    bias: FloatArray | None = None,
    device: str = "cpu",
) -> Candidates:
    """Return the k items with the largest inner product for each user.

    Args:
        users: [b, d].
        items: [n, d]; half precision halves what is read, sums are single all the same.
        k: at most this many a user.
        exclude: b lists of item rows to leave out.
        eligible: [n], items that may be returned.
        bias: [n], added to every user's scores.
        device: where the product is computed.
    """
    import torch

    if eligible is not None:
        n_open = int(np.count_nonzero(eligible))
        if n_open < len(items) and (len(users) > FEW_USERS or 4 * n_open < len(items)):
            return _among(np.flatnonzero(eligible), users, items, k, exclude, bias, device)
    user_t = torch.as_tensor(users, dtype=torch.float32, device=device)
    item_t = torch.as_tensor(items, device=device)
    bias_t = None if bias is None else torch.as_tensor(bias, dtype=torch.float32, device=device)

    product = _Product(item_t)

    def block(u: slice, i: slice) -> torch.Tensor:
        out = product.of(user_t[u], i)
        return out if bias_t is None else out.add_(bias_t[i])

    return topk_blocks(
        block, len(users), len(items), k, exclude=exclude, eligible=eligible, device=device
    )


class _Product(threading.local):
    """Inner products with a slice of the items, which are made single bit by bit.

    What it writes to is its own in every thread, and kept: fresh memory costs as much as
    the product itself.
    """

    def __init__(self, items: torch.Tensor) -> None:
        import torch

        self._items = items
        self._rows = max(1, VALUES_PER_COPY // max(items.shape[1], 1))
        self._copy: torch.Tensor | None = None
        if items.dtype != torch.float32:
            shape = (min(self._rows, len(items)), items.shape[1])
            self._copy = torch.empty(shape, device=items.device)
        self._scratch = torch.empty(0, device=items.device)

    def of(self, left: torch.Tensor, at: slice) -> torch.Tensor:
        """Return left @ items[at].T, [b, d] and [n, d] -> [b, n], to be used before the next."""
        import torch

        shape = len(left), at.stop - at.start
        if self._scratch.numel() < shape[0] * shape[1]:
            self._scratch = torch.empty(shape[0] * shape[1], device=self._items.device)
        out = self._scratch[: shape[0] * shape[1]].view(shape)
        if self._copy is None:
            return torch.mm(left, self._items[at].T, out=out)
        for part in slices(shape[1], self._rows):
            half = self._items[at.start + part.start : at.start + part.stop]
            single = self._copy[: len(half)].copy_(half)
            torch.mm(left, single.T, out=out[:, part])
        return out


def products(users: FloatArray, items: AnyFloats) -> FloatArray:
    """Return all inner products, [b, d] and [n, d] -> fresh float32 [b, n]."""
    import torch

    product = _Product(torch.as_tensor(items))
    left = torch.as_tensor(users, dtype=torch.float32)
    result: FloatArray = product.of(left, slice(0, len(items))).numpy()
    return result


def _among(
    open_rows: IntArray,
    users: FloatArray,
    items: AnyFloats,
    k: int,
    exclude: Ragged | None,
    bias: FloatArray | None,
    device: str,
) -> Candidates:
    """Search some rows only, ascending: what is not eligible is not even multiplied."""
    if exclude is not None:
        beyond = int(exclude.rows.max(initial=-1)) + 1  # rows of no item are passed over
        place = np.full(max(len(items), beyond), -1, dtype=np.int64)
        place[open_rows] = np.arange(len(open_rows))
        moved = place[exclude.rows]
        counts = np.bincount(exclude.owner[moved >= 0], minlength=len(exclude))
        exclude = Ragged.from_counts(counts, moved[moved >= 0])
    bias = None if bias is None else bias[open_rows]
    found = topk_factors(users, items[open_rows], k, exclude=exclude, bias=bias, device=device)
    return Candidates(found.indptr, open_rows[found.items], found.scores)
