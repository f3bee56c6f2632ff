"""Losses over ragged lists."""

from __future__ import annotations

import math

import pytest
import torch

from recsys.ranking.losses import contrastive, listwise_softmax, log_softmax, pairwise_logistic

OWNER = torch.tensor([0, 0, 1, 1, 1])


def test_log_softmax_is_the_dense_one_of_each_list() -> None:
    scores = torch.tensor([1.0, 2.0, -1.0, 0.5, 3.0])
    dense = torch.cat([scores[:2].log_softmax(0), scores[2:].log_softmax(0)])
    torch.testing.assert_close(log_softmax(scores, OWNER, 2), dense)


def test_listwise_with_equal_scores_is_the_log_of_the_list_length() -> None:
    labels = torch.tensor([1.0, 0, 1, 1, 0])
    loss = listwise_softmax(torch.zeros(5), labels, OWNER, 2)
    assert loss.item() == pytest.approx((math.log(2) + math.log(3)) / 2)


def test_a_list_without_a_label_has_no_say() -> None:
    labels = torch.tensor([1.0, 0, 0, 0, 0])
    loss = listwise_softmax(torch.zeros(5), labels, OWNER, 2)
    assert loss.item() == pytest.approx(math.log(2))


def test_pairwise_asks_for_an_irrelevant_one_to_compare_with() -> None:
    labels = torch.tensor([1.0, 0, 1, 1, 1])
    scores = torch.tensor([0.5, 0.5, 9.0, -9.0, 0.0])
    assert pairwise_logistic(scores, labels, OWNER, 2).item() == pytest.approx(math.log(2))


def test_contrastive_sets_each_relevant_one_against_the_irrelevant_ones() -> None:
    """Relevant: 1, then 0 and 2; each beside the one irrelevant score of its list."""
    labels = torch.tensor([1.0, 0, 1, 0, 1])
    scores = torch.tensor([1.0, 3.0, 0.0, 2.0, 2.0])
    each = [math.log(1 + math.exp(rival - score)) for score, rival in ((1, 3), (0, 2), (2, 2))]
    assert contrastive(scores, labels, OWNER, 2).item() == pytest.approx(sum(each) / 3)


def test_contrastive_is_listwise_where_each_list_has_one_relevant_item() -> None:
    labels = torch.tensor([0.0, 1, 0, 0, 1])
    scores = torch.tensor([0.3, -1.0, 2.0, 0.1, 0.7])
    expected = listwise_softmax(scores, labels, OWNER, 2)
    torch.testing.assert_close(contrastive(scores, labels, OWNER, 2), expected)


@pytest.mark.parametrize("labels", [[1.0, 1, 0, 0, 0], [0.0, 0, 0, 0, 0], [1.0, 1, 1, 1, 1]])
def test_lists_of_one_kind_give_contrastive_finite_gradients(labels: list[float]) -> None:
    """A list without an irrelevant candidate, or without a relevant one, asks for nothing."""
    scores = torch.tensor([0.0, 1, 2, 3, 4], requires_grad=True)
    loss = contrastive(scores, torch.tensor(labels), OWNER, 2)
    (gradient,) = torch.autograd.grad(loss, scores)
    torch.testing.assert_close(gradient, torch.zeros(5))


@pytest.mark.parametrize("loss", [contrastive, listwise_softmax, pairwise_logistic])
def test_descending_the_gradient_puts_the_label_first(loss: object) -> None:
    labels = torch.tensor([0.0, 1, 0, 0, 1])
    scores = torch.zeros(5, requires_grad=True)
    for _ in range(200):
        value = loss(scores, labels, OWNER, 2)  # type: ignore[operator]
        (gradient,) = torch.autograd.grad(value, scores)
        scores = (scores - gradient).detach().requires_grad_()
    assert scores[1] > scores[0]
    assert scores[4] > max(scores[2], scores[3])
