"""A bundle that breaks its contract is named; a sound one passes every check."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.gate import Budget, check_bundle, checks
from recsys import Recommender
from recsys.types import RecommendationRequest, Recommendations
from tests.e2e.conftest import Made


def test_a_sound_bundle_passes(trained: Made) -> None:
    found = {check.name: check for check in check_bundle(trained.bundle, Budget(latency_ms=5000))}
    assert list(found) == ["no pickle", "contract", "repeatable", "latency", "size"]
    assert all(check.passed for check in found.values()), found
    size = sum(f.stat().st_size for f in trained.bundle.rglob("*") if f.is_file()) / 1e6
    assert found["size"].text.startswith(f"{size:,.1f} MB")


def twice(answer: Recommendations) -> Recommendations:
    first = answer.items[0]
    return replace(answer, items=(first, replace(first, rank=2), *answer.items[2:]))


def short(answer: Recommendations) -> Recommendations:
    return replace(answer, items=answer.items[:-1])


def infinite(answer: Recommendations) -> Recommendations:
    return replace(answer, items=(replace(answer.items[0], score=float("inf")), *answer.items[1:]))


@pytest.mark.parametrize(
    ("broken", "fault"),
    [(twice, "there twice"), (short, "9 items where min(10, "), (infinite, "not finite")],
)
def test_a_broken_answer_is_named(
    trained: Made, monkeypatch: pytest.MonkeyPatch, broken: object, fault: str
) -> None:
    whole = Recommender.recommend_many

    def some(
        self: Recommender, requests: list[RecommendationRequest], **options: bool
    ) -> list[Recommendations]:
        return [broken(a) for a in whole(self, requests, **options)]  # type: ignore[operator]

    monkeypatch.setattr(Recommender, "recommend_many", some)
    found = checks._contract(Recommender.load(trained.bundle), ["u1", "nobody"])
    assert not found.passed
    assert "shopper 'u1', repeats exclude" in found.text
    assert fault in found.text


def test_a_file_that_can_hold_code_is_named(trained: Made, tmp_path: Path) -> None:
    import shutil

    from recsys.errors import BundleError

    copy = tmp_path / "copy"
    shutil.copytree(trained.bundle, copy)
    (copy / "extra.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(BundleError, match=r"extra\.pkl"):
        check_bundle(copy, Budget())
