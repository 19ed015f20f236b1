"""Folders and zip files of images by class: listed, decoded once, packed, refused."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from barnspider.errors import DataError
from barnspider.lab.data import load, pictures

pytestmark = pytest.mark.usefixtures("nowhere")

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def a_folder(root, parts=("",), classes=("cat", "dog"), count=10, colour=(10, 200, 30)):
    for part in parts:
        for name in classes:
            folder = root / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                Image.new("RGB", (40 + i, 30), colour).save(folder / f"{i}.png")
    return root


def test_a_folder_by_class_is_split(tmp_path):
    found = load(str(a_folder(tmp_path)))
    assert [len(s) for s in (found.train, found.validation, found.test)] == [15, 1, 4]
    assert found.classes == ("cat", "dog")
    assert found.shape == (3, 32, 32)
    assert (found.test.images == [10, 200, 30]).all()
    assert sorted(found.test.sample.tolist())[0].startswith("cat/")


def test_a_folder_with_parts(tmp_path):
    found = load(str(a_folder(tmp_path, ("train", "valid", "test"))), size=24)
    assert [len(s) for s in (found.train, found.validation, found.test)] == [20, 20, 20]
    assert found.shape == (3, 24, 24)
    assert found.validation.sample[0] == "valid/cat/0.png"


def test_val_without_test_is_what_is_tested(tmp_path):
    found = load(str(a_folder(tmp_path, ("train", "val"))))
    assert [len(s) for s in (found.train, found.validation, found.test)] == [18, 2, 20]
    assert found.test.sample[0] == "val/cat/0.png"


def pictured(path, size=4):
    return pictures.decode(path.read_bytes(), size)[0]


def test_exif_turns_the_image(tmp_path):
    image = Image.fromarray(np.array([[0, 255], [0, 255]], np.uint8).repeat(8, 0).repeat(8, 1))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    image.save(tmp_path / "x.png", exif=exif)
    assert (pictured(tmp_path / "x.png")[0] < 100).all()
    assert (pictured(tmp_path / "x.png")[3] > 150).all()


def test_other_kinds_are_converted_by_rule(tmp_path):
    Image.new("CMYK", (8, 8), (255, 0, 0, 0)).save(tmp_path / "cmyk.jpg")
    assert pictured(tmp_path / "cmyk.jpg").shape == (4, 4, 3)
    Image.new("P", (8, 8), 0).save(tmp_path / "palette.png")
    assert pictured(tmp_path / "palette.png").shape == (4, 4, 3)
    Image.fromarray(np.full((8, 8), 0x8040, np.uint16)).save(tmp_path / "deep.png")
    assert (pictured(tmp_path / "deep.png") == 0x80).all()
    Image.new("RGBA", (8, 8), (255, 255, 255, 0)).save(tmp_path / "clear.png")
    assert (pictured(tmp_path / "clear.png") == 0).all()
    Image.new("1", (8, 8), 1).save(tmp_path / "bits.png")
    assert (pictured(tmp_path / "bits.png") == 255).all()


def test_the_central_square_is_kept(tmp_path):
    wide = np.zeros((8, 24), np.uint8)
    wide[:, 8:16] = 200
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert (pictured(tmp_path / "wide.png", 8) == 200).all()


def test_grey_stays_grey_unless_one_image_has_colour(tmp_path):
    a_folder(tmp_path)
    for path in tmp_path.rglob("*.png"):
        Image.new("L", (9, 9), 7).save(path)
    assert load(str(tmp_path)).shape == (1, 32, 32)
    Image.new("RGB", (9, 9), (1, 2, 3)).save(tmp_path / "cat" / "0.png")
    assert load(str(tmp_path)).shape == (3, 32, 32)


def with_bad_images(root):
    a_folder(root)
    Image.effect_noise((64, 64), 50).save(root / "dog" / "noise.jpg")
    broken = (root / "dog" / "noise.jpg").read_bytes()
    (root / "dog" / "noise.jpg").write_bytes(broken[: len(broken) // 2])
    (root / "cat" / "fake.png").write_text("hello")
    return root


def test_bad_images_are_all_named_every_time(tmp_path):
    root = with_bad_images(tmp_path / "photos")
    told = (
        r"2 of 22 images cannot be decoded: cat/fake.png \(it is no image, or of an unknown kind\),"
        r" dog/noise.jpg \(.*truncated.*leave them out with '\?bad=leave-out'"
    )
    for _ in range(2):
        with pytest.raises(DataError, match=told):
            load(str(root))


def test_bad_images_may_be_left_out_which_the_fingerprint_says(tmp_path):
    root = with_bad_images(tmp_path / "photos")
    found = load(f"{root}?bad=leave-out")
    parts = (found.train, found.validation, found.test)
    assert sum(map(len, parts)) == 20
    assert not {"cat/fake.png", "dog/noise.jpg"} & set(np.concatenate([p.sample for p in parts]).tolist())
    for name in ("cat/fake.png", "dog/noise.jpg"):
        (root / name).unlink()
    assert load(str(root)).fingerprint != found.fingerprint


def test_a_bomb_is_refused_before_it_unfolds(monkeypatch):
    file = io.BytesIO()
    Image.new("L", (40, 30)).save(file, "png")
    monkeypatch.setattr(pictures, "MOST_PIXELS", 100)
    with pytest.raises(DataError, match="it has 40 x 30 pixels; expected at most 100"):
        pictures.decode(file.getvalue(), 8)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match="bomb"):
        pictures.decode(file.getvalue(), 8)


def test_folders_that_do_not_fit_are_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no images; expected <class>/<image>"):
        load(str(tmp_path / "empty"))
    a_folder(tmp_path / "val only", ("val",))
    with pytest.raises(DataError, match="has validation but no train"):
        load(str(tmp_path / "val only"))
    a_folder(tmp_path / "bare", count=0)
    with pytest.raises(DataError, match="holds no images"):
        load(str(tmp_path / "bare"))
    a_folder(tmp_path / "more", ("train", "test"))
    a_folder(tmp_path / "more" / "test", classes=("eel",))
    with pytest.raises(DataError, match="test and train differ in classes: eel"):
        load(str(tmp_path / "more"))


TINY = SHARED / "tinyimagenet64_40.zip"


@pytest.mark.skipif(not TINY.exists(), reason="../shared/data is absent")
def test_some_of_tiny_imagenet(tmp_path):
    with zipfile.ZipFile(TINY) as archive:
        for part, count in (("train", 20), ("val", 5)):
            names = sorted(n for n in archive.namelist() if n.startswith(part) and n.endswith(".jpg"))
            classes = sorted({n.split("/")[1] for n in names})[:3]
            for wnid in classes:
                archive.extractall(tmp_path, [n for n in names if n.split("/")[1] == wnid][:count])
    found = load(str(tmp_path), size=64)
    assert found.shape == (3, 64, 64)
    assert [len(s) for s in (found.train, found.validation, found.test)] == [54, 6, 15]
    assert np.bincount(found.validation.labels).tolist() == [2, 2, 2]


def test_too_few_images_to_split_are_refused(tmp_path):
    with pytest.raises(DataError, match="has no validation images; expected at least"):
        load(str(a_folder(tmp_path, count=3)))


def test_a_file_called_meta_is_no_cifar(tmp_path):
    (a_folder(tmp_path) / "meta").write_text("mine")
    assert load(str(tmp_path)).classes == ("cat", "dog")


def test_a_link_in_a_circle_is_refused(tmp_path):
    (a_folder(tmp_path) / "cat" / "again").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(DataError, match="more than 12 folders deep; does a link lead in a circle"):
        load(str(tmp_path))


def test_class_names_that_are_no_text_are_named(tmp_path):
    (a_folder(tmp_path) / "words.txt").write_bytes(b"cat\t\xff\xfe")
    with pytest.raises(DataError, match="cannot be read: 'utf-8' codec"):
        load(str(tmp_path))


def test_a_part_of_which_nothing_can_be_decoded_is_not_made_up_of_others(tmp_path):
    root = a_folder(tmp_path, ("train", "test"))
    for part in ("test", "train"):
        for file in (root / part).rglob("*.png"):
            file.write_bytes(b"no image")
        with pytest.raises(DataError, match=rf"has no {part} images"):
            load(f"{root}?size=8&bad=leave-out")


def test_a_class_named_in_another_encoding_is_said(tmp_path):
    folder = a_folder(tmp_path)
    (folder / "cat").rename(folder / "caf\udce9")
    with pytest.raises(DataError, match=r"the name of class 0, 'caf\\udce9', is no Unicode text.*rename it"):
        load(str(folder))
