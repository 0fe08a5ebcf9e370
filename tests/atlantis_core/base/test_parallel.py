"""Jobs side by side: in order, with their share of the threads, and nothing left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import torch

from atlantis_core.base.parallel import best_device, map_on_cores

pytestmark = pytest.mark.skipif(best_device() != "cpu", reason="a GPU takes one job after the other")


@pytest.fixture(params=[1, 4])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_come_in_order(threads: int) -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.02 * (4 - number))
        return number * number

    assert list(map_on_cores(slow_first, range(4))) == [0, 1, 4, 9]


@pytest.mark.parametrize(("at_once", "shares"), [(None, {1: 1, 4: 1}), (2, {1: 1, 4: 2}), (9, {1: 1, 4: 1})])
def test_jobs_share_the_threads(threads: int, at_once: int | None, shares: dict[int, int]) -> None:
    seen = set(map_on_cores(lambda _: torch.get_num_threads(), range(6), at_once))
    assert seen == {shares[threads]}
    assert torch.get_num_threads() == threads


def test_they_run_side_by_side() -> None:
    if torch.get_num_threads() < 2:
        pytest.skip("one thread only")
    barrier = threading.Barrier(2, timeout=10)
    assert len(list(map_on_cores(lambda _: barrier.wait(), range(2), at_once=2))) == 2


def test_the_first_failure_ends_the_work(threads: int) -> None:
    begun = []

    def fail_on_two(number: int) -> int:
        begun.append(number)
        time.sleep(0.02)
        if number == 2:
            raise KeyboardInterrupt
        return number

    with pytest.raises(KeyboardInterrupt):
        list(map_on_cores(fail_on_two, range(100)))
    assert len(begun) < 20
    assert torch.get_num_threads() == threads
