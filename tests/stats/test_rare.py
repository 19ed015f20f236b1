"""What is counted from a list of hits is what a table of all cells gives."""

import numpy as np
import pytest

from barnspider.stats.crossed import by_class, contrast, count
from barnspider.stats.intervals import spread
from barnspider.stats.rare import Hits, rare_contrast

N, SERIES = 60, 3


def tables(rng, runs, share):
    """Cells of three series, Bool[J, N] each; series k is about the images with label k."""
    return [(rng.random((runs, N)) < share * rng.random(N)) for _ in range(SERIES)]


def hits(cells, label):
    found = [np.nonzero(table & (label == k)) for k, table in enumerate(cells)]
    series = np.repeat(np.arange(SERIES), [len(run) for run, _ in found])
    run, image = (np.concatenate(part) for part in zip(*found, strict=True))
    return Hits.of(len(cells[0]), N, series, image, run)


def dense(cells, label):
    layout = by_class(label, SERIES)
    right = np.select([label == k for k in range(SERIES)], cells)
    return count(right.astype(bool), layout), layout


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
@pytest.mark.parametrize(
    ("runs", "pairs"),
    [((3, 3), range(3)), ((4, 3), ()), ((4, 3), (0, 2)), ((1, 1), ()), ((2, 2), range(2))],
    ids=["paired", "unpaired", "partly", "single", "two"],
)
def test_the_same_as_from_a_table(share, runs, pairs):
    rng = np.random.default_rng(1)
    label = rng.integers(0, SERIES, N)
    rows = np.array(pairs, dtype=np.intp)
    first, second = (tables(rng, j, share) for j in runs)
    rare = rare_contrast(hits(first, label), hits(second, label), np.bincount(label), (rows, rows))
    (base, layout), (arm, _) = dense(first, label), dense(second, label)
    table = contrast(base, arm, layout, paired=(rows, rows))
    for name in ("n", "estimate", "image_var", "binomial", "unseen"):
        np.testing.assert_allclose(getattr(rare, name), getattr(table, name), atol=1e-15, err_msg=name)
    assert len(rare.parts) == len(table.parts)
    for ours, theirs in zip(rare.parts, table.parts, strict=True):
        for name in ("share", "between", "within", "means"):
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-15, err_msg=name)
    over = "images" if min(runs) < 2 else "images and runs"
    np.testing.assert_allclose(spread(rare, over).variance, spread(table, over).variance, atol=1e-15)


def test_no_hit_at_all_has_a_width():
    none = Hits.of(2, 41, *(np.zeros(0, dtype=np.intp) for _ in range(3)))
    rows = np.arange(2)
    c = rare_contrast(none, none, np.array([40, 1]), (rows, rows))
    assert (c.estimate == 0).all()
    assert (spread(c, "images and runs").variance > 0).all()
