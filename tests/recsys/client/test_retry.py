from __future__ import annotations

import pytest

from recsys.client.retry import Patience, Retries, retry_after_s


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def tries(*, repeatable: bool = True, chance: float = 0.5, **limits: float) -> Retries:
    patience = Patience(**limits)  # type: ignore[arg-type]
    return Retries(patience, repeatable, random=lambda: chance, clock=Clock())


def test_waits_double_up_to_the_longest() -> None:
    one = tries(chance=1.0, attempts=6, base_s=1.0, longest_s=3.0, total_s=100)
    waits = [one.after_loss(sent=True) for _ in range(6)]
    assert waits == [1.0, 2.0, 3.0, 3.0, 3.0, None]


def test_the_wait_is_drawn_from_the_whole_range() -> None:
    waits = [tries(chance=c, base_s=1.0).after_loss(sent=True) for c in (0.0, 0.25, 1.0)]
    assert waits == [0.0, 0.25, 1.0]


def test_retry_after_is_the_least_wait() -> None:
    one = tries(chance=0.5, base_s=1.0, total_s=100)
    assert one.after_status(429, {"retry-after": "7"}) == 7.5


def test_a_wait_beyond_the_budget_ends_it() -> None:
    assert tries(total_s=5).after_status(503, {"retry-after": "60"}) is None


def test_the_budget_counts_the_time_of_the_attempts() -> None:
    clock = Clock()
    one = Retries(Patience(total_s=5), True, random=lambda: 0.0, clock=clock)
    assert one.after_loss(sent=True) == 0.0
    clock.now = 5.1
    assert one.after_loss(sent=True) is None


@pytest.mark.parametrize(
    ("status", "repeatable", "again"),
    [
        (429, True, True),
        (429, False, True),
        (503, True, True),
        (503, False, False),
        (502, False, False),
        (504, True, True),
        (500, True, False),
        (404, True, False),
        (422, True, False),
    ],
)
def test_what_is_tried_again_after_an_answer(status: int, repeatable: bool, again: bool) -> None:
    wait = tries(repeatable=repeatable).after_status(status, {})
    assert (wait is not None) is again


def test_a_call_that_may_have_happened_is_not_repeated() -> None:
    assert tries(repeatable=False).after_loss(sent=True) is None
    assert tries(repeatable=False).after_loss(sent=False) is not None


@pytest.mark.parametrize("value", ["", "soon", "-3", "1e3", "99999999999", "١٢"])
def test_an_unreadable_retry_after_is_none_at_all(value: str) -> None:
    assert retry_after_s(value) == 0.0


def test_a_date_in_the_past_is_now() -> None:
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


def test_impossible_patience_is_refused() -> None:
    with pytest.raises(ValueError, match="attempts"):
        Patience(attempts=0)
