"""The causal Transformer over a shopper's history, and the items as it sees them.

An item is its id embedding plus its projected text embedding, on the way in and on the
way out. Ids are dropped at random while training, so a text alone is enough.

Follows Kang and McAuley, "Self-Attentive Sequential Recommendation" (ICDM 2018), with
pre-norm blocks, SwiGLU (Shazeer, 2020) and rotary positions (Su et al., 2021) that count
baskets, not entries.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from recsys.candidates.history_packing import N_GAPS, Packed


class HistoryModelConfig(BaseModel):
    """Size and regularisation of the network.

    Attributes:
        dim: length of item and user vectors.
        blocks: Transformer blocks.
        heads: attention heads; divides `dim` into even parts.
        expansion: width of the feed-forward layer, in `dim`.
        max_length: how many of the newest interactions are read.
        dropout: of representations inside the network.
        id_dropout: share of items that lose their id in a batch, where they have a text.
        temperature: scores are cosines divided by this at first, and by what is learned
            later; None: plain inner products.
        use_gaps: the time since the basket before is an input, where time is global.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dim: int = Field(128, ge=8)
    blocks: int = Field(2, ge=1)
    heads: int = Field(2, ge=1)
    expansion: float = Field(2.0, gt=0)
    max_length: int = Field(64, ge=2)
    dropout: float = Field(0.3, ge=0, lt=1)
    id_dropout: float = Field(0.1, ge=0, lt=1)
    temperature: float | None = Field(0.2, gt=0)
    use_gaps: bool = True

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.dim % (2 * self.heads):
            raise ValueError(
                f"heads is {self.heads}, which does not divide dim ({self.dim}) into even parts; "
                f"make dim a multiple of {2 * self.heads}"
            )
        return self


@dataclass(frozen=True, slots=True)
class Grid:
    """The tensors of a `Packed`, [rows, length] each."""

    items: Tensor
    segments: Tensor
    baskets: Tensor
    gaps: Tensor

    @classmethod
    def of(cls, packed: Packed, device: torch.device | str) -> Grid:
        """Copy to a device."""
        parts = (packed.items, packed.segments, packed.baskets, packed.gaps)
        return cls(*(torch.from_numpy(part).to(device, non_blocking=True) for part in parts))


class HistoryNetwork(nn.Module):
    """Turns items into vectors and histories into vectors of the same space."""

    def __init__(self, config: HistoryModelConfig, n_ids: int, text_dim: int) -> None:
        """Make a network for `n_ids` items with an id and texts of `text_dim` (0: none)."""
        super().__init__()
        self.config, self.text_dim = config, text_dim
        dim = config.dim
        self.ids = nn.Embedding(max(n_ids, 1), dim, sparse=True)
        self.project = nn.Linear(text_dim, dim, bias=False) if text_dim else None
        self.gaps = nn.Embedding(N_GAPS, dim) if config.use_gaps else None
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(dim)
        self.trend = nn.Parameter(torch.ones(()))
        warmth = config.temperature
        self.log_scale = nn.Parameter(torch.tensor(-math.log(warmth))) if warmth else None
        # Beside a text an id begins small: what is rarely seen is judged by its text.
        nn.init.normal_(self.ids.weight, std=0.005 if text_dim else 0.02)
        if self.project is not None:
            nn.init.normal_(self.project.weight, std=0.02)
        if self.gaps is not None:
            nn.init.normal_(self.gaps.weight, std=0.02)

    @property
    def width(self) -> int:
        """Length of the vectors whose inner product is the score."""
        return self.config.dim + 1

    def represent(self, ids: Tensor, texts: Tensor | None) -> Tensor:
        """Return items as the network reads them, [n, dim].

        Args:
            ids: [n], row of the id table; -1 where an item has none.
            texts: [n, text_dim], zeros where an item has none.
        """
        known = ids >= 0
        if self.training and self.project is not None and texts is not None:
            kept = torch.rand(len(ids), device=ids.device) >= self.config.id_dropout
            known = known & (kept | ~texts.any(dim=1))
        vectors: Tensor = self.ids(ids.clamp(min=0)) * known[:, None]
        if self.project is not None and texts is not None:
            vectors = vectors + self.project(texts)
        return vectors

    def targets(self, items: Tensor, popularity: Tensor) -> Tensor:
        """Turn items as they are read into items to be scored, [n, dim + p].

        Args:
            items: [n, dim], made by `represent`.
            popularity: [n, p], log-popularity in each of p periods; a query of one of
                them has a 1 there.
        """
        vectors = items.float()
        if self.log_scale is not None:
            vectors = F.normalize(vectors, dim=-1)
        return torch.cat([vectors, self.trend * popularity], dim=1)

    def forward(self, grid: Grid, items: Tensor) -> Tensor:
        """Encode every entry with what came before it, [rows, length, dim].

        Args:
            grid: where histories and baskets begin and end.
            items: [rows, length, dim], the vector of each entry.
        """
        x = items * math.sqrt(self.config.dim)
        if self.gaps is not None:
            x = x + self.gaps(grid.gaps) * math.sqrt(self.config.dim)
        x = dropout(x, self.config.dropout, self.training)
        # An entry attends to its own history, up to and including its basket.
        mask = (grid.segments[:, :, None] == grid.segments[:, None, :]) & (
            grid.baskets[:, :, None] >= grid.baskets[:, None, :]
        )
        turn = rotation(grid.baskets, self.config.dim // self.config.heads)
        for block in self.blocks:
            x = block(x, mask[:, None], turn)
        hidden: Tensor = self.norm(x)
        return hidden

    def pool(self, hidden: Tensor, slots: Tensor, owner: Tensor, n: int) -> Tensor:
        """Average the encoded entries of each query's basket into its vector, [n, dim].

        Args:
            hidden: [rows, length, dim].
            slots: [t], places in the flattened grid.
            owner: [t], the query of each.
            n: number of queries.
        """
        flat = hidden.flatten(0, 1).index_select(0, slots).float()
        size = torch.bincount(owner, minlength=n).clamp(min=1)
        total = flat.new_zeros(n, flat.shape[1]).index_add(0, owner, flat)
        vectors = total / size[:, None]
        if self.log_scale is not None:
            vectors = F.normalize(vectors, dim=-1) * self.log_scale.exp()
        return vectors


class _Block(nn.Module):
    """Pre-norm attention and a gated feed-forward layer."""

    def __init__(self, config: HistoryModelConfig) -> None:
        super().__init__()
        dim, hidden = config.dim, int(config.dim * config.expansion)
        self.heads, self.rate = config.heads, config.dropout
        self.norm_attention = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)
        self.norm_feed = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, dim, bias=False)
        for layer in (self.qkv, self.up):
            nn.init.normal_(layer.weight, std=0.02)
        for layer in (self.out, self.down):
            nn.init.normal_(layer.weight, std=0.02 / math.sqrt(2 * config.blocks))

    def forward(self, x: Tensor, mask: Tensor, turn: Tensor) -> Tensor:
        x = x + dropout(self._attend(self.norm_attention(x), mask, turn), self.rate, self.training)
        gate, value = self.up(self.norm_feed(x)).chunk(2, dim=-1)
        return x + dropout(self.down(F.silu(gate) * value), self.rate, self.training)

    def _attend(self, x: Tensor, mask: Tensor, turn: Tensor) -> Tensor:
        rows, length, dim = x.shape
        parts = self.qkv(x).view(rows, length, 3, self.heads, dim // self.heads)
        v = parts[:, :, 2]  # [rows, length, heads, dim / heads]
        q, k = rotate(parts[:, :, :2], turn.unsqueeze(2)).unbind(2)
        # The CPU's fused kernel is several times faster in float32.
        kind = torch.float32 if x.device.type == "cpu" else v.dtype
        q, k, v = (part.transpose(1, 2).to(kind) for part in (q, k, v))
        # Entering a context costs as much as the attention of a short history.
        lowered = torch.is_autocast_enabled(x.device.type)
        with torch.autocast(x.device.type, enabled=False) if lowered else nullcontext():
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(rows, length, dim))
        return out


def rotation(positions: Tensor, dim: int) -> Tensor:
    """Return each position's turns as complex numbers, [rows, length, 1, dim / 2]."""
    rates = _rates(dim, positions.device)
    angles = positions[:, :, None, None] * rates
    return torch.polar(torch.ones_like(angles), angles)


@lru_cache(maxsize=16)
def _rates(dim: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.as_tensor(10000.0 ** (-torch.arange(0, dim, 2, device=device) / dim))


def rotate(x: Tensor, turn: Tensor) -> Tensor:
    """Turn neighbouring pairs of numbers, [rows, length, ..., heads, dim], by their position."""
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turn).flatten(-2)


def dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """Drop entries; on the CPU with a byte of randomness each, ten times as fast.

    The rate is rounded to a 256th there.
    """
    if not training or rate == 0:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, rate)
    limit = max(1, min(255, round(rate * 256)))
    words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
    kept = words.view(torch.uint8)[: x.numel()].view(x.shape) >= limit
    return x * kept.to(x.dtype).mul_(256.0 / (256 - limit))
