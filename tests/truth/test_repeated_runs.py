"""Two series of runs of one recipe: intervals of their differences hold 0, and false disagreement is rare."""

import numpy as np
import pytest

from barnspider.agreement import agreement
from barnspider.simulate import simulate

TRIALS = 30


@pytest.mark.parametrize(("first", "again", "paired"), [(8, 2, True), (4, 2, False)])
def test_runs_of_one_recipe_seldom_disagree(first, again, paired):
    covered, disagree = [], 0
    for seed in range(TRIALS):
        preds = simulate(
            images=100, runs=first + again, accuracy=0.85, effect=np.full(10, -0.02), paired=paired, seed=seed
        ).predictions
        new = np.array(preds.seed) >= first
        found = agreement(preds.where(runs=~new), preds.where(runs=new), "baseline")
        covered.append(found.covered)
        disagree += found.status == "disagree"
    # 300 intervals, those of one trial not independent; at 5 %, 30 trials have 6 or more in 0.3 % of all cases.
    assert 0.92 < np.mean(covered) < 0.985
    assert disagree <= 5
