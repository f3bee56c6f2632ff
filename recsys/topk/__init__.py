"""Exact, masked top-k in bounded memory, on the CPU or a GPU.

Scores are made block by block (users in chunk x items in block) and merged into a
running list of k, so the peak beyond the factors is O(users x (block + k)). Ties go to
the lower item row; excluded and ineligible items are never returned, and neither is a
sentinel: a list is shorter when fewer items are left.
"""

from recsys.topk.blocks import ScoreBlock, topk_blocks, topk_dense
from recsys.topk.factors import products, topk_factors
from recsys.topk.index import FlatIndex, ItemIndex, search_all
from recsys.topk.sparse import topk_sparse

__all__ = [
    "FlatIndex",
    "ItemIndex",
    "ScoreBlock",
    "products",
    "search_all",
    "topk_blocks",
    "topk_dense",
    "topk_factors",
    "topk_sparse",
]
