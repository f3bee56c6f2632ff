from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from recsys.parallel import one_torch_thread, parallel


def test_results_come_in_order() -> None:
    assert list(parallel(lambda n: n * n, range(20))) == [n * n for n in range(20)]


def test_a_fault_is_raised_where_its_result_would_come() -> None:
    results = parallel(lambda n: 1 // (n - 2), range(4))
    assert [next(results), next(results)] == [-1, -1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_torch_has_one_thread_in_the_block_only() -> None:
    before = torch.get_num_threads()
    with contextlib.suppress(KeyError), one_torch_thread():
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == before


def test_threads_in_blocks_at_once_leave_torch_as_it_was() -> None:
    """The first one leaves while the second is inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    second_in, first_out = threading.Event(), threading.Event()

    def second() -> int:
        with one_torch_thread():
            second_in.set()
            first_out.wait(10)
        return torch.get_num_threads()

    try:
        with ThreadPoolExecutor(1) as pool:
            with one_torch_thread():
                after = pool.submit(second)
                assert second_in.wait(10)
                with one_torch_thread():
                    pass
                assert torch.get_num_threads() == 1
            first_out.set()
            assert after.result(10) == 2
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
