from __future__ import annotations

import contextlib

import pytest

from recsys.parallel import one_torch_thread, parallel


def test_results_come_in_order() -> None:
    assert list(parallel(lambda n: n * n, range(20))) == [n * n for n in range(20)]


def test_a_fault_is_raised_where_its_result_would_come() -> None:
    results = parallel(lambda n: 1 // (n - 2), range(4))
    assert [next(results), next(results)] == [-1, -1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_torch_has_one_thread_in_the_block_only() -> None:
    import torch

    before = torch.get_num_threads()
    with contextlib.suppress(KeyError), one_torch_thread():
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == before
