"""Histories packed side by side into rows of one length, so that hardly a slot is padding.

A row of the grid holds several histories. Attention is kept inside a history by its
segment number, and inside the past by its basket number: entries of one basket are a
set, they see each other and share a position, so their order cannot matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.types import Histories, IntArray, gather, pointers

N_GAPS = 18
"""Buckets of the time since the basket before: powers of two of an hour, up to years."""

HOUR = 3600 * 1_000_000
"""Microseconds."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A grid of histories.

    Attributes:
        items: [rows, length], item rows; any item where padding.
        segments: [rows, length], number of the history within its row; -1 is padding.
        baskets: [rows, length], number of the basket within its history, from 0.
        gaps: [rows, length], bucket of the time since the basket before.
        slots: [m], place of each entry of the packed histories in the flattened grid.
    """

    items: IntArray
    segments: IntArray
    baskets: IntArray
    gaps: IntArray
    slots: IntArray

    @property
    def padding(self) -> float:
        """Share of the slots that hold nothing."""
        return 1.0 - len(self.slots) / max(self.items.size, 1)


def basket_numbers(histories: Histories) -> IntArray:
    """Number the baskets of all histories in one go, from 0, [m].

    Entries have the same number when they are of one history and one time.

    >>> h = Histories(np.array([0, 3, 5]), np.arange(5), np.array([1, 1, 2, 2, 9]), np.ones(5))
    >>> basket_numbers(h).tolist()
    [0, 0, 1, 2, 3]
    """
    if not len(histories.items):
        return np.empty(0, dtype=np.int64)
    new = np.empty(len(histories.items), dtype=bool)
    new[0] = True
    new[1:] = histories.times[1:] != histories.times[:-1]
    new[histories.indptr[:-1][histories.counts > 0]] = True
    return np.cumsum(new, dtype=np.int64) - 1


def gap_buckets(histories: Histories) -> IntArray:
    """Return the bucket of the time since the basket before, [m]; 0 for the first basket.

    Bucket b > 0 holds gaps of [2^(b-2), 2^(b-1)) hours, the first one all below an hour.
    """
    numbers = basket_numbers(histories)
    if not len(numbers):
        return numbers
    opens = np.flatnonzero(np.diff(numbers, prepend=-1))
    times, owner = histories.times[opens], histories.owner[opens]
    gaps = np.diff(times, prepend=times[0])
    hours = np.maximum(gaps, 0) / HOUR
    buckets = np.minimum(np.frexp(hours)[1].clip(min=0) + 1, N_GAPS - 1)
    buckets[np.diff(owner, prepend=-1) != 0] = 0
    of_entry: IntArray = buckets.astype(np.int64)[numbers]
    return of_entry


def pack(
    histories: Histories, length: int, *, gaps: IntArray | None = None, rows_step: int = 1
) -> Packed:
    """Pack histories, each of at most `length` entries, into a grid `length` wide.

    Args:
        histories: oldest first; none longer than `length`.
        length: width of the grid.
        gaps: [m], buckets made before the histories were cut; made here by default.
        rows_step: the number of rows is rounded up to a multiple of this.
    """
    counts = histories.counts
    if len(counts) and int(counts.max()) > length:
        raise ValueError(f"a history has {counts.max()} entries, more than the row's {length}")
    if len(counts) == 1 == rows_step and counts[0] == length > 0:
        return _one(histories, gap_buckets(histories) if gaps is None else gaps)
    row_of, start_of, segment_of, n_rows = _best_fit(counts, length)
    within = np.arange(len(histories.items), dtype=np.int64) - histories.indptr[histories.owner]
    owner = histories.owner
    slots = row_of[owner] * length + start_of[owner] + within
    numbers = basket_numbers(histories)
    first = numbers[histories.indptr[:-1][owner]] if len(owner) else numbers
    n_rows = -(-n_rows // rows_step) * rows_step
    shape = (n_rows, length)

    def grid(values: IntArray, fill: int) -> IntArray:
        flat = np.full(n_rows * length, fill, dtype=np.int64)
        flat[slots] = values
        return flat.reshape(shape)

    filler = int(histories.items[0]) if len(histories.items) else 0
    return Packed(
        items=grid(histories.items, filler),
        segments=grid(segment_of[owner], -1),
        baskets=grid(numbers - first, 0),
        gaps=grid(gap_buckets(histories) if gaps is None else gaps, 0),
        slots=slots,
    )


def _one(histories: Histories, gaps: IntArray) -> Packed:
    """Pack a single history that fills its row."""
    items = histories.items[None]
    baskets = basket_numbers(histories)[None]
    slots = np.arange(items.size, dtype=np.int64)
    return Packed(items, np.zeros_like(items), baskets, gaps[None], slots)


def _best_fit(counts: IntArray, length: int) -> tuple[IntArray, IntArray, IntArray, int]:
    """Place lists into rows of `length`, longest first, each where the least room is left.

    Returns row, start and number within the row of each list, and the number of rows.
    """
    row_of = np.zeros(len(counts), dtype=np.int64)
    start_of = np.zeros(len(counts), dtype=np.int64)
    segment_of = np.zeros(len(counts), dtype=np.int64)
    open_rows: list[list[int]] = [[] for _ in range(length + 1)]  # by room left
    rooms = 0  # bit r is set where a row with room r is open
    filled: list[int] = []
    for i in np.argsort(-counts, kind="stable").tolist():
        need = int(counts[i])
        if need == 0:
            break
        fitting = rooms >> need << need
        room = (fitting & -fitting).bit_length() - 1 if fitting else length
        if fitting:
            row = open_rows[room].pop()
            if not open_rows[room]:
                rooms &= ~(1 << room)
        else:
            row = len(filled)
            filled.append(0)
        row_of[i], start_of[i], segment_of[i] = row, length - room, filled[row]
        filled[row] += 1
        if left := room - need:
            open_rows[left].append(row)
            rooms |= 1 << left
    return row_of, start_of, segment_of, len(filled)


def last_baskets(histories: Histories) -> tuple[IntArray, IntArray]:
    """Return the entries of each history's newest basket: flat positions and owners."""
    numbers = basket_numbers(histories)
    busy = histories.counts > 0
    newest = np.full(len(histories), -1, dtype=np.int64)
    newest[busy] = numbers[histories.indptr[1:][busy] - 1]
    owner = histories.owner
    entries = np.flatnonzero(numbers == newest[owner])
    return entries, owner[entries]


def newest(histories: Histories, n: int, *, use_gaps: bool) -> tuple[Histories, IntArray]:
    """Return the newest `n` entries of each history and their gaps; zeros without `use_gaps`.

    As in training, gaps are made before a history is cut: its first basket keeps its own.
    """
    gaps = gap_buckets(histories) if use_gaps else np.zeros_like(histories.items)
    if int(histories.counts.max(initial=0)) <= n:
        return histories, gaps
    start = (histories.indptr[1:] - n)[histories.owner]
    return histories.last(n), gaps[np.arange(len(gaps)) >= start]


def taken(histories: Histories, gaps: IntArray, chosen: IntArray) -> tuple[Histories, IntArray]:
    """Return some histories by number, in the order given, and of `gaps`, [m], what is theirs."""
    return histories.take(chosen), gaps[gather(histories.indptr, chosen)[1]]


def twins(histories: Histories, gaps: IntArray) -> tuple[IntArray, IntArray]:
    """Return the first of each group of equal histories, and the group of each; weights aside.

    Equal ones have equal `gaps`, [m], too: they may have been cut from different histories.

    >>> rows, times = np.array([5, 6, 5, 6, 6]), np.array([1, 2, 1, 2, 2])
    >>> h = Histories(np.array([0, 2, 4, 5]), rows, times, np.ones(5, dtype=np.float32))
    >>> [part.tolist() for part in twins(h, np.zeros(5, dtype=np.int64))]
    [[0, 2], [0, 0, 1]]
    """
    known: dict[bytes, int] = {}
    first: list[int] = []
    number: list[int] = []
    for i in range(len(histories)):
        own = slice(histories.indptr[i], histories.indptr[i + 1])
        key = b"".join(part[own].tobytes() for part in (histories.items, histories.times, gaps))
        if key not in known:
            known[key] = len(first)
            first.append(i)
        number.append(known[key])
    return np.array(first, dtype=np.int64), np.array(number, dtype=np.int64)


def chunk(histories: Histories, length: int, offsets: npt.NDArray[np.int64]) -> Histories:
    """Cut histories longer than `length` into pieces of it, the first one shorter.

    `offsets`, [n], shifts where each history is cut: its first piece ends at
    `length - offset`. Nothing is lost; the pieces of a history follow each other.
    """
    within = np.arange(len(histories.items), dtype=np.int64) - histories.indptr[histories.owner]
    shift = np.where(histories.counts > length, offsets, 0)
    piece = (within + shift[histories.owner]) // length
    opens = (np.diff(piece, prepend=-1) != 0) | (within == 0)
    starts = np.flatnonzero(opens)
    counts = np.diff(np.append(starts, len(within)))
    return Histories(pointers(counts), histories.items, histories.times, histories.weights)
