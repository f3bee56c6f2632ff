"""Settings of the hybrid ranker; importable without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Head = Literal["all", "new"]
HEADS: tuple[Head, ...] = ("all", "new")
"""`all` ranks what may be bought again, `new` only what the shopper has not bought."""


class RankerConfig(BaseModel):
    """The hybrid ranker and how it learns.

    Attributes:
        enabled: without it, candidates are merged by reciprocal rank.
        n_candidates: taken from each generator.
        n_windows: label windows (rolling where time is global, prefixes otherwise); the
            newest one decides when to stop.
        window_days: length of a window where time is global.
        hidden: width of the first hidden layer.
        dropout: in both hidden layers.
        loss: `contrastive`, each relevant candidate against the irrelevant ones of its list;
            `listwise` softmax; or `pairwise` logistic.
        lr: of AdamW.
        weight_decay: of AdamW.
        epochs: at most.
        patience: epochs without a better validation NDCG@10 before stopping.
        queries_per_batch: shoppers in a step.
        negatives: irrelevant candidates kept of each list in a step, drawn anew.
        max_users: shoppers taken from a window, drawn at random.
        refit: once the newest window has said when to stop, train anew for as many epochs
            on it as well.
        late_features: where time is global, read how many shoppers came back for an item of
            late and what it cost of late, too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    n_candidates: int = Field(100, ge=1)
    n_windows: int = Field(3, ge=1)
    window_days: float = Field(28, gt=0)
    hidden: int = Field(96, ge=2)
    dropout: float = Field(0.1, ge=0, lt=1)
    loss: Literal["contrastive", "listwise", "pairwise"] = "contrastive"
    lr: float = Field(2e-3, gt=0)
    weight_decay: float = Field(1e-3, ge=0)
    epochs: int = Field(12, ge=1)
    patience: int = Field(4, ge=1)
    queries_per_batch: int = Field(32, ge=1)
    negatives: int = Field(100, ge=1)
    max_users: int = Field(5_000, ge=1)
    refit: bool = False
    late_features: bool = False
