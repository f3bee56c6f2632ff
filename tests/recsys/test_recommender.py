"""The recommender as its users meet it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys.blurbs.memory import Memory
from recsys.bundle import Bundle
from recsys.dataset import Dataset
from recsys.errors import BundleError, DataError
from recsys.recommender import Recommender
from recsys.schema import DatasetInfo
from recsys.types import Blended, HistoryItem, Queries, Ragged, RecommendationRequest
from tests.contracts.recommender import RecommenderContract
from tests.recsys.shop import PLAIN, small_shop, train, trained


@pytest.fixture(scope="module")
def fitted() -> Recommender:
    return trained()


@pytest.fixture
def recommender(fitted: Recommender) -> Recommender:
    return fitted


@pytest.fixture(scope="module")
def bundle(fitted: Recommender, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "shop"
    fitted.save(path)
    return path


@pytest.fixture(scope="module")
def with_new_item(bundle: Path) -> Recommender:
    loaded = Recommender.load(bundle)
    title = loaded.catalogue.label(3)
    loaded.add_items(pl.DataFrame({"item_id": ["new/🛒"], "title": [title]}))
    return loaded


@pytest.fixture(scope="module")
def without_ranker() -> Recommender:
    return trained(*PLAIN)


class TestFitted(RecommenderContract):
    """As it comes out of training."""


class TestLoaded(RecommenderContract):
    """As it comes out of a bundle, with an item added after training."""

    @pytest.fixture
    def recommender(self, with_new_item: Recommender) -> Recommender:
        return with_new_item


class TestWithoutRanker(RecommenderContract):
    """Candidates merged by reciprocal rank."""

    @pytest.fixture
    def recommender(self, without_ranker: Recommender) -> Recommender:
        return without_ranker


def test_a_dataset_without_order_has_no_history_model() -> None:
    shop = small_shop()
    data = Dataset.from_frames(
        pl.DataFrame({"user_id": ["a", "a", "b"], "item_id": shop.items.ids[:3]}),
        shop.catalogue.frame,
    )
    with pytest.warns(UserWarning, match="history is left out"):
        fitted = train(data, "ranker.enabled=false", "candidates.lightfm.enabled=false")
    assert "history" not in fitted.components


def test_without_texts_items_are_known_by_their_ids_alone(tmp_path: Path) -> None:
    quick = ("ranker.enabled=false", "candidates.lightfm.enabled=false")
    with pytest.warns(UserWarning, match="text_knn is left out: it reads texts"):
        fitted = train(small_shop(), "text.encoder=none", *quick)
    assert "history" in fitted.components
    assert "text_knn" not in fitted.components
    fitted.save(tmp_path / "shop")
    loaded = Recommender.load(tmp_path / "shop")
    users = loaded.users.ids.to_list()
    n_items = len(loaded.items)
    assert loaded.recommend_frame(users, 15).equals(fitted.recommend_frame(users, 15))
    loaded.add_items(pl.DataFrame({"item_id": ["new"], "title": [loaded.catalogue.label(3)]}))
    for component in loaded.components:
        lists = loaded.recommend_frame(users, n_items + 1, component=component)
        sources = lists.filter(item_id="new")["source"].unique().to_list()
        assert sources in ([], ["popular"])  # no model speaks for it
    assert "new" not in dict(loaded.similar_items(loaded.items.ids[3], 10))
    assert loaded.recommend(users[0], n_items + 1, repeats="allow").item_ids[-1] == "new"


def test_a_new_process_gives_identical_recommendations(
    recommender: Recommender, bundle: Path, tmp_path: Path
) -> None:
    users = [*small_shop().users.ids.to_list(), "stranger"]
    out = tmp_path / "recs.parquet"
    code = (
        "import sys; from recsys import Recommender;"
        "r = Recommender.load(sys.argv[1]);"
        "r.recommend_frame([*r.users.ids.to_list(), 'stranger'], 15).write_parquet(sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", code, str(bundle), str(out)], check=True)
    assert pl.read_parquet(out).equals(recommender.recommend_frame(users, 15))


def test_a_bundle_holds_no_pickle_and_refuses_a_flipped_byte(bundle: Path) -> None:
    files = [f for f in bundle.rglob("*") if f.is_file()]
    assert {f.suffix for f in files} <= {".json", ".safetensors", ".parquet"}
    victim = max(files, key=lambda f: f.stat().st_size)
    good = victim.read_bytes()
    bad = bytearray(good)
    bad[len(bad) // 2] ^= 1
    try:
        victim.write_bytes(bad)
        with pytest.raises(BundleError, match=victim.name):
            Recommender.load(bundle)
    finally:
        victim.write_bytes(good)


def test_the_manifest_says_what_it_was_trained_on(bundle: Path) -> None:
    manifest = Bundle(bundle).manifest
    assert manifest.trained_until == small_shop().end
    assert "ease" in manifest.components
    assert manifest.recipe.startswith("name")


def test_an_added_item_is_recommended_by_its_text(bundle: Path) -> None:
    loaded = Recommender.load(bundle)
    liked = loaded.items.ids[3]
    twin = loaded.catalogue.frame.filter(pl.col("item_id") == liked)
    loaded.add_items(twin.with_columns(item_id=pl.lit("twin")))
    assert "twin" in dict(loaded.similar_items(liked, 3))
    only = {"field": "item_id", "op": "eq", "value": "twin"}
    got = loaded.recommend("x", 3, history=[liked], filters=only)
    assert got.item_ids == ["twin"]
    with pytest.raises(DataError, match="known already"):
        loaded.add_items(twin)
    with pytest.raises(DataError, match="item_id"):
        loaded.add_items(twin.drop("item_id"))


def test_an_overlay_leaves_the_recommender_below_as_it_was(bundle: Path) -> None:
    base = Recommender.load(bundle)
    users = [*base.users.ids.to_list()[:10], "stranger"]
    before = [base.recommend(u, 30) for u in users]
    liked = base.items.ids[3]
    twin = base.catalogue.frame.filter(pl.col("item_id") == liked)
    one = base.with_items(twin.with_columns(item_id=pl.lit("twin")))
    two = one.with_items(twin.with_columns(item_id=pl.lit("triplet")))
    other = base.with_items(twin.with_columns(item_id=pl.lit("only here")))
    assert [len(r.items) for r in (base, one, two, other)] == [60, 61, 62, 61]
    assert one.vectors.blocks[0] is base.vectors.blocks[0]
    assert set(dict(two.similar_items(liked, 4))) >= {"twin", "triplet"}
    assert "triplet" not in one.items
    assert "twin" not in other.items
    assert [base.recommend(u, 30) for u in users] == before
    for user in users:
        assert two.recommend(user, 62, repeats="allow").item_ids.count("triplet") == 1
    in_place = Recommender.load(bundle)
    in_place.add_items(twin.with_columns(item_id=pl.lit("twin")))
    for user in users:
        mine, theirs = in_place.recommend(user, 30).items, one.recommend(user, 30).items
        # Vectors in one block and in two are multiplied in another order: the last bit differs.
        assert [replace(i, score=round(i.score, 5)) for i in mine] == [
            replace(i, score=round(i.score, 5)) for i in theirs
        ]


def test_an_overlay_is_saved_whole(bundle: Path, tmp_path: Path) -> None:
    base = Recommender.load(bundle)
    twin = base.catalogue.frame.head(1).with_columns(item_id=pl.lit("twin"))
    overlay = base.with_items(twin)
    overlay.save(tmp_path / "bundle")
    again = Recommender.load(tmp_path / "bundle")
    user = base.users.ids[0]
    assert again.recommend(user, 61).item_ids == overlay.recommend(user, 61).item_ids


def test_blurbs_are_attached_on_request(recommender: Recommender) -> None:
    user = recommender.users.ids[0]
    assert all(i.blurb is None for i in recommender.recommend(user, 5).items)
    shown = [i.blurb for i in recommender.recommend(user, 5, blurbs=True).items if i.blurb]
    assert shown
    assert {b.tier for b in shown} <= {"llm", "extractive", "title"}


def test_a_blurb_names_what_was_measured_and_asking_again_measures_nothing(
    fitted: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = fitted.users.ids[1]
    explained = [i.evidence for i in fitted.recommend(user, 5, explain=True).items]
    first = fitted.recommend(user, 5, blurbs=True)
    assert [i.evidence for i in first.items] == explained
    named = [
        (item.blurb.text, fitted.catalogue.label(int(fitted.items.rows([item.evidence[0]])[0])))
        for item in first.items
        if item.blurb is not None and item.evidence and "you" in item.blurb.text.split(":")[0]
    ]
    assert all(label.lower().split(",")[0] in text.lower() for text, label in named)

    def never(*_: object) -> None:
        raise AssertionError("scored again")

    monkeypatch.setattr(fitted.engine, "rescore", never)
    assert fitted.recommend(user, 5, blurbs=True) == first


@pytest.mark.parametrize("diversity", [0.0, 0.5])
def test_one_page_is_proposed_once_and_explained_as_in_a_batch(
    fitted: Recommender, monkeypatch: pytest.MonkeyPatch, diversity: float
) -> None:
    asked: list[int] = []
    propose = fitted.engine.propose

    def counted(queries: Queries, k: int) -> Blended:
        asked.append(len(queries))
        return propose(queries, k)

    monkeypatch.setattr(fitted.engine, "propose", counted)
    first, second = (
        RecommendationRequest(user_id=u, k=5, diversity=diversity)
        for u in fitted.users.external(np.array([1, 2]))
    )
    page = replace(fitted, drops=Memory(9)).recommend_many([first], blurbs=True)[0]
    assert asked == [1]
    both = replace(fitted, drops=Memory(9)).recommend_many([first, second], blurbs=True)
    assert asked == [1, 2, 1, 1]  # a batch proposes anew what it explains
    assert any(i.evidence for i in page.items)
    assert [(i.item_id, i.evidence, i.blurb) for i in page.items] == [
        (i.item_id, i.evidence, i.blurb) for i in both[0].items
    ]


def test_measured_evidence_lowers_the_score_when_removed(recommender: Recommender) -> None:
    """Asked again without the cited purchase, the item scores lower."""
    user = recommender.users.ids[0]
    row = int(recommender.users.rows([user])[0])
    one = recommender.dataset.histories.take(np.array([row]))
    lowered = total = 0
    for item in recommender.recommend(user, 5, explain=True).items:
        if not item.evidence:
            continue
        cited = int(recommender.items.rows([item.evidence[0]])[0])
        queries = recommender.dataset.queries(np.array([row]))
        union = recommender.engine.propose(queries, 5)
        column = int(np.searchsorted(union.items, recommender.items.rows([item.item_id])[0]))
        items = type(queries.exclude)(union.indptr, union.items)
        before = recommender.engine.rescore(queries, items, "new")[column]
        without = type(queries)(
            queries.user_rows, one.keep(one.items != cited), queries.at, queries.exclude
        )
        total += 1
        lowered += recommender.engine.rescore(without, items, "new")[column] < before
    assert total > 0
    assert lowered == total


def test_one_shopper_is_no_list_of_shoppers(without_ranker: Recommender) -> None:
    for ask in (without_ranker.recommend_frame, without_ranker.recommend_rows):
        with pytest.raises(DataError, match=r"user_ids is 'u001'.*\['u001'\]"):
            ask("u001")
    with pytest.raises(DataError, match="history is 'i01'"):
        without_ranker.recommend(history="i01")
    assert without_ranker.recommend_frame([1, 2], 1)["user_id"].to_list() == ["1", "2"]  # type: ignore[list-item]


@pytest.mark.parametrize("at", [1_745_000_000, 1_745_000_000_000])
def test_seconds_and_milliseconds_are_not_taken_for_microseconds(
    without_ranker: Recommender, at: int
) -> None:
    with pytest.raises(DataError, match=f"at is {at}.*microseconds"):
        without_ranker.recommend("x", at=at)
    assert without_ranker.recommend("x", at=1_745_000_000_000_000).items


def test_what_was_only_looked_at_is_not_said_to_be_bought(without_ranker: Recommender) -> None:
    data = without_ranker.dataset
    info = data.info.model_copy(update={"seen_events": ("buy",)})
    only_first = np.arange(len(data.histories.items)) == 0  # the first shopper's first purchase
    log = replace(data.interactions, seen=only_first)
    shop = replace(without_ranker, dataset=replace(data, info=info, interactions=log))
    viewed, bought = data.items.external(np.unique(data.histories.items)[:2])
    labels = [shop.catalogue.label(int(shop.items.rows([i])[0])) for i in (viewed, bought)]

    history = [HistoryItem(viewed, event="view"), HistoryItem(bought, event="buy")]
    both = shop.recommend(history=history, k=60, repeats="allow", explain=True)
    whys = {i.reason for i in both.items if "Because" in str(i.reason)}
    assert whys == {f"Because you looked at {labels[0]}", f"Because you bought {labels[1]}"}
    again = {i.item_id for i in both.items if i.reason == "You bought it before"}
    assert again == {bought}
    alone = shop.recommend(history=history[:1], k=60, blurbs=True)
    whys = {i.reason for i in alone.items if i.source != "popular"}
    assert whys == {f"Because you looked at {labels[0]}", "Fits what you looked at"}
    assert not any("you" in i.blurb.text.lower().split(":")[0] for i in alone.items if i.blurb)
    first = data.users.ids[0]
    mine = shop.history_frame(first)
    assert mine["item_id"].to_list() == data.items.external(data.histories.items[:1])
    assert mine["n_purchases"].to_list() == [1]


def test_similar_items_names_an_unknown_item(recommender: Recommender) -> None:
    with pytest.raises(DataError, match="ghost"):
        recommender.similar_items("ghost", 3)
    with pytest.raises(ValueError, match=r"k is 2\.5"):
        recommender.similar_items(recommender.items.ids[0], 2.5)  # type: ignore[arg-type]


def test_history_of_a_shopper_and_of_a_stranger(recommender: Recommender) -> None:
    frame = recommender.history_frame(recommender.users.ids[0], 4)
    assert frame.columns == ["item_id", "title", "n_purchases", "last"]
    assert frame.height == 4
    assert frame["last"].is_sorted(descending=True)
    assert recommender.history_frame("stranger").height == 0


@pytest.mark.parametrize("time", ["per_user_order", "none"])
def test_other_kinds_of_time(time: str) -> None:
    shop = small_shop()
    log = pl.DataFrame(
        {
            "user_id": shop.users.ids.gather(shop.histories.owner),
            "item_id": shop.items.ids.gather(shop.histories.items),
            "timestamp": np.arange(len(shop.histories.items)),
        }
    )
    info = DatasetInfo(name="ordered", time=time)
    data = Dataset.from_frames(log, shop.catalogue.frame.select("item_id", "title"), info=info)
    off = ["candidates.lightfm.enabled=false"]
    if time == "none":
        off.append("history.enabled=false")
    got = train(data, *off).recommend(shop.users.ids[0], 5)
    assert len(got.items) == 5
    assert got.fallback is None


def test_availability_is_kept() -> None:
    shop = small_shop()
    closed = pl.Series([None, None, *[1] * (shop.n_items - 2)]).cast(pl.Datetime("us"))
    frame = shop.catalogue.frame.with_columns(available_until=closed)
    log = pl.DataFrame(
        {
            "user_id": shop.users.ids.gather(shop.histories.owner),
            "item_id": shop.items.ids.gather(shop.histories.items),
            "timestamp": pl.Series(shop.histories.times).cast(pl.Datetime("us")),
        }
    )
    data = Dataset.from_frames(log, frame, info=shop.info)
    rec = train(data, "ranker.enabled=false", "history.enabled=false")
    got = rec.recommend("stranger", 10)
    first, second = shop.items.ids[:2].to_list()
    assert set(got.item_ids) == {first, second}
    assert [i for i, _ in rec.similar_items(first, 10)] == [second]
    assert len(rec.similar_items(first, 10, at=0)) == 10  # before anything closed


@pytest.mark.parametrize("which", ["fitted", "without_ranker"])
def test_some_candidates_are_rescored_as_among_all(
    which: str, request: pytest.FixtureRequest
) -> None:
    model: Recommender = request.getfixturevalue(which)
    engine = model.engine
    query = model.dataset.queries(np.array([0]))
    union = engine.propose(query, 20)
    items = Ragged(union.indptr, union.items)
    whole = engine.rescore(query, items, "all")
    some = np.array([0, len(whole) - 1, 1])
    assert len(np.unique(whole)) > 1
    np.testing.assert_allclose(engine.rescore(query, items, "all", some), whole[some], rtol=1e-5)


def test_an_explained_list_may_have_no_candidates_at_all() -> None:
    """Nobody bought the history item, so nothing is proposed; the popular items need no cause."""
    others = ("popular", "repeat_purchase", "item_knn", "ease", "bpr", "lightfm", "text_knn")
    shop = small_shop()
    item, bought = shop.items.ids[0], shop.histories.items != 0
    only_als = [f"candidates.{name}.enabled=false" for name in others]
    recommender = train(shop.keep(bought), *PLAIN, *only_als)
    answer = recommender.recommend(history=[item], k=5, explain=True)
    assert len(answer.items) == 5
    assert {(i.source, i.evidence) for i in answer.items} == {("popular", ())}
