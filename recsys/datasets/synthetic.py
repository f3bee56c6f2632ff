"""A made-up shop: topics, fashions of popularity, repeat purchases, readable titles.

It is for tests and for measuring speed and memory at sizes that no public data has;
quality on it says nothing about quality on a real shop.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys.directory import write_dataset
from recsys.errors import DataError
from recsys.schema import ColumnRoles, DatasetInfo
from recsys.types import IntArray

START = datetime(2024, 1, 1)
_DAY = 86_400_000_000  # microseconds
_LOYAL_TOPICS = 3
_STYLES = (
    "classic fresh organic crunchy sweet smoky light bold creamy spicy golden wild simple "
    "premium family travel mini giant soft roasted salted dark green red blue white royal "
    "daily summer winter garden mountain coastal village city farm"
).split()
_STEMS = "ba be bi bo bu da de di do du ka ke ki ko ku la le li lo lu ma me mi mo mu".split()
_NOUNS = (
    "bar bottle box bread brush cake candle cereal cheese chips chocolate cleaner coffee "
    "cookies crackers cream cup dressing drink fish flour fruit glove granola ham honey jam "
    "juice lamp lotion milk mug mustard napkins noodles nuts oil olives pasta pen pizza "
    "popcorn rice salad salt sauce shampoo soap socks soup spread sugar tea tomatoes towel "
    "tuna vinegar water wine yogurt"
).split()


@dataclass(frozen=True, slots=True)
class SyntheticShop:
    """Frames in the columns of a dataset directory, and what they mean."""

    interactions: pl.DataFrame
    items: pl.DataFrame
    users: pl.DataFrame
    info: DatasetInfo

    def write(self, out: str | Path) -> DatasetInfo:
        """Write as a dataset directory."""
        return write_dataset(out, self.interactions, self.items, self.users, self.info)


def synthetic_shop(
    n_users: int = 200,
    n_items: int = 100,
    n_interactions: int = 4_000,
    *,
    seed: int = 0,
    n_topics: int | None = None,
    repeat_share: float = 0.3,
    days: int = 365,
    basket_size: float = 4.0,
) -> SyntheticShop:
    """Make a shop whose shoppers have habits that a recommender can learn.

    Every item belongs to one topic, which shows in its title and category. Each shopper
    favours three topics (four purchases of five come from them); inside a topic
    popularity follows Zipf's law. A share of purchases repeats an earlier purchase of the
    same shopper. Activity is log-normal, purchases come in baskets, and every shopper
    buys at least once. The same arguments give the same shop.

    Args:
        n_users: shoppers, each with at least one interaction.
        n_items: catalogue size; some items are never bought.
        n_interactions: lines drawn, at least `n_users`; equal lines of a basket become one.
        seed: of everything random.
        n_topics: default: the square root of `n_items`, from 2 to 1,000.
        repeat_share: from 0 to 1, share of purchases that repeat an earlier one.
        days: length of the period, from 2024-01-01 on.
        basket_size: mean number of lines of a basket, at least 1.

    Raises:
        DataError: a size is too small or a share is outside its range.
    """
    _check(n_users, n_items, n_interactions, repeat_share, days, basket_size)
    rng = np.random.default_rng(seed)
    n_topics = n_topics or int(np.clip(np.sqrt(n_items), min(2, n_items), 1_000))
    topic_of_item = np.sort(rng.integers(0, n_topics, n_items))
    owner = _owners(n_users, n_interactions, rng)
    favourites = rng.permutation(n_topics)[_zipf(n_topics, (n_users, _LOYAL_TOPICS), rng)]
    items = _choices(owner, favourites, topic_of_item, n_topics, rng)
    items = _repeat(owner, items, repeat_share, rng)
    interactions = _baskets(owner, items, (n_users, n_items), days, basket_size, rng)
    catalogue = _catalogue(topic_of_item, rng)
    width = len(str(n_users - 1))
    users = pl.DataFrame({"row": np.arange(n_users)}).select(
        user_id=_id("u", pl.col("row"), width),
        segment=pl.Series([f"segment {i}" for i in range(4)]).gather(favourites[:, 0] % 4),
    )
    info = DatasetInfo(
        name=f"synthetic-{n_users}x{n_items}",
        source=f"made up, seed {seed}",
        licence="Apache-2.0",
        time="global",
        roles=ColumnRoles(category="category", brand="brand", text=("title", "category")),
    )
    return SyntheticShop(interactions, catalogue, users, info)


def _check(
    n_users: int, n_items: int, rows: int, repeat_share: float, days: int, basket: float
) -> None:
    if min(n_users, n_items, days) < 1 or rows < n_users or basket < 1:
        raise DataError(
            f"{n_users} users, {n_items} items, {rows} interactions, {days} days, baskets of "
            f"{basket}: each must be at least 1, and interactions at least the users"
        )
    if not 0 <= repeat_share <= 1:
        raise DataError(f"repeat_share is {repeat_share}; give a share from 0 to 1")


def _id(prefix: str, row: pl.Expr, width: int) -> pl.Expr:
    return pl.format(f"{prefix}{{}}", row.cast(pl.String).str.zfill(width))


def _owners(n_users: int, rows: int, rng: np.random.Generator) -> IntArray:
    """Return the user row of each interaction, ascending, [rows]; everybody occurs."""
    activity = np.cumsum(rng.lognormal(0.0, 1.0, n_users))
    extra = np.searchsorted(activity, rng.random(rows - n_users) * activity[-1])
    return np.sort(np.concatenate([np.arange(n_users), np.minimum(extra, n_users - 1)]))


def _choices(
    owner: IntArray,
    favourites: IntArray,
    topic_of_item: IntArray,
    n_topics: int,
    rng: np.random.Generator,
) -> IntArray:
    """Draw an item for each interaction: a topic first, then an item of it by Zipf."""
    n_items, rows = len(topic_of_item), len(owner)
    loyal = rng.random(rows) < 0.8
    favourite = favourites[owner, rng.integers(0, _LOYAL_TOPICS, rows)]
    topic = np.where(loyal, favourite, rng.integers(0, n_topics, rows))
    start = np.searchsorted(topic_of_item, np.arange(n_topics + 1))
    # an empty topic borrows the whole catalogue
    size = np.diff(start)
    first = np.where(size > 0, start[:-1], 0)[topic]
    size = np.where(size > 0, size, n_items)[topic]
    return first + _zipf(size, size.shape, rng)


def _zipf(size: IntArray | int, shape: tuple[int, ...], rng: np.random.Generator) -> IntArray:
    """Draw numbers below `size`: r with probability about 1 / ((r + 1) log size)."""
    drawn = np.floor(np.exp(rng.random(shape) * np.log(np.add(size, 1)))).astype(np.int64) - 1
    return np.asarray(np.minimum(drawn, np.subtract(size, 1)), dtype=np.int64)


def _repeat(owner: IntArray, items: IntArray, share: float, rng: np.random.Generator) -> IntArray:
    """Replace a share of the items by an earlier item of the same user."""
    position = np.arange(len(owner))
    first = np.searchsorted(owner, owner)
    earlier = position - first
    repeats = (rng.random(len(owner)) < share) & (earlier > 0)
    source = np.where(repeats, first + np.floor(rng.random(len(owner)) * earlier), position)
    source = source.astype(np.int64)
    # a source may itself be a repeat: follow the chain until it ends, halving it each time
    while (source[source] != source).any():
        source = source[source]
    return items[source]


def _baskets(
    owner: IntArray,
    items: IntArray,
    shape: tuple[int, int],
    days: int,
    size: float,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Cut each user's rows into baskets at ascending times; equal lines become one."""
    rows = len(owner)
    new = rng.random(rows) < 1 / size
    new[np.searchsorted(owner, np.arange(shape[0]))] = True
    basket = np.cumsum(new) - 1
    of_user = owner[new]
    order = np.lexsort((moments := rng.integers(0, days * _DAY, basket[-1] + 1), of_user))
    start = pl.Series([START]).dt.epoch("us").item()
    frame = pl.DataFrame(
        {
            "user": owner,
            "item": items,
            "timestamp": start + moments[order][basket],
            "basket": basket,
        }
    )
    widths = [len(str(n - 1)) for n in shape]
    return frame.unique(["basket", "item"], maintain_order=True).select(
        user_id=_id("u", pl.col("user"), widths[0]),
        item_id=_id("i", pl.col("item"), widths[1]),
        timestamp=pl.col("timestamp").cast(pl.Datetime("us")),
        basket_id=pl.format("b{}", "basket"),
    )


def _catalogue(topic_of_item: IntArray, rng: np.random.Generator) -> pl.DataFrame:
    """Write a title from words of the item's topic, with a brand and a size."""
    n_items = len(topic_of_item)
    number = np.arange(n_items)
    noun = _words(_NOUNS, topic_of_item)
    kind = _words(_STYLES, topic_of_item // len(_NOUNS))
    brand = _brands(rng.integers(0, max(2, n_items // 50), n_items))
    style = _words(_STYLES, rng.integers(0, len(_STYLES), n_items))
    size = pl.Series(rng.choice([100, 150, 200, 250, 330, 500, 750, 1_000], n_items))
    frame = pl.DataFrame(
        {"row": number, "noun": noun, "kind": kind, "brand": brand, "style": style, "size": size}
    )
    return frame.select(
        item_id=_id("i", pl.col("row"), len(str(n_items - 1))),
        title=pl.format("{} {} {} {}, {} g", "brand", "style", "kind", "noun", "size"),
        category=pl.format("{} {}", "kind", "noun"),
        brand="brand",
    )


def _words(words: list[str], numbers: npt.NDArray[Any]) -> pl.Series:
    return pl.Series(words).gather(numbers % len(words))


def _brands(numbers: IntArray) -> pl.Series:
    """Spell a number in syllables: 0 is Bababa, 1 is Babebe."""
    stems, base = pl.Series(_STEMS), len(_STEMS)
    first, second = stems.gather(numbers // base**2 % base), stems.gather(numbers // base % base)
    return (first + second + stems.gather(numbers % base)).str.to_titlecase()
