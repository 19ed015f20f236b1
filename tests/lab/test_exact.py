"""The exact laboratory against other people's solvers, closed forms, and images whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, Ridge

from barnspider import InputError, estimate
from barnspider.lab import KNOBS, Recipe, Sweep
from barnspider.lab.data import load
from barnspider.lab.data.parts import Split, dataset, ids
from barnspider.lab.exact import FEATURES, Exact, exact, growth
from barnspider.lab.exact.drawn import Drawing, Pool, shares
from barnspider.lab.exact.features import features
from barnspider.lab.exact.ridge import Moments, solve
from barnspider.lab.exact.world import arrows, study

RNG = np.random.default_rng(0)


def sweep(vary="rotation", doses=(0, 60), **recipe):
    return Sweep(Recipe("digits", **recipe), vary, doses, (0,))


def small(vary="rotation", doses=(0, 60), **plan):
    return Exact(sweep(vary, doses), **({"features": "pixels", "images": 60, "runs": 2, "draws": 1} | plan))


@pytest.mark.parametrize("penalty", [0.0, 1e-4, 0.3, 10.0])
def test_the_solver_is_ridge_regression(penalty):
    x = RNG.standard_normal((80, 12)) @ RNG.standard_normal((12, 12)) + 3
    y = RNG.standard_normal((80, 3)) + x[:, :3]
    moments = Moments.of(x[:30], y[:30]) + Moments.of(x[30:], y[30:])
    theirs = Ridge(alpha=80 * penalty).fit(x, y) if penalty else LinearRegression().fit(x, y)
    weights, intercept = solve(moments).at(penalty)
    np.testing.assert_allclose(weights, theirs.coef_.T, atol=1e-9)
    np.testing.assert_allclose(intercept, theirs.intercept_, atol=1e-9)


def test_least_squares_of_features_that_do_not_vary_is_the_shortest():
    x = np.repeat(RNG.standard_normal((20, 3)), 2, axis=1)
    x[:, -1] = 5
    y = RNG.standard_normal((20, 2))
    weights, _ = solve(Moments.of(x, y)).at(0.0)
    around = x - x.mean(axis=0)
    np.testing.assert_allclose(weights, np.linalg.pinv(around) @ (y - y.mean(axis=0)), atol=1e-9)


def test_dropout_is_the_mean_of_its_draws():
    x = RNG.standard_normal((50, 6)) + 1
    y = RNG.standard_normal((50, 2))
    kept = RNG.random((20_000, 50, 6)) > 0.4
    many = sum((Moments.of(x * mask / 0.6, y) for mask in kept[1:]), Moments.of(x * kept[0] / 0.6, y))
    exactly, drawn = (found.at(0.1)[0] for found in (solve(Moments.of(x, y), dropout=0.4), solve(many)))
    np.testing.assert_allclose(drawn, exactly, atol=0.01)
    assert np.abs(exactly - solve(Moments.of(x, y)).at(0.1)[0]).max() > 0.05


def covered(size, half):
    """Return how likely a square's side covers a pixel, and two pixels, of a row; its centre is uniform."""
    at = np.arange(size) + 0.5
    low, high = np.clip(at - half, 0, size), np.clip(at + half, 0, size)
    both = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    return (high - low) / size, np.maximum(both, 0) / size


def test_cutout_has_the_moments_of_its_closed_form():
    """Erased pixels are 0: second moments are multiplied, entry by entry, by how likely both pixels are kept."""
    data = load("digits")
    pool = Pool.of(data, Recipe("digits"))
    rows = np.arange(100)
    recipe = Recipe("digits", cutout=0.5)
    total = None
    for _, images, wanted in Drawing(pool, rows, recipe, 0, 400).pieces((100,)):
        total = Moments.of(images.flatten(1).numpy(), wanted.numpy())
    bare = pool.shown(pool.split, rows).flatten(1).double().numpy()
    one, two = covered(8, 2.0)
    gone = np.outer(one, one).ravel()
    kept = 1 - gone[:, None] - gone + np.kron(two, two)
    np.testing.assert_allclose(total.xx / total.count, kept * (bare.T @ bare) / 100, atol=0.06)
    np.testing.assert_allclose(total.x / total.count, (1 - gone) * bare.mean(axis=0), atol=0.02)
    assert np.abs((kept - 1) * (bare.T @ bare) / 100).max() > 0.6


def test_noise_has_the_moments_of_weight_decay():
    """Noise that is cut off nowhere adds its variance to the diagonal, and nothing else: it is a penalty."""
    pool = Pool.of(arrows().data(25, test=5), Recipe("arrows"))
    rows = np.arange(100)
    _, images, wanted = next(Drawing(pool, rows, Recipe("arrows", noise=0.06), 0, 300).pieces((100,)))
    drawn = Moments.of(images.flatten(1).numpy(), wanted.numpy())
    bare = Moments.of(pool.shown(pool.split, rows).flatten(1).numpy(), np.eye(4)[pool.split.labels[rows]])
    added = (0.06 * 255 / float(pool.std)) ** 2
    np.testing.assert_allclose(drawn.xx / drawn.count, bare.xx / 100 + added * np.eye(64), atol=0.03)
    np.testing.assert_allclose(drawn.xy / drawn.count, bare.xy / 100, atol=0.01)
    assert added > 0.4


def test_without_augmentation_it_answers_as_scikit_learn_does():
    data = load("digits")
    plan = small(doses=(0, 90), images=200, penalties=(0.01, 1.0))
    solved = exact(plan)
    pool = Pool.of(data, plan.sweep.base)
    rows = shares(pool, 2, 200, 0, 0)
    test = pool.shown(data.test, np.arange(len(data.test))).flatten(1).numpy().astype(float)
    scale = features("pixels", 8, pool.some(0), 0).scale
    for run in range(2):
        x = pool.shown(pool.split, rows[run]).flatten(1).numpy().astype(float) * scale
        for k, penalty in enumerate(plan.penalties):
            theirs = Ridge(alpha=200 * penalty).fit(x, np.eye(10)[pool.split.labels[rows[run]]])
            same = theirs.predict(test * scale).argmax(axis=1) == solved.guess["test"][0, k, run]
            assert same.mean() > 0.998


def test_runs_share_no_image_and_begin_with_all_classes():
    pool = Pool.of(load("digits"), Recipe("digits"))
    dealt = shares(pool, 4, 0, 10_000, 0)
    assert len(np.unique(np.concatenate(dealt))) == sum(map(len, dealt)) > 4 * 215
    for rows in dealt:
        assert np.bincount(pool.split.labels[rows[:50]]).tolist() == [5] * 10
    with pytest.raises(InputError, match="no two runs share any"):
        shares(pool, 4, 300, 0, 0)


def test_random_features_are_a_gaussian_kernel():
    images = Pool.of(load("digits"), Recipe("digits")).some(0)[:200]
    made = features("fourier", 4000, images, 0)
    phi = made(images) / made.scale
    apart = torch.cdist(images.flatten(1), images.flatten(1)).numpy()
    middle = np.median(apart[np.triu_indices(200, 1)])
    np.testing.assert_allclose(phi @ phi.T / 4000, np.exp(-(apart**2) / (2 * middle**2)), atol=0.1)


@pytest.mark.parametrize("name", FEATURES)
def test_features_are_scaled_and_belong_to_their_seed(name):
    images = Pool.of(load("digits"), Recipe("digits")).some(0)[:300]
    one, again, other = (features(name, 80, images, seed)(images) for seed in (0, 0, 1))
    assert one.var(axis=0).mean() == pytest.approx(1, abs=1e-4)
    assert np.array_equal(one, again)
    assert np.array_equal(one, other) == (name == "pixels")
    assert np.isfinite(features(name, 80, torch.zeros(20, 3, 2, 5), 0)(torch.ones(4, 3, 2, 5))).all()


@pytest.mark.parametrize("knob", [k for k in KNOBS.values() if not k.needs_colour and k.name != "stochastic_depth"])
def test_every_knob_has_an_answer(knob):
    cut = {"crop": 0.5} if knob.name == "fade" else {}  # targets fade with what is cut away
    asked = sweep(knob.name, (0, min(knob.strongest, 0.9)), **cut)
    plan = Exact(asked, features="pixels", images=200, runs=2, draws=1, penalties=(0.1, 1.0))
    solved = exact(plan)
    preds = solved.answers()
    assert preds.arms[0] == f"{knob.name}=0"
    right = estimate(preds, baseline=0.0)
    assert right.overall_before > 0.6
    # One dose of smoothing for all classes shrinks every score alike: it changes no answer.
    assert np.array_equal(*preds.guess.reshape(2, 2, -1)) == (knob.name == "label_smoothing")


def test_one_dose_for_each_class():
    doses = (0.0,) * 9 + (180.0,)
    solved = exact(Exact(sweep(doses=(0, 180, doses)), features="pixels", runs=2, draws=2))
    accuracy = solved.answers().correct().mean(axis=1).reshape(3, 2).mean(axis=1)
    assert solved.answers().dose[-1] is None
    assert accuracy[0] > accuracy[2] > accuracy[1] + 0.2


def test_weight_decay_is_the_penalty():
    """The path of another knob's study at dose 0 is a study of weight decay."""
    decay = exact(small("weight_decay", (0.001, 0.1, 1.0)))
    path = exact(small(penalties=(1.0, 0.1, 0.001))).path(0.0)
    assert np.array_equal(decay.answers().guess, path.guess)
    assert path.arms == ("penalty=0.001", "penalty=0.1", "penalty=1")
    assert decay.answers().arms == ("weight_decay=0.001", "weight_decay=0.1", "weight_decay=1")


def test_the_penalty_is_chosen_run_by_run_on_validation_images():
    solved = exact(small(penalties=(10.0, 0.3, 1e-7)))
    right = (solved.guess["validation"] == solved.data.validation.labels).mean(axis=3)
    assert right.shape == (2, 3, 2)
    best = [right[d, :, r].argmax() for d in range(2) for r in range(2)]
    assert 1 in best  # neither the strongest nor the weakest
    wanted = [solved.guess["test"][d, k, r] for k, (d, r) in zip(best, np.ndindex(2, 2), strict=True)]
    assert np.array_equal(solved.answers().guess, wanted)
    counts = np.bincount(solved.data.test.labels)
    assert solved.accuracy()[1] @ counts / counts.sum() == pytest.approx(
        (solved.guess["test"][1] == solved.data.test.labels).mean(axis=(1, 2))
    )


def test_a_smaller_size_of_growth_is_the_study_of_so_many_images():
    few, many = growth(small(images=120), [50])
    assert (few.images, many.images) == (50, 120)
    assert np.array_equal(few.guess["test"], exact(small(images=50)).guess["test"])
    assert np.array_equal(many.guess["test"], exact(small(images=120)).guess["test"])
    with pytest.raises(InputError, match="sizes=120"):
        growth(small(images=120), [120])


def test_draws_of_a_run_are_the_same_at_every_dose():
    """An image that is mirrored at a low probability is mirrored at a higher one, too."""
    pool = Pool.of(load("digits"), Recipe("digits"))
    rows = np.arange(40)
    pieces = [next(Drawing(pool, rows, Recipe("digits", flip=p), 0, 1).pieces((40,)))[1] for p in (0.2, 0.5)]
    bare = next(Drawing(pool, rows, Recipe("digits"), 0, 1).pieces((40,)))[1]
    turned = [(images != bare).flatten(1).any(1).numpy() for images in pieces]
    assert 0 < turned[0].sum() < turned[1].sum() < 40
    assert not (turned[0] & ~turned[1]).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"sweep": Sweep(Recipe("digits"), "epochs", (1, 2), (0,), baseline_dose=1)},
            "means nothing to a linear model",
        ),
        ({"sweep": sweep("stochastic_depth", (0, 0.5))}, "means nothing to a linear model"),
        ({"sweep": sweep("hue", (0, 0.5))}, "does nothing to grey images"),
        ({"sweep": sweep("rotation", (0, (1.0, 2.0)))}, "rotation has 2 doses"),
        ({"features": "deep"}, "features='deep'"),
        ({"count": 5000}, "count=5000"),
        ({"count": 7}, "count=7"),
        ({"runs": 0}, "runs=0"),
        ({"draws": True}, "draws=True"),
        ({"images": 900}, "images=900"),
        ({"runs": 1000}, "expected at most 0"),
        ({"penalties": (1.0, 0.0)}, "penalties=1.0, 0.0"),
        ({"penalties": ()}, "penalties is empty"),
    ],
)
def test_what_cannot_be_asked(change, message):
    with pytest.raises(InputError, match=message):
        exact(Exact(**({"sweep": sweep(), "features": "pixels"} | change)))


def many_classes(classes, each=3, side=4):
    """Return a data set of random images."""
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(classes), each)
    parts = [
        Split(rng.integers(0, 256, (len(labels), side, side, 1), np.uint8), labels, ids(name, len(labels)))
        for name in ("train", "validation", "test")
    ]
    return dataset("noise", tuple(f"c{c}" for c in range(classes)), *parts)


@pytest.mark.parametrize("classes", [1, 2, 1000])
def test_any_number_of_classes(classes):
    data = many_classes(classes)
    plan = Exact(study("flip", (0, 0.5)), features="pixels", images=min(classes, 500), runs=2, penalties=(0.1,))
    effects = estimate(exact(plan, data).answers(), baseline=0.0)
    assert len(effects.classes) == classes
    assert np.isfinite(effects.overall).all()
    if classes == 1:
        assert effects.overall_before == 1


def test_too_many_pixels_are_said():
    with pytest.raises(InputError, match=r"features='pixels' would be 4,900"):
        exact(Exact(study("flip", (0, 0.5)), features="pixels", runs=1), many_classes(2, side=70))


def test_a_class_that_a_run_never_saw_is_never_answered():
    data = load("digits")
    without = replace(data, train=data.train.take(np.flatnonzero(data.train.labels != 3)))
    solved = exact(small(images=100, penalties=(0.1, 1e-7)), without)
    assert 3 not in solved.guess["test"]
    assert (solved.accuracy()[:, :, 3] == 0).all()


def test_the_truth_of_the_known_world_refuses_what_it_does_not_know():
    world = arrows()
    with pytest.raises(InputError, match="'up' and 'down' are one"):
        world.population(Recipe("arrows", vertical_flip=0.5), 0.1)
    with pytest.raises(InputError, match="crop is on"):
        world.population(Recipe("arrows", crop=0.5), 0.1)
