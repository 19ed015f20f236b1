"""Options behind a data set's name: each is understood, or refused where it would do nothing."""

import csv
import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from barnspider.errors import DataError
from barnspider.lab.data import keep, load

pytestmark = pytest.mark.usefixtures("nowhere")


def encoded(shade: int, kind: str = "jpeg") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 16), (shade % 256, 40, 90)).save(file, kind)
    return file.getvalue()


def write(root, names):
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded(i))
    return root


@pytest.mark.parametrize("year", [2018, 2019])
def test_inaturalist_before_2021_as_torchvision_keeps_it(tmp_path, year):
    write(tmp_path / "inaturalist" / f"{year}", [f"{c}/{i}.jpg" for c in ("Aves/7", "Fungi/12") for i in range(20)])
    found = load(f"inaturalist-{year}?size=8", folder=tmp_path)
    assert found.classes == ("Aves/7", "Fungi/12")
    assert [len(part) for part in (found.train, found.validation, found.test)] == [29, 3, 8]
    # torchvision's own root: the year stands in it.
    (tmp_path / "inaturalist" / f"{year}").rename(tmp_path / f"{year}")
    assert load(f"inaturalist-{year}?size=8", folder=tmp_path).classes == found.classes
    by_path = load(f"{tmp_path / str(year)}?size=8&depth=2")
    assert by_path.classes == found.classes
    assert load(f"{tmp_path / str(year)}?size=8").classes == ("Aves", "Fungi")


def test_two_folders_make_a_class_of_one_kingdom_and_in_parts_and_in_a_zip(tmp_path):
    names = [f"{p}/Aves/{c}/{i}.jpg" for p in ("train", "val") for c in (7, 12) for i in range(12)]
    write(tmp_path / "parts", names)
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        for name in names:
            archive.write(tmp_path / "parts" / name, f"2018/{name.removeprefix('train/')}")
    assert load(f"{tmp_path / 'parts'}?size=8&depth=2").classes == ("Aves/12", "Aves/7")
    write(tmp_path / "one", [f"Aves/{c}/{i}.jpg" for c in (7, 12) for i in range(12)])
    assert load(f"{tmp_path / 'one'}?size=8&depth=2").classes == ("Aves/12", "Aves/7")
    write(tmp_path / "one", ["Fungi/1.jpg"])
    with pytest.raises(DataError, match=r"Fungi/1.jpg has fewer than 2 folders for its class; leave depth out"):
        load(f"{tmp_path / 'one'}?size=8&depth=2")


def test_svhn_with_its_extra_images(tmp_path):
    rng = np.random.default_rng(0)
    for part, count in (("train", 40), ("test", 40), ("extra", 60)):
        images = rng.integers(256, size=(32, 32, 3, count), dtype=np.uint8)
        savemat(tmp_path / f"{part}_32x32.mat", {"X": images, "y": (np.arange(count) % 10 + 1)[:, None]})
    plain, more = load("svhn", folder=tmp_path), load("svhn?extra=yes", folder=tmp_path)
    assert len(plain.train) + len(plain.validation) == 40
    assert len(more.train) + len(more.validation) == 100
    assert {"train-00000", "extra-00059"} <= {*more.train.sample.tolist(), *more.validation.sample.tolist()}
    assert np.array_equal(plain.test.images, more.test.images)
    assert load("svhn?extra=no", folder=tmp_path).fingerprint == plain.fingerprint
    (tmp_path / "extra_32x32.mat").unlink()
    with pytest.raises(DataError, match=r"extra_32x32.mat' cannot be read"):
        load("svhn?extra=yes", folder=tmp_path)


def test_imagenet_as_kaggle_keeps_it_by_name_by_path_and_zipped(tmp_path):
    wnids = ("n01440764", "n01443537")
    names = [f"train/{w}/{w}_{i}.JPEG" for w in wnids for i in range(12)]
    names += [f"val/ILSVRC2012_val_{i:08d}.JPEG" for i in range(6)] + ["test/ILSVRC2012_test_00000001.JPEG"]
    inner = write(tmp_path / "ILSVRC" / "Data" / "CLS-LOC", names)
    with (tmp_path / "LOC_val_solution.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["ImageId", "PredictionString"])
        for i in range(6):
            rows.writerow([f"ILSVRC2012_val_{i:08d}", f"{wnids[i % 2]} 85 1 499 272 {wnids[i % 2]} 1 2 3 4"])
    (tmp_path / "LOC_synset_mapping.txt").write_text("n01440764 tench, Tinca tinca\nn01443537 goldfish\n")
    by_name = load("imagenet?size=8", folder=tmp_path)
    assert by_name.classes == ("tench", "goldfish")
    assert [len(part) for part in (by_name.train, by_name.validation, by_name.test)] == [22, 2, 6]
    assert by_name.test.labels.tolist() == [0, 1] * 3
    assert load(f"{inner}?size=8").fingerprint == by_name.fingerprint
    with zipfile.ZipFile(tmp_path / "kaggle.zip", "w") as archive:
        for path in (*tmp_path.glob("LOC_*"), *inner.rglob("*.JPEG")):
            archive.write(path, str(path.relative_to(tmp_path)))
    zipped = load(f"{tmp_path / 'kaggle.zip'}?size=8")
    assert zipped.classes == by_name.classes
    assert np.array_equal(zipped.test.images, by_name.test.images)


def test_imagenet_is_named_by_what_torchvision_saved(tmp_path):
    torch = pytest.importorskip("torch")
    wnids = {"n01440764": ("tench", "Tinca tinca"), "n01443537": ("goldfish",)}
    write(tmp_path / "imagenet", [f"{p}/{w}/{i}.JPEG" for p in ("train", "val") for w in wnids for i in range(12)])
    torch.save((wnids, ["n01440764"]), tmp_path / "imagenet" / "meta.bin")
    assert load("imagenet?size=8", folder=tmp_path).classes == ("tench", "goldfish")
    (tmp_path / "imagenet" / "meta.bin").write_bytes(b"of another program")
    assert load("imagenet?size=8", folder=tmp_path).classes == tuple(wnids)


def test_a_meta_file_that_would_run_code_is_refused(tmp_path):
    write(tmp_path / "imagenet", [f"{p}/{w}/{i}.JPEG" for p in ("train", "val") for w in "ab" for i in range(12)])
    with zipfile.ZipFile(tmp_path / "imagenet" / "meta.bin", "w") as archive:
        archive.writestr("meta/data.pkl", b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(DataError, match=r"'meta.bin' cannot be read: it asks for os.system, which could run code"):
        load("imagenet?size=8", folder=tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("size=x", "size='x'; expected a number of pixels, 8 to 256"),
        ("bad=no", "bad='no'; expected one of refuse, leave-out"),
        ("extra=maybe", "extra='maybe'; expected one of no, yes"),
        ("depth=0", "depth='0'; expected how many folders make a class"),
        ("what=1", "option what is unknown; expected size, bad, depth, image, label, extra"),
        ("size=8&extra=yes", "option extra does nothing to images in folders; it takes size, bad, depth"),
        ("label=x", "option label does nothing to images in folders"),
    ],
)
def test_options_that_mean_nothing_are_refused(tmp_path, options, message):
    write(tmp_path / "photos", [f"{c}/{i}.jpg" for c in "ab" for i in range(12)])
    with pytest.raises(DataError, match=message):
        load(f"{tmp_path / 'photos'}?{options}")


def test_arrays_take_no_options(tmp_path):
    images = np.random.default_rng(0).integers(256, size=(50, 8, 8), dtype=np.uint8)
    name = keep({"x_train": images, "y_train": [0, 1] * 25}, tmp_path / "mine.npz")
    with pytest.raises(DataError, match="option size does nothing to arrays; it takes none"):
        load(f"{name}?size=16")
