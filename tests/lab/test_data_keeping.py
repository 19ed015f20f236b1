"""What a Python program holds becomes something a recipe can name: arrays, and Hugging Face's data sets."""

import numpy as np
import pytest

from barnspider.errors import DataError
from barnspider.lab import Recipe, Store, Sweep, run
from barnspider.lab.data import keep, load

pytestmark = pytest.mark.usefixtures("nowhere")


def arrays(shade=0):
    images = np.random.default_rng(0).integers(256, size=(60, 8, 8), dtype=np.uint8)
    images[0] = shade
    return {"x_train": images, "y_train": ["cat", "dog"] * 30}


def test_arrays_can_be_kept_and_studied(tmp_path):
    name = keep(arrays(), tmp_path / "sets" / "mine.npz")
    assert load(name).classes == ("cat", "dog")
    sweep = Sweep(Recipe(name, width=4, epochs=1), vary="flip", doses=(0, 0.5), seeds=(0,))
    assert run(sweep, Store(tmp_path / "runs"), workers=1).guess.shape == (2, 12)


def test_labels_in_an_array_of_objects_are_kept_as_texts(tmp_path):
    given = arrays() | {"y_train": np.array(["cat", "dog"] * 30, dtype=object)}
    assert load(keep(given, tmp_path / "mine.npz")).classes == ("cat", "dog")


def test_the_same_may_be_kept_again_and_something_else_may_not(tmp_path):
    name = keep(arrays(), tmp_path / "mine.npz")
    before = (tmp_path / "mine.npz").stat().st_mtime_ns
    assert keep(arrays(), name) == name
    assert (tmp_path / "mine.npz").stat().st_mtime_ns == before
    with pytest.raises(DataError, match="is there and holds something else; choose another path"):
        keep(arrays(shade=1), name)


@pytest.mark.parametrize(
    ("data", "path", "message"),
    [
        (arrays(), "mine", r"expected a name that ends in \.npz"),
        (arrays() | {"x_train": np.zeros((60, 8, 8))}, "mine.npz", "x_train is float64"),
        ([1, 2], "mine", r"data is a list; expected a mapping with arrays x_train and y_train, or a Dataset"),
        ({"images": 1}, "mine", "data is a mapping of images; expected"),
    ],
)
def test_what_cannot_be_kept_is_named(tmp_path, data, path, message):
    with pytest.raises(DataError, match=message):
        keep(data, tmp_path / path)
    assert list(tmp_path.iterdir()) == []


# --- Hugging Face ---------------------------------------------------------------------------------------------------


@pytest.fixture
def hf(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return pytest.importorskip("datasets", reason="Hugging Face's datasets is not installed", exc_type=ImportError)


def table(hf, count, names=("eel", "cow")):
    rng = np.random.default_rng(count)
    images = [rng.integers(256, size=(12, 12, 3), dtype=np.uint8) for _ in range(count)]
    features = hf.Features({"id": hf.Value("int64"), "img": hf.Image(), "label": hf.ClassLabel(names=list(names))})
    rows = {"id": list(range(count)), "img": images, "label": [i % 2 for i in range(count)]}
    return hf.Dataset.from_dict(rows, features=features), np.stack(images)


def test_a_dataset_dict_keeps_its_parts_classes_and_pixels(hf, tmp_path):
    (train, _), (test, images) = table(hf, 40), table(hf, 20)
    path = keep(hf.DatasetDict(train=train, test=test), tmp_path / "set")
    found = load(f"{path}?size=12")
    assert found.classes == ("eel", "cow")
    assert [len(part) for part in (found.train, found.validation, found.test)] == [36, 4, 20]
    assert np.array_equal(found.test.images, images)
    assert found.test.labels.tolist() == [0, 1] * 10
    assert keep(hf.DatasetDict(train=train, test=test), tmp_path / "set") == path
    with pytest.raises(DataError, match="holds something else"):
        keep(hf.DatasetDict(train=test, test=train), tmp_path / "set")
    assert not list(tmp_path.glob(".writing-*"))


def test_a_dataset_alone_is_split(hf, tmp_path):
    found = load(f"{keep(table(hf, 40)[0], tmp_path / 'set')}?size=12")
    assert [len(part) for part in (found.train, found.validation, found.test)] == [29, 3, 8]


def test_what_save_to_disk_wrote_is_known_and_can_be_kept(hf, tmp_path):
    table(hf, 40)[0].save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match=r"save_to_disk.*lab\.data\.keep\(datasets\.load_from_disk"):
        load(str(tmp_path / "saved"))
    name = keep(hf.load_from_disk(tmp_path / "saved"), tmp_path / "set")
    assert len(load(f"{name}?size=12").test) == 8


def test_a_table_without_images_or_with_other_parts_is_named(hf, tmp_path):
    with pytest.raises(DataError, match=r"train has no column of images, only id; make one .*cast_column"):
        keep(hf.Dataset.from_dict({"id": [1, 2]}), tmp_path / "set")
    with pytest.raises(DataError, match="a part 'unsupervised'; expected train, validation and test"):
        keep(hf.DatasetDict(unsupervised=table(hf, 40)[0]), tmp_path / "set")
