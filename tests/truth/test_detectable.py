"""A loss of the size that a design is said to find is found about 4 times in 5."""

import numpy as np
import pytest

from barnspider.effects import estimate
from barnspider.simulate import simulate


@pytest.mark.parametrize(
    ("n", "runs", "accuracy"), [(25, 5, 0.6), (50, 3, 0.8), (50, 10, 0.9), (200, 5, 0.8), (200, 4, 0.95)]
)
def test_what_a_design_is_said_to_find_is_found(n, runs, accuracy):
    design = {"classes": 10, "images": n, "runs": runs, "accuracy": accuracy, "paired": True}
    pilots = [estimate(simulate(**design, seed=seed).predictions, "baseline").detectable().mean() for seed in range(15)]
    loss = float(np.mean(pilots))
    found = [
        (estimate(simulate(**design, effect=-loss, seed=100 + seed).predictions, "baseline").p[0] < 0.05).mean()
        for seed in range(30)
    ]
    assert 0.7 < np.mean(found) < 0.9
