"""Which label of a history a blurb names, where no trained model can say.

With a recommender, the history item whose removal lowers the score is named
(`recsys.explain`). From labels alone it is the one whose words are closest to the item's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from recsys.blurbs.context import Relation, UserContext, safe_label
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.locales import get_locale
from recsys.blurbs.tokens import content_stems
from recsys.types import DoubleArray

OFTEN = 3
"""Times in a history from which on a purchase is a habit."""
MAX_LABELS = 50
"""Latest distinct labels of a history that are looked at."""


class AnchorChooser:
    """Finds, for each item, the label of a history to name.

    Similarity is the cosine of the stems' weights, ln(1 + N / number of items with the
    stem); a tie goes to the label that was bought more often, then to the later one.
    Where none has a word of the item, or only the item's own name, none is named.

    Args:
        sheets: of the catalogue; the similarity's weights are counted in them.
        locale: language of the shop.
    """

    def __init__(self, sheets: Sequence[FactSheet], locale: str = "en") -> None:
        self.locale = locale
        self._sheets = sheets
        self._table = get_locale(locale)
        words = [self._words_of(s) for s in sheets]
        counts = Counter(word for own in words for word in set(own))
        self._column = {word: i for i, word in enumerate(counts)}
        total = np.array([counts[word] for word in self._column], dtype=np.float64)
        self._weight = np.log1p(len(sheets) / np.maximum(total, 1))
        self._items = self._matrix(words)
        self._names = {s.item_id: safe_label(s.name, locale) if s.name else None for s in sheets}

    def contexts(self, history: Sequence[str], rows: Sequence[int]) -> list[UserContext]:
        """Return the context of each item of `rows` for a shopper with these labels.

        Args:
            history: labels of what was bought, oldest first, repeats included.
            rows: places of the items in `sheets`.
        """
        safe = [label for label in (safe_label(x, self.locale) for x in history) if label]
        counts = Counter(safe)
        labels = list(dict.fromkeys(reversed(safe)))[:MAX_LABELS]
        if not labels:
            return [UserContext()] * len(rows)
        often = np.array([counts[x] for x in labels])
        order = np.lexsort((np.arange(len(labels)), -often))
        labels = [labels[i] for i in order]
        vectors = self._matrix([content_stems(x, self._table) for x in labels])
        closeness: DoubleArray = (self._items[list(rows)] @ vectors.T).toarray()
        named = [self._context(x, counts[x]) for x in labels]
        out = []
        for place, row in enumerate(rows):
            own = self._names[self._sheets[row].item_id]
            mine = closeness[place]
            if own in counts:
                mine = np.where([x == own for x in labels], 0.0, mine)
            best = int(mine.argmax())
            out.append(named[best] if mine[best] > 0 else UserContext())
        return out

    def _context(self, label: str, count: int) -> UserContext:
        relation: Relation = "often_buy" if count >= OFTEN else "bought"
        # The named label alone: two shoppers with the same one share a blurb.
        return UserContext((label,), label, relation)

    def _words_of(self, sheet: FactSheet) -> tuple[str, ...]:
        text = " ".join(f.text for f in sheet.facts if f.id in ("title", "type", "categories"))
        return content_stems(f"{text} {sheet.value('category')}", self._table)

    def _matrix(self, words: Sequence[Sequence[str]]) -> sparse.csr_matrix:
        """Return unit rows of weighted words, [texts, vocabulary]."""
        pairs = [
            (row, self._column[word])
            for row, own in enumerate(words)
            for word in set(own)
            if word in self._column
        ]
        at = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        values = self._weight[at[:, 1]]
        norm = np.sqrt(np.bincount(at[:, 0], values**2, len(words)))
        values = values / np.maximum(norm[at[:, 0]], 1e-12)
        shape = (len(words), len(self._column))
        return sparse.csr_matrix((values, (at[:, 0], at[:, 1])), shape=shape)
