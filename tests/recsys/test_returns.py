"""What a shopper brought back is said to be bought nowhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recsys.blurbs.memory import Memory
from recsys.dataset import Dataset
from recsys.recommender import Recommender
from tests.recsys.shop import PLAIN, small_shop, trained


def brought_back(fitted: Recommender, user: str) -> tuple[Recommender, str]:
    """Let a shopper bring back all they had of the item that they have most of."""
    data = fitted.dataset
    h, row = data.histories, int(data.users.rows([user])[0])
    own = np.arange(h.indptr[row], h.indptr[row + 1])
    item = np.bincount(h.items[own]).argmax()
    weights = h.weights.copy()
    mine = own[h.items[own] == item]
    weights[mine[-1]] = 1 - len(mine)
    changed = replace(data.interactions, histories=replace(h, weights=weights))
    shop = replace(fitted, dataset=replace(data, interactions=changed), drops=Memory(9))
    return shop, str(data.items.ids[int(item)])


def often() -> list[str]:
    """Shoppers who bought something more than once."""
    data = small_shop()
    twice = data.histories.counts > data.histories.unique().counts
    return data.users.ids.filter(twice).to_list()


def test_no_reason_and_no_evidence_names_it() -> None:
    fitted, named = trained(*PLAIN), 0
    for user in often()[:12]:
        shop, item = brought_back(fitted, user)
        for repeats in ("allow", "exclude"):
            before = fitted.recommend(user, 20, repeats=repeats)  # type: ignore[arg-type]
            named += any(item in i.evidence for i in before)
            for one in shop.recommend(user, 20, repeats=repeats):  # type: ignore[arg-type]
                assert item not in one.evidence
                assert one.item_id != item or "You b" not in str(one.reason)
    assert named > 6


def test_features_are_those_of_a_shopper_who_never_had_it() -> None:
    fitted = trained("history.enabled=false")
    ranker = fitted.engine.ranker
    assert ranker is not None
    user = often()[0]
    shop, item = brought_back(fitted, user)
    row = shop.users.rows([user])
    queries = shop.dataset.queries(row)
    h = queries.histories
    never = replace(queries, histories=h.keep(h.items != int(shop.items.rows([item])[0])))
    union = shop.engine.propose(fitted.dataset.queries(row), 20)
    builder = ranker.builder
    np.testing.assert_array_equal(builder.build(queries, union), builder.build(never, union))


def test_evidence_is_measured_among_the_candidates_of_its_own_request() -> None:
    """What stands beside an item moves its standardised scores, so it is a part of the key."""
    fitted, changed = trained("history.enabled=false"), 0
    for user in small_shop().users.ids.head(15).to_list():
        known = replace(fitted, drops=Memory(9))
        first = known.recommend(user, 5, explain=True)
        rest = [i for i in known.recommend(user, 40).item_ids if i not in first.item_ids]
        warm = known.recommend(user, 5, exclude=rest, explain=True)
        cold = replace(fitted, drops=Memory(9)).recommend(user, 5, exclude=rest, explain=True)
        assert [i.evidence for i in warm] == [i.evidence for i in cold]
        changed += [i.evidence for i in first] != [i.evidence for i in cold]
    assert changed > 0


def test_without_returns_nothing_is_copied() -> None:
    data: Dataset = small_shop()
    assert data.histories.without_returns() is data.histories
