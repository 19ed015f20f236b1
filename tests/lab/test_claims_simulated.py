"""The real code of claims on a disk and with a clock that are none: thousands of runs, failures, pauses, stragglers."""

import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from barnspider.lab import claims, settling

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from machines import CHECKPOINT, Simulated, Trouble, estimated, simulate

troubles = some.builds(
    Trouble,
    death_every=some.sampled_from([float("inf"), 500.0, 5000.0, 50_000.0]),
    down=some.floats(1, 1000),
    pause_every=some.sampled_from([float("inf"), 500.0, 5000.0]),
    pause=some.floats(1, 1000),
    slow=some.floats(0, 0.5),
    slowness=some.floats(1, 10),
)


def check(found: Simulated, seconds: list[float]) -> None:
    """Every run is sealed, by the first who came; a death costs a checkpoint's time, and so does a pause."""
    assert found.sealed.keys() == {str(i) for i in range(len(seconds))}
    assert found.late + found.dropped <= found.lifted, "a third may come while two look at a claim that is not void"
    lost = found.work - sum(seconds)
    assert -1e-6 <= lost <= (found.deaths + found.dropped + found.late) * CHECKPOINT + found.set_back + 1e-6
    assert found.set_back == 0 or found.pauses, "between the look and the checkpoint"


@example([101.0, 47.0, 12.0], 8, Trouble(pause_every=500.0, pause=51.0), 8)
@settings(max_examples=40, deadline=None)
@given(some.lists(some.floats(1, 4000), min_size=1, max_size=20), some.integers(1, 9), troubles, some.integers(0, 99))
def test_whatever_goes_wrong_every_run_is_sealed_once_and_little_is_lost(seconds, workers, trouble, seed):
    check(simulate(seconds, workers, trouble, seed), seconds)


@given(some.lists(some.floats(600, 4000), min_size=1, max_size=60), some.integers(1, 9), some.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_where_nothing_goes_wrong_nothing_is_made_twice_and_the_plan_is_right(seconds, workers, seed):
    found = simulate(seconds, workers, Trouble(), seed)
    assert (found.lifted, found.dropped, found.late, found.set_back) == (0, 0, 0, 0)
    assert found.work == pytest.approx(sum(seconds))
    share, longest, disk = sum(seconds) / workers, max(seconds), 3.0 * len(seconds)
    assert share <= found.wall <= share + longest + disk, "as good as any order without knowing the times"
    assert abs(found.wall - estimated(seconds, workers)) <= longest + disk


def test_a_pause_costs_a_checkpoints_time_however_long_it_is():
    for pause in (100.0, 1000.0, 10_000.0):
        dropped, lost = 0, 0.0
        for seed in range(8):
            found = simulate([3000.0], 2, Trouble(pause_every=1500, pause=pause), seed)
            dropped, lost = dropped + found.dropped, lost + found.work - 3000
        assert dropped > 3
        assert lost <= dropped * CHECKPOINT, pause


def test_the_run_of_a_worker_that_dies_goes_on_within_a_lease_from_its_checkpoint():
    late = claims.LEASE + settling.LONGEST_WAIT + CHECKPOINT + 10
    died = 0
    for seed in range(40):
        found = simulate([3000.0], 2, Trouble(death_every=4000, down=10**6), seed)
        died += found.taken_over
        assert found.wall <= 3000 + late or found.wall > 10**6, "or both are dead"
    assert died > 5


@pytest.mark.slow
def test_two_thousand_runs_on_sixty_four_workers():
    seconds = [3600.0 + 200 * (i % 7) for i in range(2000)]
    found = simulate(seconds, 64, Trouble(18_000, 300, 7200, 120, 0.05), 0)
    check(found, seconds)
    assert found.deaths > 300
    assert found.wall < 1.3 * estimated(seconds, 64)
