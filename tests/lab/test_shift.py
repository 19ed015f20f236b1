from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as some

from barnspider import InputError
from barnspider.lab import Recipe, Sweep
from barnspider.lab.shift import Share, Shift
from barnspider.store import Cell


def grid(arms: int, seeds: int) -> list[Cell]:
    return [Cell(f"arm {a}", float(a), s, f"{s}-{a}") for s in range(seeds) for a in range(arms)]


def spread(counts) -> int:
    return max(counts) - min(counts)


@given(some.integers(1, 12), some.integers(1, 40), some.integers(1, 30))
def test_shares_are_all_runs_once_and_balanced_over_arms_and_seeds(arms, seeds, parts):
    runs = grid(arms, seeds)
    shares = [Share(part, parts).of(runs) for part in range(1, parts + 1)]
    assert sorted(cell.key for share in shares for cell in share) == sorted(cell.key for cell in runs)
    assert spread([len(share) for share in shares]) <= 1
    for field, names in (("arm", {c.arm for c in runs}), ("seed", {c.seed for c in runs})):
        counts = [Counter(getattr(cell, field) for cell in share) for share in shares]
        assert all(spread([count[name] for count in counts]) <= 1 for name in names), field


def test_a_share_is_the_same_everywhere_and_keeps_the_order():
    runs = Sweep(Recipe("digits"), vary="crop", doses=(0, 0.3, 0.6), seeds=range(4)).runs()
    share = Share(2, 3).of(runs)
    assert share == Share.parse("2/3").of(list(runs))
    assert [run.key for run in share] == [run.key for run in runs if run in share]
    assert {run.arm for run in share} == {run.arm for run in runs}, "3 shares of 3 arms, and yet no arm for each"


@pytest.mark.parametrize("text", ["", "3", "0/4", "5/4", "-1/4", "1/0", "1/2/3", "a/b", "1.5/2", "٣/٤"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(InputError, match="shard="):
        Share.parse(text)


@given(some.integers(0, 50), some.integers(1, 20))
def test_a_limit_is_split_without_loss(most, workers):
    shifts = Shift(most=most).split(workers)
    assert sum(shift.most or 0 for shift in shifts) == most
    assert len(shifts) == min(most, workers)
    assert [shift.most for shift in Shift().split(workers)] == [None] * workers


def test_a_shift_is_over_by_its_limit_its_time_or_its_parents_death():
    assert not Shift().is_over(10**6)
    assert [Shift(most=2).is_over(made) for made in (1, 2)] == [False, True]
    assert Shift(until=0.0).is_over(0)
    assert Shift(parent=-1).is_over(0)
