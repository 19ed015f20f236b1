"""Answers that cannot belong to the labels are refused, or told, before anybody reads an effect."""

import warnings

import numpy as np
import polars as pl
import pytest

from barnspider import InputError, from_frame, read_predictions
from barnspider.checkup.luck import AtChance

N = 200
NAMES = np.array([f"kind {c}" for c in range(10)])
LABEL = np.arange(N) % 10


def table(path, answers, names=NAMES, dose=None):
    rows = [(arm, s, i, names[LABEL[i]], a[i]) for (arm, s), a in answers.items() for i in range(N)]
    columns = dict(zip(("arm", "seed", "sample", "label", "prediction"), zip(*rows, strict=True), strict=True))
    frame = pl.DataFrame({name: list(map(str, values)) for name, values in columns.items()})
    if dose:
        frame = frame.with_columns(pl.col("arm").replace_strict(dose).alias("dose"))
    frame.write_csv(path)
    return path


def answered(seed=0, right=0.8):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(N) < right, LABEL, rng.integers(10, size=N))


@pytest.mark.parametrize("change", [str.title, lambda s: s + " ", lambda s: s.replace(" ", "_")])
def test_names_in_another_spelling_are_refused_and_the_spelling_is_shown(tmp_path, change):
    other = np.array([change(name) for name in NAMES])
    file = table(tmp_path / "a.csv", {("p", 0): other[answered()], ("q", 0): other[answered(1)]})
    words = "a.csv': labels and answers share no class: labels are 'kind 0', 'kind 1', 'kind 2' and 7 more, answers are"
    with pytest.raises(InputError) as caught:
        read_predictions(file)
    assert f"{words} '{other[0]}'" in str(caught.value)
    assert f"Is '{other[0]}' meant to be 'kind 0'? If so, write both in one way, or give" in str(caught.value)
    with pytest.raises(InputError, match="the data frame: labels and answers share no class"):
        from_frame(pl.read_csv(file))
    one = table(tmp_path / "b.csv", {("p", 0): other[answered()], ("q", 0): NAMES[answered(1)]})
    with pytest.raises(InputError, match=r"b.csv': arm 'p', seed 0: labels and answers share no class"):
        read_predictions(one)


def test_other_names_are_refused_unless_they_are_said_to_be_classes(tmp_path):
    others = np.array([f"sort {c}" for c in range(10)])
    file = table(tmp_path / "a.csv", {("p", 0): others[answered()]})
    with pytest.raises(InputError, match=r"answers are 'sort 0', .* and 7 more; write both in one way"):
        read_predictions(file)
    with pytest.warns(AtChance, match=r"arm 'p' is right in 0.0 % of its answers, no more often than by luck, 0.0 %"):
        assert not read_predictions(file, classes=[*NAMES, *others]).correct().any()
    np.savez(tmp_path / "b.npz", label=[0, 0, 1], guess=[2, 2, 3])  # so few may be bad luck
    assert not read_predictions(tmp_path / "b.npz").correct().any()


def test_runs_at_the_level_of_luck_are_told_in_one_line(tmp_path):
    digits = np.arange(10)
    order = np.random.default_rng(1).permutation(10)
    bad = {("p", 0): order[answered()], ("q", 0): answered(1), ("q", 1): order[answered(2)]}
    with pytest.warns(AtChance) as caught:
        read_predictions(table(tmp_path / "a.csv", bad, digits))
    (one,) = caught
    assert "arm 'p' is right in " in str(one.message)
    assert "(and so is 1 more arm): do labels and answers belong together? Run barnspider doctor" in str(one.message)
    with pytest.warns(AtChance, match="arm 'q' is right in .* of its answers in 1 of 2 runs, no more often"):
        read_predictions(table(tmp_path / "b.csv", {k: a for k, a in bad.items() if k[0] == "q"}, digits))


def test_a_ruined_dose_a_weak_network_and_few_answers_are_no_alarm(tmp_path):
    luck = np.random.default_rng(3).integers(10, size=N)
    runs = {("off", 0): answered(), ("on", 0): luck, ("weak", 0): answered(1, 0.15)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_predictions(table(tmp_path / "a.csv", runs, np.arange(10), dose={"off": 0.0, "on": 1.0, "weak": 0.5}))
        np.savez(tmp_path / "b.npz", label=np.arange(12) % 2, guess=np.arange(12) // 6)
        read_predictions(tmp_path / "b.npz")
