"""Losses over lists of candidates of different lengths, one flat tensor for all queries."""

from __future__ import annotations

import torch
from torch import Tensor


def listwise_softmax(scores: Tensor, labels: Tensor, owner: Tensor, n: int) -> Tensor:
    """Cross-entropy between each query's softmax and its labels, averaged over queries.

    With one relevant item this is the ListNet top-one loss (Cao et al., ICML 2007); it
    bounds NDCG from below (Bruch et al., ICTIR 2019). Queries without a relevant
    candidate have no say.

    Args:
        scores: [m].
        labels: [m], gains >= 0.
        owner: [m], query of each entry.
        n: number of queries.
    """
    mass = scores.new_zeros(n).index_add(0, owner, labels)
    share = labels / mass.clamp_min(1e-9)[owner]
    loss = -(share * log_softmax(scores, owner, n)).sum()
    return loss / (mass > 0).sum().clamp_min(1)


def contrastive(scores: Tensor, labels: Tensor, owner: Tensor, n: int) -> Tensor:
    """Cross-entropy of each relevant candidate alone among the irrelevant ones of its query.

    The InfoNCE loss (van den Oord et al. 2018) averaged over all relevant candidates. Unlike
    under one softmax, those of a list do not compete with each other; lists that have one
    each give the value of `listwise_softmax`.

    Args:
        scores: [m].
        labels: [m], relevant above 0.
        owner: [m], query of each entry.
        n: number of queries.
    """
    relevant = labels > 0
    rivals = scores.masked_fill(relevant, -torch.inf)
    top = scores.new_full((n,), torch.finfo(scores.dtype).min)
    top = top.scatter_reduce(0, owner, rivals.detach(), "amax")
    mass = scores.new_zeros(n).index_add(0, owner, (rivals - top[owner]).exp())
    rival = top + mass.clamp_min(1e-30).log()
    loss = torch.nn.functional.softplus(rival[owner] - scores)[relevant]
    return loss.sum() / relevant.sum().clamp_min(1)


def pairwise_logistic(scores: Tensor, labels: Tensor, owner: Tensor, n: int) -> Tensor:
    """Logistic loss of each relevant candidate against the query's mean irrelevant one.

    A one-pass form of RankNet (Burges et al., ICML 2005): the irrelevant candidates are
    weighted by their softmax, so that the hardest count most. A query without one says nothing.
    """
    negative = labels <= 0
    relevant = ~negative & (scores.new_zeros(n).index_add(0, owner, negative.float()) > 0)[owner]
    floor = torch.finfo(scores.dtype).min / 4
    hard = log_softmax(torch.where(negative, scores, floor), owner, n).exp() * negative
    rival = scores.new_zeros(n).index_add(0, owner, hard * scores)
    loss = torch.nn.functional.softplus(rival[owner] - scores)[relevant]
    return loss.sum() / relevant.sum().clamp_min(1)


def log_softmax(scores: Tensor, owner: Tensor, n: int) -> Tensor:
    """Log-softmax within each query, [m]."""
    top = scores.new_full((n,), -torch.inf).scatter_reduce(0, owner, scores.detach(), "amax")
    shifted = scores - top[owner]
    total = scores.new_zeros(n).index_add(0, owner, shifted.exp())
    return shifted - total.clamp_min(1e-30).log()[owner]
