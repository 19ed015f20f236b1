"""Data sets: found, read, split, refused. Downloads are tested against a server on this machine that misbehaves."""

import gzip
import hashlib
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from barnspider.errors import DataError, InputError
from barnspider.lab import data, download, pictures
from barnspider.lab.data import balanced, load

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
FASHION = data.SYSTEM / "fashion-mnist"
needs_fashion = pytest.mark.skipif(not FASHION.is_dir(), reason="the system package dataset-fashion-mnist is absent")


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """No test finds what this machine happens to have in its cache or environment."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("BARNSPIDER_DATA", raising=False)
    monkeypatch.delenv("BARNSPIDER_MIRRORS", raising=False)


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
    split = data.Split(images, np.array([0] * 10 + [1] * 2), np.array([str(i) for i in range(12)]))
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
    for file in data.FASHION_FILES:
        (own / file).write_bytes(gzip.decompress((FASHION / f"{file}.gz").read_bytes()))
    assert data._find_fashion("t10k-labels-idx1-ubyte", own) == own / "t10k-labels-idx1-ubyte"
    monkeypatch.setenv("BARNSPIDER_DATA", str(own))
    assert load("fashion-mnist").classes == data.FASHION_CLASSES
    (own / "t10k-labels-idx1-ubyte").write_bytes(b"no")
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte' is not the published file.*sha256.*BARNSPIDER_DATA"):
        load("fashion-mnist")


def test_a_truncated_file_is_named(tmp_path):
    broken = tmp_path / "train-images-idx3-ubyte.gz"
    broken.write_bytes(gzip.compress(b"x" * 10_000)[:-9])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz' is truncated or damaged"):
        load("fashion-mnist", folder=tmp_path)


def test_nothing_anywhere_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "SYSTEM", tmp_path)
    monkeypatch.setattr(download, "HOMES", {})
    with pytest.raises(
        DataError, match=r"could not be downloaded \(no mirror is known\).*BARNSPIDER_DATA.*BARNSPIDER_MIRRORS"
    ):
        load("fashion-mnist")


# --- downloads ------------------------------------------------------------------------------------------------------

CONTENT = bytes(range(256)) * 4000
RIGHT = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Mirror:
    """What a server on this machine gives, how badly, and what it was asked."""

    url: str = ""
    content: bytes = CONTENT
    break_after: list[int] = field(default_factory=list)
    ranges: bool = True
    status: int = 200
    asked: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    mirror: Mirror

    def do_GET(self):
        mirror, wanted = self.mirror, self.headers.get("Range", "")
        mirror.asked.append(f"{self.path} {wanted}")
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted and mirror.ranges else 0
        if mirror.status != 200 or start >= len(mirror.content):
            self.send_error(mirror.status if mirror.status != 200 else 416)
            return
        rest = mirror.content[start:]
        self.send_response(206 if mirror.ranges else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: mirror.break_after.pop(0)] if mirror.break_after else rest)

    def log_message(self, *args):
        """Stay silent."""


@pytest.fixture
def serve() -> Iterator:
    servers = []

    def start(**how) -> Mirror:
        mirror = Mirror(**how)
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Handler,), {"mirror": mirror}))
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        mirror.url = f"http://127.0.0.1:{server.server_address[1]}"
        return mirror

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_download_arrives(serve, tmp_path):
    mirror, target = serve(), tmp_path / "new" / "file.bin"
    assert download.fetch("file.bin", RIGHT, target, [mirror.url]) == target
    assert target.read_bytes() == CONTENT
    assert [f.name for f in target.parent.iterdir()] == ["file.bin"]


def test_a_broken_off_download_is_continued(serve, tmp_path):
    mirror = serve(break_after=[100_000, 200_000])
    download.fetch("file.bin", RIGHT, tmp_path / "file.bin", [mirror.url])
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert mirror.asked == [f"/file.bin bytes={start}-" for start in (0, 100_000, 300_000)]


def test_a_later_call_continues_an_earlier_one(serve, tmp_path):
    bad = serve(break_after=[50_000] + [0] * 9)
    with pytest.raises(DataError, match="broken off"):
        download.fetch("file.bin", RIGHT, tmp_path / "file.bin", [bad.url])
    good = serve()
    download.fetch("file.bin", RIGHT, tmp_path / "file.bin", [good.url])
    assert good.asked == ["/file.bin bytes=50000-"]
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_server_without_ranges_starts_again(serve, tmp_path):
    mirror = serve(break_after=[1000], ranges=False)
    download.fetch("file.bin", RIGHT, tmp_path / "file.bin", [mirror.url])
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_part_that_is_already_whole_is_accepted(serve, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    download.fetch("file.bin", RIGHT, tmp_path / "file.bin", [serve().url])
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_wrong_content_is_removed_and_the_next_mirror_asked(serve, tmp_path):
    wrong, good = serve(content=b"something else"), serve()
    download.fetch("file.bin", RIGHT, tmp_path / "file.bin", [wrong.url, good.url])
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert good.asked == ["/file.bin bytes=0-"]


def test_half_of_another_compression_is_thrown_away(serve, tmp_path):
    slow, fast = gzip.compress(CONTENT, 9), gzip.compress(CONTENT, 1)
    (tmp_path / "file.gz.part").write_bytes(slow[:500])
    download.fetch("file.gz", RIGHT, tmp_path / "file.gz", [serve(content=fast).url])
    assert gzip.decompress((tmp_path / "file.gz").read_bytes()) == CONTENT


def test_when_all_fail_every_reason_is_given(serve, tmp_path):
    gone, wrong = serve(status=404), serve(content=b"something else")
    with pytest.raises(DataError) as raised:
        download.fetch("file.bin", RIGHT, tmp_path / "file.bin", [gone.url, wrong.url, "http://127.0.0.1:1"])
    message = str(raised.value)
    assert "HTTP 404" in message
    assert f"wrong content: sha256 is {hashlib.sha256(b'something else').hexdigest()}, expected {RIGHT}" in message
    assert "refused" in message
    assert not list(tmp_path.glob("*file.bin*"))


def test_a_mirror_that_is_no_web_address_is_refused(tmp_path):
    with pytest.raises(DataError, match="mirror='file:///etc' is no web address"):
        download.fetch("passwd", RIGHT, tmp_path / "x", ["file:///etc"])


def test_a_folder_that_cannot_be_written_is_named(serve, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot write"):
        download.fetch("file.bin", RIGHT, tmp_path / "file" / "file.bin", [serve().url])


def test_own_mirrors_come_before_the_homes(monkeypatch):
    monkeypatch.setenv("BARNSPIDER_MIRRORS", "http://a/ http://b")
    found = download.mirrors("fashion-mnist")
    assert found[:2] == ("http://a/fashion-mnist", "http://b/fashion-mnist")
    assert found[2:] == download.HOMES["fashion-mnist"]


@needs_fashion
def test_fashion_mnist_is_downloaded_into_the_cache(serve, tmp_path, monkeypatch):
    file = "t10k-labels-idx1-ubyte"
    mirror = serve(content=(FASHION / f"{file}.gz").read_bytes(), break_after=[2000])
    monkeypatch.setattr(data, "SYSTEM", tmp_path / "none")
    monkeypatch.setenv("BARNSPIDER_MIRRORS", mirror.url)
    path = data._find_fashion(file, None)
    assert path == tmp_path / "cache" / "barnspider" / "fashion-mnist" / f"{file}.gz"
    assert mirror.asked[0].startswith(f"/fashion-mnist/{file}.gz")
    assert data._find_fashion(file, None) == path
    assert len(mirror.asked) == 2


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


# --- folders of images ----------------------------------------------------------------------------------------------


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
    return np.asarray(pictures._decode(path, size))


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


def test_a_truncated_image_is_named(tmp_path):
    a_folder(tmp_path)
    Image.effect_noise((64, 64), 50).save(tmp_path / "dog" / "3.jpg")
    broken = (tmp_path / "dog" / "3.jpg").read_bytes()
    (tmp_path / "dog" / "3.jpg").write_bytes(broken[: len(broken) // 2])
    with pytest.raises(DataError, match=r"dog/3.jpg' cannot be read as an image"):
        load(str(tmp_path))


def test_a_file_that_is_no_image_is_named(tmp_path):
    (a_folder(tmp_path) / "cat" / "fake.png").write_text("hello")
    with pytest.raises(DataError, match=r"cat/fake.png' cannot be read as an image"):
        load(str(tmp_path))


def test_a_bomb_is_refused_before_it_unfolds(tmp_path, monkeypatch):
    a_folder(tmp_path)
    monkeypatch.setattr(pictures, "MOST_PIXELS", 100)
    with pytest.raises(DataError, match=r"cat/0.png' has 40 x 30 pixels; expected at most 100"):
        load(str(tmp_path))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match=r"cannot be read as an image.*bomb"):
        load(str(tmp_path))


def test_folders_that_do_not_fit_are_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has 0 folders; expected one for each class"):
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
