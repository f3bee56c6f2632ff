"""Exact top-k of one user's inner products, found with eight bits a factor.

One user's product with all items is as slow as reading them. Codes of eight bits are read in
a quarter of the time; what they leave out of an item is bounded (Cauchy-Schwarz), so only the
items that could still be among the best are multiplied in full. The answer is that of the
full product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recsys.topk.factors import topk_factors
from recsys.topk.selection import floor_of, inner_products, row_topk
from recsys.types import AnyFloats, BoolArray, Candidates, FloatArray, IntArray, Ragged

if TYPE_CHECKING:
    import torch

WORTH = 20_000
"""Items from which on the product costs more than the calls around it."""
LEVELS = 127
LAST_BITS = np.float32(4 * np.finfo(np.float32).eps)
SMALLEST, LARGEST = 1e-30, 1e37
ROWS_AT_ONCE = 65_536


class CoarseFactors:
    """Codes of item factors.

    Attributes:
        items: [n, d], the factors themselves, in single or half precision.
        bias: [n], added to every product, or None.
        works: whether this torch multiplies codes; without, there is no search.
    """

    def __init__(self, items: AnyFloats, bias: FloatArray | None) -> None:
        """Code factors, [n, d], block by block."""
        import torch

        self.items, self.bias = items, bias
        n, dim = items.shape
        # The last bits that single precision may lose in a product, relative to the norms.
        rounding = np.float32((dim + 8) * np.finfo(np.float32).eps)
        self._codes = torch.empty(items.shape, dtype=torch.int8)
        self._step, self._size, self._slack = (np.empty(n, dtype=np.float32) for _ in range(3))
        for start in range(0, n, ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            rows = items[part].astype(np.float32, copy=False)
            step = np.abs(rows).max(axis=1) / LEVELS
            code = np.rint(rows / np.where(step > 0, step, 1)[:, None])
            kept = code * step[:, None]
            self._codes[part] = torch.from_numpy(code.astype(np.int8))
            self._step[part] = step
            self._size[part] = np.linalg.norm(kept, axis=1)
            lost = np.linalg.norm(rows - kept, axis=1)
            self._slack[part] = lost + rounding * np.linalg.norm(rows, axis=1)
        self._longest = float((self._size + self._slack).max(initial=0))
        self.works = np.isfinite(self._longest) and _multiplies(self._codes[:64])

    @property
    def nbytes(self) -> int:
        """Memory beside the factors."""
        return self._codes.nbytes + self._step.nbytes + self._size.nbytes + self._slack.nbytes

    def holds(self, items: AnyFloats, bias: FloatArray | None) -> bool:
        """Tell whether these very arrays were coded."""
        return self.items is items and self.bias is bias

    def suits(self, user: FloatArray) -> bool:
        """Tell whether the products are of a size that single precision tells apart."""
        largest = float(np.linalg.norm(user.astype(np.float64))) * self._longest
        return SMALLEST < largest < LARGEST  # False for NaN

    def search(
        self, user: FloatArray, k: int, exclude: IntArray, eligible: BoolArray | None
    ) -> Candidates:
        """Return the k best items of one user, [d]; ties go to the lower row."""
        import torch

        reach = np.float32(np.abs(user).max(initial=0) / LEVELS)
        code = np.rint(user / (reach if reach > 0 else 1)).astype(np.float32)
        norm, lost = (np.float32(np.linalg.norm(part)) for part in (user, user - code * reach))
        asked = torch.from_numpy(code.astype(np.int8)).unsqueeze(1)
        closed = np.zeros(len(self.items), dtype=np.bool_) if eligible is None else ~eligible
        closed[exclude[exclude < len(closed)]] = True

        floor = np.float32(-np.inf)
        rows, lows, highs = list[IntArray](), list[FloatArray](), list[FloatArray]()
        for start in range(0, len(self.items), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            low = torch._int_mm(self._codes[part], asked)[:, 0].float().numpy()
            low *= self._step[part] * reach
            if self.bias is not None:
                low += self.bias[part]
            margin = np.abs(low) * LAST_BITS
            margin += self._slack[part] * norm
            margin += self._size[part] * lost
            low -= margin
            low[closed[part]] = -np.inf
            high = low + 2 * margin
            floor = max(floor, floor_of(low, k)) if len(low) >= k else floor
            near = np.flatnonzero(high >= floor if floor > -np.inf else high > floor)
            rows.append(near + start)
            lows.append(low[near])
            highs.append(high[near])
        near, low = np.concatenate(rows), np.concatenate(lows)
        if len(near) > k:
            near = near[np.concatenate(highs) >= max(floor, floor_of(low, k))]
        if not len(near):
            return Candidates.empty(1)
        scores = inner_products(self.items[near], user)
        if self.bias is not None:
            scores += self.bias[near]
        best = row_topk(scores, k)
        return Candidates(best.indptr, near[best.items], best.scores)


class Codes:
    """Codes of what was asked last, made when a single user first asks."""

    def __init__(self) -> None:
        self._made: CoarseFactors | None = None

    @property
    def nbytes(self) -> int:
        """Memory that they take so far."""
        return 0 if self._made is None else self._made.nbytes

    def topk(
        self,
        users: FloatArray,
        items: AnyFloats,
        k: int,
        *,
        exclude: Ragged | None = None,
        eligible: BoolArray | None = None,
        bias: FloatArray | None = None,
        device: str = "cpu",
    ) -> Candidates:
        """Return what `topk_factors` does; by codes for one user of many items on the CPU."""
        if len(users) == 1 and len(items) >= WORTH and device == "cpu" and not few(eligible):
            made = self._made
            if made is None or not made.holds(items, bias):
                made = self._made = CoarseFactors(items, bias)
            if made.works and made.suits(users[0]):
                rows = np.empty(0, dtype=np.int64) if exclude is None else exclude.rows
                return made.search(users[0], k, rows, eligible)
        return topk_factors(
            users, items, k, exclude=exclude, eligible=eligible, bias=bias, device=device
        )


def few(eligible: BoolArray | None) -> bool:
    """Tell whether so few items may be returned that only these are to be multiplied."""
    return eligible is not None and 4 * int(np.count_nonzero(eligible)) < len(eligible)


def _multiplies(codes: torch.Tensor) -> bool:
    """Tell whether torch's product of codes, which it does not promise, is there and right."""
    import torch

    probe = (torch.arange(codes.shape[1]) * 37 % 255 - LEVELS).to(torch.int8).unsqueeze(1)
    try:
        found = torch._int_mm(codes, probe)
    except (AttributeError, RuntimeError):
        return False
    return torch.equal(found.long(), codes.long() @ probe.long())
