"""Named data sets, arrays and .npz files: found, read, split, refused."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from barnspider.errors import DataError, InputError
from barnspider.lab import download
from barnspider.lab.data import Split, balanced, load, named

pytestmark = pytest.mark.usefixtures("nowhere")

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
FASHION = named.SYSTEM / "fashion-mnist"
needs_fashion = pytest.mark.skipif(not FASHION.is_dir(), reason="the system package dataset-fashion-mnist is absent")


# --- digits ---------------------------------------------------------------------------------------------------------


def test_digits_are_the_1797_of_scikit_learn():
    from sklearn.datasets import load_digits

    digits, source = load("digits"), load_digits()
    assert [len(s) for s in (digits.train, digits.validation, digits.test)] == [897, 300, 600]
    row = int(digits.test.sample[5].split("-")[1])
    assert np.array_equal(digits.test.images[5, ..., 0], np.rint(source.images[row] * 255 / 16))
    assert digits.test.labels[5] == source.target[row]
    assert digits.test.images.max() == 255


def test_splits_share_no_image_and_are_stratified():
    digits = load("digits")
    parts = (digits.train, digits.validation, digits.test)
    ids = np.concatenate([p.sample for p in parts])
    assert len(set(ids.tolist())) == 1797
    for part in parts:
        assert np.ptp(np.bincount(part.labels) / len(part)) < 0.012


def test_another_split_seed_is_another_split_and_fingerprint():
    first, again, other = load("digits"), load("digits"), load("digits", split_seed=1)
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != other.fingerprint
    assert set(first.test.sample.tolist()) != set(other.test.sample.tolist())


def test_arrays_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        load("digits").test.images[0] = 0


def test_an_unknown_name_says_what_is_known():
    with pytest.raises(
        DataError, match=r"dataset='digit' is neither known nor there.*digits, fashion-mnist.*npz.*folder"
    ):
        load("digit")


# --- subsets --------------------------------------------------------------------------------------------------------


def test_a_subset_is_balanced_and_stable():
    train = load("digits").train
    some = balanced(train, 203, seed=0)
    assert sorted(np.bincount(some.labels).tolist()) == [20] * 7 + [21] * 3
    assert set(balanced(train, 100, seed=0).sample.tolist()) < set(some.sample.tolist())
    assert set(balanced(train, 203, seed=1).sample.tolist()) != set(some.sample.tolist())
    assert balanced(train, 0, seed=0) is train


def test_a_subset_of_scarce_classes_takes_what_there_is():
    images = np.zeros((12, 4, 4, 1), np.uint8)
    split = Split(images, np.array([0] * 10 + [1] * 2), np.array([str(i) for i in range(12)]))
    assert np.bincount(balanced(split, 8, seed=0).labels).tolist() == [6, 2]


def test_more_than_there_is_is_refused():
    with pytest.raises(InputError, match="train_images=898; expected at most 897"):
        balanced(load("digits").train, 898, seed=0)


# --- Fashion-MNIST --------------------------------------------------------------------------------------------------


@needs_fashion
def test_fashion_mnist_from_the_system_package():
    fashion = load("fashion-mnist")
    assert [len(s) for s in (fashion.train, fashion.validation, fashion.test)] == [55_000, 5_000, 10_000]
    assert np.bincount(fashion.validation.labels).tolist() == [500] * 10
    assert fashion.shape == (1, 28, 28)
    assert fashion.classes[6] == "Shirt"
    assert fashion.test.sample[0] == "test-00000"
    assert fashion.test.labels[:5].tolist() == [9, 2, 1, 1, 6]


@needs_fashion
def test_the_users_folder_comes_first_and_must_be_right(tmp_path, monkeypatch):
    own = tmp_path / "mine"
    own.mkdir()
    for file in named.FASHION_FILES:
        (own / file).write_bytes(gzip.decompress((FASHION / f"{file}.gz").read_bytes()))
    assert named.find_fashion("t10k-labels-idx1-ubyte", own) == own / "t10k-labels-idx1-ubyte"
    monkeypatch.setenv("BARNSPIDER_DATA", str(own))
    assert load("fashion-mnist").classes == named.FASHION_CLASSES
    (own / "t10k-labels-idx1-ubyte").write_bytes(b"no")
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte' is not the published file.*sha256.*BARNSPIDER_DATA"):
        load("fashion-mnist")


def test_a_truncated_file_is_named(tmp_path):
    broken = tmp_path / "train-images-idx3-ubyte.gz"
    broken.write_bytes(gzip.compress(b"x" * 10_000)[:-9])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz' is truncated or damaged"):
        load("fashion-mnist", folder=tmp_path)


def test_nothing_anywhere_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(named, "SYSTEM", tmp_path)
    monkeypatch.setattr(download, "HOMES", {})
    with pytest.raises(
        DataError, match=r"could not be downloaded \(no mirror is known\).*BARNSPIDER_DATA.*BARNSPIDER_MIRRORS"
    ):
        load("fashion-mnist")


# --- npz ------------------------------------------------------------------------------------------------------------


def an_npz(path, **changes):
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(256, size=(60, 8, 8, 3), dtype=np.uint8), "y_train": np.arange(60) % 3,
        "x_test": rng.integers(256, size=(12, 8, 8, 3), dtype=np.uint8), "y_test": np.arange(12) % 3,
        "class_names": np.array(["a", "b", "c"]),
    } | changes  # fmt: skip
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return str(path)


def test_an_npz(tmp_path):
    found = load(an_npz(tmp_path / "x.npz"))
    assert [len(s) for s in (found.train, found.validation, found.test)] == [54, 6, 12]
    assert found.classes == ("a", "b", "c")
    assert found.shape == (3, 8, 8)
    assert np.bincount(found.validation.labels).tolist() == [2, 2, 2]


def test_an_npz_of_grey_images_without_test_images_or_names(tmp_path):
    grey = np.zeros((60, 9, 7), np.uint8)
    found = load(an_npz(tmp_path / "x.npz", x_train=grey, x_test=None, y_test=None, class_names=None))
    assert [len(s) for s in (found.train, found.validation, found.test)] == [44, 4, 12]
    assert found.classes == ("0", "1", "2")
    assert found.shape == (1, 9, 7)


def test_an_npz_with_names_as_labels(tmp_path):
    names = np.array(["cat", "dog", "eel"])
    found = load(
        an_npz(tmp_path / "x.npz", y_train=names[np.arange(60) % 3], y_test=names[np.arange(12) % 3], class_names=names)
    )
    assert found.test.labels.tolist() == [0, 1, 2] * 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": None}, r"has no x_train; it has"),
        ({"y_test": None}, r"has x_test but no y_test"),
        ({"x_train": np.zeros((60, 8, 8, 3))}, r"x_train is float64\[60, 8, 8, 3\]; expected uint8"),
        ({"x_train": np.zeros((60, 8, 8, 4), np.uint8)}, r"x_train is uint8\[60, 8, 8, 4\]; expected"),
        ({"y_train": np.arange(59) % 3}, r"60 images and 59 labels"),
        ({"y_train": np.arange(60)}, r"y_train\[3\]=3 is no class; expected 0 to 2"),
        ({"y_train": np.full(60, 0.5)}, r"y_train\[0\]=0.5 is no class"),
        ({"x_test": np.zeros((12, 9, 9, 3), np.uint8)}, r"test images are \(9, 9, 3\), train \(8, 8, 3\)"),
        ({"class_names": np.array(["a", "a", "b"])}, r"x.npz': classes has names that stand more than once: 'a'"),
        (
            {"y_train": np.zeros(60, int), "y_test": np.zeros(12, int), "class_names": None},
            r"has one class, 0; expected",
        ),
    ],
)
def test_a_bad_npz_says_what_is_wrong(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        load(an_npz(tmp_path / "x.npz", **changes))


def test_pickles_and_damage_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, x_train=np.array([{}], dtype=object), y_train=np.array([0]))
    with pytest.raises(DataError, match="cannot be read"):
        load(str(path))
    an_npz(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="cannot be read"):
        load(str(path))


@pytest.mark.skipif(not (SHARED / "cifar10_dev.npz").exists(), reason="../shared/data is absent")
def test_the_cifar_10_subset():
    cifar = load(str(SHARED / "cifar10_dev.npz"))
    assert [len(s) for s in (cifar.train, cifar.validation, cifar.test)] == [9000, 1000, 2000]
    assert cifar.shape == (3, 32, 32)
    assert cifar.classes[5] == "dog"
