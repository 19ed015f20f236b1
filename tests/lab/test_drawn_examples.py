"""Example images of a store's study: the right images, of the right data, small enough; or a clear refusal."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from barnspider.errors import DataError, InputError, StoreError
from barnspider.examples import COLUMNS, MOST_BYTES
from barnspider.lab import Recipe, Store, Sweep
from barnspider.lab import examples as room
from barnspider.lab.data import keep, load
from barnspider.lab.examples import examples
from barnspider.lab.images import describe
from barnspider.lab.seen import seen, trained_on
from barnspider.store import SPLITS, Answers, Result

CLASSES = ("cat", "dog", "cow")
DOSES = (0.0, 0.3, 0.6)


def kept(path, *, size=12, channels=3, seed=0, train=90, test=60):
    """A file of images, smooth as photographs are, each unlike all others."""
    rng = np.random.default_rng(seed)

    def images(n):
        coarse = rng.integers(256, size=(n, 4, 4, channels), dtype=np.uint8)
        rows = np.arange(size) * 4 // size
        return coarse[:, rows][:, :, rows]

    arrays = {f"x_{part}": images(n) for part, n in (("train", train), ("test", test))}
    labels = {f"y_{part}": np.arange(n) % 3 for part, n in (("train", train), ("test", test))}
    return keep(arrays | labels | {"class_names": list(CLASSES)}, path)


def filled(root, sweep, *, absent=()):
    """A store that holds made-up answers to every run of a sweep: the stronger the dose, the more are wrong."""
    store, data = Store(root), load(sweep.base.dataset)
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    describe(store, data)
    for i, run in enumerate(sweep.runs()):
        if (run.arm, run.seed) in absent:
            continue
        rng = np.random.default_rng(i)
        given = {}
        for split in SPLITS:
            label = getattr(data, split.removesuffix("-averaged")).labels
            ease = np.linspace(0.1, 0.9, len(label))
            right = rng.random(len(label)) < np.abs(ease - sweep.doses.index(getattr(run.recipe, sweep.vary)) / 3)
            guess = np.where(right, label, (label + 1) % 3).astype(np.int8)
            given[split] = Answers(guess, np.full(len(label), 0.5))
        about = {"recipe": run.recipe.as_dict(), "seed": run.seed}
        assert store.write(run.key, Result("done", data.fingerprint, given, about))
    return store


def made(tmp_path, vary="crop", doses=DOSES, recipe=None, absent=(), **options):
    name = kept(tmp_path / "pictures.npz", **options)
    recipe = replace(recipe or Recipe("x", flip=0.5), dataset=name)
    sweep = Sweep(recipe, vary=vary, doses=doses, seeds=range(3, 7))
    return filled(tmp_path / "runs", sweep, absent=absent), sweep


def pixels(found, each, cell):
    """The picture in a cell."""
    with Image.open(io.BytesIO(each.sprite)) as image:
        whole = np.asarray(image).reshape(image.height, image.width, -1)
    (height, width), (high, wide) = found.size, found.pitch
    top, left = cell // COLUMNS * high, cell % COLUMNS * wide
    return whole[top : top + height, left : left + width]


@pytest.mark.parametrize("split", SPLITS)
def test_lost_and_gained_images_are_found_by_their_ids(tmp_path, split):
    store, sweep = made(tmp_path)
    predictions = store.load(sweep.runs(), split)
    rng = np.random.default_rng(0)
    moved = predictions.where(samples=rng.permutation(len(predictions.label)))
    found = examples(store, moved, sweep.baseline, CLASSES, split=split)
    part = getattr(load(sweep.base.dataset), split.removesuffix("-averaged"))
    row = {str(id_): k for k, id_ in enumerate(part.sample)}
    shown = 0
    for each in found.classes:
        for change in (*each.lost.values(), *each.gained.values()):
            assert len(change.first) == min(4, change.total)
            for turned in change.first:
                k = row[turned.sample]
                assert CLASSES[part.labels[k]] == each.name
                assert np.array_equal(pixels(found, each, each.tested[turned.sample]), part.images[k])
                mine = predictions.sample == turned.sample
                right = predictions.guess[predictions.rows(sweep.baseline)][:, mine] == part.labels[k]
                assert turned.before == right.sum()
                shown += 1
    assert shown > 4


def test_training_images_are_the_same_at_every_dose_as_the_first_seed_sees_them(tmp_path):
    store, sweep = made(tmp_path)
    found = examples(store, store.load(sweep.runs()), sweep.baseline, ["cow", "cat"])
    assert found.arms == ("crop=0", "crop=0.3", "crop=0.6")
    assert (found.seed, found.kind, found.size, found.shrunk, found.why_none) == (3, "png", (12, 12), False, "")
    assert [each.name for each in found.classes] == ["cow", "cat"]
    data = load(sweep.base.dataset)
    for each in found.classes:
        split = trained_on(sweep.base, data)
        rows = np.array([split.sample.tolist().index(id_) for id_ in each.sample])
        assert (split.labels[rows] == CLASSES.index(each.name)).all()
        assert len(set(each.sample)) == 4
        for k, dose in enumerate(DOSES):
            expected = seen(sweep.base.with_("crop", dose), data, rows, 3)
            for i in range(4):
                assert np.array_equal(pixels(found, each, each.seen[i, k]), expected[i])
        assert len(np.unique(each.seen)) == 12


def test_an_arm_with_a_dose_for_each_class_is_drawn_last(tmp_path):
    rx = (0.0, 0.5, 0.9)
    store, sweep = made(tmp_path, doses=(rx, 0.0, 0.4), recipe=Recipe("x"))
    found = examples(store, store.load(sweep.runs()), "crop=0", CLASSES)
    assert found.arms[:2] == ("crop=0", "crop=0.4")
    assert found.arms[2].startswith("crop=per class")
    cat, dog, _ = (each.seen for each in found.classes)
    assert np.array_equal(cat[:, 0], cat[:, 2])
    assert not (dog[:, 0] == dog[:, 2]).any()


@pytest.mark.parametrize("vary", ["weight_decay", "label_smoothing", "epochs"])
def test_what_does_not_act_on_images_is_said(tmp_path, vary):
    doses = (1, 2, 3) if vary == "epochs" else DOSES
    name = kept(tmp_path / "pictures.npz")
    sweep = Sweep(Recipe(name), vary=vary, doses=doses, seeds=(0,), baseline_dose=doses[0])
    store = filled(tmp_path / "runs", sweep)
    found = examples(store, store.load(sweep.runs()), sweep.baseline, ["dog"])
    assert found.why_none == f"{vary} does not act on images: the network sees the same at every dose."
    assert found.arms == found.classes[0].sample == ()
    assert found.classes[0].seen.size == 0
    assert any(change.total for change in found.classes[0].lost.values())


@pytest.mark.parametrize("knob", ["mixup", "cutmix"])
def test_mixed_images_are_drawn(tmp_path, knob):
    store, sweep = made(tmp_path, vary=knob, doses=(0.0, 0.2, 0.4), recipe=Recipe("x"))
    each = examples(store, store.load(sweep.runs()), sweep.baseline, ["dog"]).classes[0]
    assert not (each.seen[:, 0] == each.seen[:, 2]).all()


def test_a_study_with_missing_runs_is_drawn(tmp_path):
    gone = {("crop=0.6", seed) for seed in range(3, 7)} | {("crop=0", 3), ("crop=0.3", 5)}
    store, sweep = made(tmp_path, absent=gone)
    found = examples(store, store.load(sweep.runs()), sweep.baseline, ["dog"])
    assert found.arms == ("crop=0", "crop=0.3")
    assert found.seed == 4


def test_a_class_without_training_images_has_none(tmp_path):
    store, sweep = made(tmp_path, recipe=Recipe("x", train_images=2))
    found = examples(store, store.load(sweep.runs()), sweep.baseline, CLASSES)
    counts = sorted(len(each.seen) for each in found.classes)
    assert counts == [0, 1, 1]
    assert all(each.seen.shape[1] == 3 for each in found.classes)


def test_of_very_many_arms_some_are_drawn_the_ends_and_the_baseline_among_them(tmp_path):
    doses = tuple(round(0.02 * k, 2) for k in range(40))
    store, sweep = made(tmp_path, doses=doses)
    predictions = store.load(sweep.runs())
    found = examples(store, predictions, "crop=0.22", ["cat"])
    assert len(found.arms) == room.MOST_ARMS
    assert {"crop=0", "crop=0.22", "crop=0.78"} <= set(found.arms)
    assert list(found.arms) == sorted(found.arms, key=lambda arm: float(arm.removeprefix("crop=")))
    assert len(found.classes[0].lost) == 39


@pytest.mark.parametrize(
    ("size", "channels", "most", "kind", "numbers"),
    [
        (12, 3, MOST_BYTES, "png", (4, 4)),
        (12, 3, 4_000, "webp", (2, 2)),
        (90, 1, MOST_BYTES, "png", (4, 4)),
        (130, 3, MOST_BYTES, "webp", (4, 4)),
        (130, 3, 20_000, "webp", (3, 3)),
        (130, 3, 6_000, "webp", (1, 1)),
    ],
)
def test_pictures_become_fewer_and_then_smaller_until_they_fit(tmp_path, size, channels, most, kind, numbers):
    store, sweep = made(tmp_path, size=size, channels=channels)
    found = examples(store, store.load(sweep.runs()), sweep.baseline, CLASSES, most_bytes=most)
    assert found.bytes == sum(len(each.sprite) for each in found.classes) <= most
    assert found.kind == kind
    images = max(len(each.seen) for each in found.classes)
    first = max(len(change.first) for each in found.classes for change in each.lost.values())
    assert (images, first) == numbers
    assert max(found.size) <= 96
    assert found.shrunk == (found.size != (size, size))
    for each in found.classes:
        for turned in (t for side in (each.lost, each.gained) for c in side.values() for t in c.first):
            assert pixels(found, each, each.tested[turned.sample]).shape == (*found.size, channels)


def test_too_little_room_for_anything_is_refused(tmp_path):
    store, sweep = made(tmp_path)
    with pytest.raises(InputError, match="most_bytes=100; the fewest and smallest pictures"):
        examples(store, store.load(sweep.runs()), sweep.baseline, CLASSES, most_bytes=100)


def test_data_that_changed_is_refused(tmp_path):
    store, sweep = made(tmp_path)
    predictions = store.load(sweep.runs())
    (tmp_path / "pictures.npz").unlink()
    with pytest.raises(DataError, match=r"pictures\.npz' is neither known nor there"):
        examples(store, predictions, sweep.baseline, ["cat"])
    kept(tmp_path / "pictures.npz", seed=1)
    with pytest.raises(DataError, match="is not what it was when these runs were trained"):
        examples(store, predictions, sweep.baseline, ["cat"])


def test_data_that_moved_is_found_in_the_users_folder(tmp_path, monkeypatch):
    store, sweep = made(tmp_path)
    predictions = store.load(sweep.runs())
    expected = examples(store, predictions, sweep.baseline, ["cat"])
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "pictures.npz").rename(tmp_path / "elsewhere" / "pictures.npz")
    monkeypatch.setenv("BARNSPIDER_DATA", str(tmp_path / "elsewhere"))
    assert examples(store, predictions, sweep.baseline, ["cat"]).classes[0].sprite == expected.classes[0].sprite
    kept(tmp_path / "pictures.npz", seed=1)  # something else where it was
    assert examples(store, predictions, sweep.baseline, ["cat"]).classes[0].sprite == expected.classes[0].sprite


def test_nothing_is_downloaded(nowhere, monkeypatch):
    from barnspider.lab import download
    from barnspider.lab.data import named

    monkeypatch.setattr(named, "SYSTEM", download.cache_folder())
    monkeypatch.setattr(download, "fetch", lambda *_: pytest.fail("the network was asked"))
    with pytest.raises(DataError, match="'fashion-mnist' is not here"):
        load("fashion-mnist", fetch=False)


def test_a_store_that_lost_its_runs_meanwhile_is_refused(tmp_path):
    store, sweep = made(tmp_path)
    predictions = store.load(sweep.runs())
    for run in sweep.runs():
        if run.arm == "crop=0.3":
            (tmp_path / "runs" / "runs" / run.key / "run.json").write_text("{}")
    with pytest.raises(StoreError, match=r"has no finished run of crop=0\.3 any more"):
        examples(store, predictions, sweep.baseline, ["cat"])


def test_unknown_names_are_refused(tmp_path):
    store, sweep = made(tmp_path)
    predictions = store.load(sweep.runs())
    for given in (("crop=1", ["cat"]), (sweep.baseline, ["cot"]), (sweep.baseline, ["cat"], "tset")):
        with pytest.raises(InputError, match="is unknown"):
            examples(store, predictions, *given[:2], split=(*given, "test")[2])


def test_a_memory_map_is_not_copied(tmp_path, monkeypatch, nowhere):
    from barnspider.lab.data import Split

    for i in range(60):
        file = tmp_path / "photos" / CLASSES[i % 3] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), (4 * i, 0, 200)).save(file)
    sweep = Sweep(Recipe(f"{tmp_path}/photos?size=16"), vary="crop", doses=DOSES, seeds=(0, 1))
    store = filled(tmp_path / "runs", sweep)
    monkeypatch.setattr(Split, "images", property(lambda _: pytest.fail("all images were copied")))
    each = examples(store, store.load(sweep.runs()), sweep.baseline, ["dog"]).classes[0]
    assert each.sample[0].startswith("dog/")
