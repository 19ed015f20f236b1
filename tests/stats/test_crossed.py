"""Counts and mean squares agree with a plain ANOVA written out."""

import numpy as np
import pytest

from barnspider.stats.crossed import ByClass, by_class, contrast, count, pool, single


def answers(rng, runs, n):
    return rng.random((runs, n)) < rng.random(n)


def anova(x):
    """Return (mean square of runs, mean square of the residual) of x: runs x images."""
    runs, n = x.shape
    by_run, by_image = x.mean(axis=1, keepdims=True), x.mean(axis=0, keepdims=True)
    residual = x - by_run - by_image + x.mean()
    return n * by_run.var(ddof=1), (residual**2).sum() / ((runs - 1) * (n - 1))


@pytest.fixture
def design() -> tuple[np.ndarray, ByClass, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 4, 90)
    label[label == 2] = 1  # a class without images
    return label, by_class(label, 4), answers(rng, 5, 90), answers(rng, 5, 90)


def test_unpaired_mean_squares(design):
    label, layout, right0, right1 = design
    c = contrast(count(right0, layout), count(right1, layout), layout, paired=False)
    for k in (0, 1, 3):
        here = label == k
        x0, x1 = right0[:, here].astype(float), right1[:, here].astype(float)
        n = here.sum()
        assert c.estimate[k] == pytest.approx(x1.mean() - x0.mean(), abs=1e-15)
        assert c.image_var[k] == pytest.approx((x1.mean(0) - x0.mean(0)).var(ddof=1), abs=1e-15)
        for part, x in zip(c.parts, (x0, x1), strict=True):
            ms_runs, ms_residual = anova(x)
            assert part.between[k] == pytest.approx(ms_runs / n, abs=1e-15)
            assert part.within[k] == pytest.approx(ms_residual / n, abs=1e-15)


def test_paired_mean_squares_are_those_of_differences(design):
    label, layout, right0, right1 = design
    (part,) = contrast(count(right0, layout), count(right1, layout), layout, paired=True).parts
    here = label == 1
    ms_runs, ms_residual = anova(right1[:, here].astype(float) - right0[:, here])
    assert part.between[1] == pytest.approx(ms_runs / here.sum(), abs=1e-15)
    assert part.within[1] == pytest.approx(ms_residual / here.sum(), abs=1e-15)


def test_a_class_without_images_is_unknown_not_zero(design):
    _, layout, right0, _ = design
    c = single(count(right0, layout), layout)
    assert layout.n[2] == 0
    assert np.isnan(c.estimate[2])


def test_pool_weighs_classes_by_images(design):
    _, layout, right0, right1 = design
    c = contrast(count(right0, layout), count(right1, layout), layout, paired=False)
    whole = pool(c)
    assert whole.estimate[0] == pytest.approx(right1.mean() - right0.mean(), abs=1e-15)
    assert whole.parts[1].between[0] == pytest.approx(right1.mean(axis=1).var(ddof=1), abs=1e-15)


def test_equal_arms_are_exactly_zero(design):
    _, layout, right0, _ = design
    arm = count(right0, layout)
    c = contrast(arm, arm, layout, paired=True)
    assert (c.estimate[layout.n > 0] == 0).all()
    assert (c.image_var[layout.n > 1] == 0).all()
    assert (c.parts[0].between[layout.n > 0] == 0).all()


def test_runs_without_a_partner_count_by_themselves(design):
    """With P of J0 and J1 runs paired: s0/J0 + s1/J1 - 2 cov P/(J0 J1), cov from the pairs."""
    _, layout, right0, right1 = design
    base, arm = count(right0, layout), count(right1[:4], layout)
    rows = np.array([0, 1, 2])
    c = contrast(base, arm, layout, paired=(rows, rows))
    got = sum(part.share * part.between for part in c.parts)
    s0, s1 = (x.means.var(axis=0, ddof=1) for x in single_parts(base, arm, layout))
    d = (c.series[1][:3] - c.series[0][:3]).var(axis=0, ddof=1)
    want = s0 / 5 + s1 / 4 - (s0 + s1 - d) * 3 / 20
    assert got == pytest.approx(want, nan_ok=True)


def single_parts(base, arm, layout):
    return [single(x, layout).parts[0] for x in (base, arm)]


def test_all_pairs_are_paired_and_no_pairs_are_not(design):
    _, layout, right0, right1 = design
    base, arm = count(right0, layout), count(right1, layout)
    everyone, nobody = np.arange(5), np.arange(0)
    assert contrast(base, arm, layout, paired=(everyone, everyone)).paired
    assert len(contrast(base, arm, layout, paired=(nobody, nobody)).parts) == 2
