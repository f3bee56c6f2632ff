"""The history model's losses, beside sums over all items spelt out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.history_loss import NegativeSampler, gbce, sampled_softmax


def full_softmax(queries: torch.Tensor, items: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Spell out -log(e^s_t / (e^s_t + sum over the items that are no target of the query))."""
    losses = []
    for query, own in zip(queries, targets, strict=True):
        scores = items @ query
        others = [j for j in range(len(items)) if j not in own.tolist()]
        losses += [torch.logsumexp(scores[[int(t), *others]], 0) - scores[t] for t in own]
    return torch.stack(losses).mean()


def test_the_loss_and_its_gradient_are_those_of_the_softmax() -> None:
    torch.manual_seed(0)
    queries = torch.randn(5, 6, requires_grad=True)
    items = torch.randn(11, 6, requires_grad=True)
    targets = torch.tensor([[0, 3], [1, 1], [10, 2], [4, 9], [5, 6]])
    closed = (torch.arange(5).repeat_interleave(2), targets.ravel())
    loss = sampled_softmax(
        queries, items[targets], items, torch.zeros(11), closed, torch.full((5,), 0.1)
    )
    expected = full_softmax(queries, items, targets)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    ours = torch.autograd.grad(loss, (queries, items))
    theirs = torch.autograd.grad(expected, (queries, items))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(ours, theirs, strict=True))


def test_queries_of_no_weight_and_those_without_negatives_change_nothing() -> None:
    torch.manual_seed(1)
    queries, items = torch.randn(4, 6), torch.randn(3, 6, requires_grad=True)
    targets = items[torch.tensor([[0], [1], [2], [0]])].detach()
    closed = (torch.tensor([0, 1, 1, 1, 2, 3]), torch.tensor([0, 0, 1, 2, 2, 0]))
    weights = torch.tensor([0.5, 0.5, 0.0, 0.0])
    loss = sampled_softmax(queries, targets, items, torch.zeros(3), closed, weights)
    (gradient,) = torch.autograd.grad(loss, items)
    others = torch.logsumexp(items[1:] @ queries[0], 0)  # of the only query that learns
    expected = 0.5 * torch.nn.functional.softplus(others - targets[0, 0] @ queries[0])
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert torch.allclose(gradient, torch.autograd.grad(expected, items)[0], atol=1e-6)


def test_gbce_is_that_of_the_paper() -> None:
    torch.manual_seed(0)
    queries, items = torch.randn(3, 4), torch.randn(9, 4)
    targets, drawn = torch.tensor([[0], [4], [8]]), torch.tensor([1, 4, 6])
    k, n, t = 3, 9, 0.75
    a = k / (n - 1)
    b = a * (t * (1 - 1 / a) + 1 / a)
    expected = 0.0
    for query, own in zip(queries, targets[:, 0], strict=True):
        expected -= float(torch.sigmoid(items[own] @ query).pow(b).log())
        for j in drawn[drawn != own]:
            expected -= float((1 - torch.sigmoid(items[j] @ query)).log())
    loss = gbce(
        queries,
        items[targets],
        items[drawn],
        torch.full((k,), float(np.log(n / k))),
        (torch.tensor([1]), torch.tensor([1])),
        torch.full((3,), 1 / 3),
        n_items=n,
        n_draws=k,
        calibration=t,
    )
    assert loss.item() == pytest.approx(expected / 3 / (k + 1), rel=1e-5)


def test_sampling_estimates_the_sum_over_all_items_without_bias() -> None:
    rng = np.random.default_rng(0)
    counts, scores = rng.integers(0, 50, size=30), rng.normal(size=30)
    eligible = np.arange(2, 30)
    draw = NegativeSampler(counts, eligible, 10, 0.5)
    sums = []
    for _ in range(4000):
        sample = draw(rng)
        real = sample.rows[np.isfinite(sample.log_weights)]
        assert len(np.unique(real)) == len(real)
        assert len(sample.rows) == 10
        assert sample.rows.min() >= 2
        sums.append(np.exp(scores[sample.rows] + sample.log_weights).sum())
    assert np.mean(sums) == pytest.approx(np.exp(scores[2:]).sum(), rel=0.02)


def test_as_many_negatives_as_items_are_all_items() -> None:
    sample = NegativeSampler(np.ones(5), np.arange(5), 5, 0.5)(np.random.default_rng(0))
    assert sample.rows.tolist() == [0, 1, 2, 3, 4]
    assert sample.log_weights.tolist() == [0, 0, 0, 0, 0]
