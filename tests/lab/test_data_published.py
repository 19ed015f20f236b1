"""CIFAR, SVHN and Parquet in the forms that their authors write; pickles that ask for more are refused."""

import io
import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.io import savemat

from barnspider.errors import DataError
from barnspider.lab.data import load

pytestmark = pytest.mark.usefixtures("nowhere")

RNG = np.random.default_rng(0)
CIFAR = [RNG.integers(256, size=(20, 3072), dtype=np.uint8) for _ in range(6)]
LABELS = np.arange(20) % 10
TEN = [f"class {i}" for i in range(10)]


def dump(path: Path, content, protocol=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=protocol))


def cifar10_pickles(root):
    for i, data in enumerate(CIFAR):
        name = f"data_batch_{i + 1}" if i < 5 else "test_batch"
        dump(root / name, {b"data": data, b"labels": LABELS.tolist(), b"batch_label": b"one"})
    dump(root / "batches.meta", {"label_names": TEN, "num_vis": 3072})
    return root


def test_names_that_were_written_as_bytes_are_names(tmp_path):
    root = cifar10_pickles(tmp_path / "cifar-10-batches-py")
    dump(root / "batches.meta", {b"label_names": [name.encode() for name in TEN]})
    assert load(str(root)).classes == tuple(TEN)


def cifar10_records(root):
    root.mkdir(parents=True)
    for i, data in enumerate(CIFAR):
        name = f"data_batch_{i + 1}.bin" if i < 5 else "test_batch.bin"
        np.concatenate([LABELS[:, None].astype(np.uint8), data], axis=1).tofile(root / name)
    (root / "batches.meta.txt").write_text("\n".join(TEN) + "\n\n")
    return root


def test_cifar_10_is_the_same_in_both_forms_and_by_name(tmp_path):
    one = load(str(cifar10_pickles(tmp_path / "cifar-10-batches-py")))
    other = load(str(cifar10_records(tmp_path / "bin" / "cifar-10-batches-bin")))
    assert one.fingerprint == other.fingerprint == load("cifar10", folder=tmp_path).fingerprint
    assert load("cifar10", folder=tmp_path).name == "cifar10"  # not a path: whoever reads the answers has another
    assert [len(p) for p in (one.train, one.validation, one.test)] == [90, 10, 20]
    assert one.classes == tuple(TEN)
    assert np.array_equal(one.test.images[3], CIFAR[5][3].reshape(3, 32, 32).transpose(1, 2, 0))
    assert one.test.labels.tolist() == LABELS.tolist()


def test_cifar_100_is_the_same_in_both_forms(tmp_path):
    hundred = [f"fine {i}" for i in range(20)]
    root, flat = tmp_path / "cifar-100-python", tmp_path / "cifar-100-binary"
    flat.mkdir()
    for name, data in (("train", CIFAR[0]), ("test", CIFAR[1])):
        dump(root / name, {"data": data, "fine_labels": list(range(20)), "coarse_labels": [0] * 20})
        labels = np.stack([np.zeros(20, np.uint8), np.arange(20, dtype=np.uint8)], axis=1)
        np.concatenate([labels, data], axis=1).tofile(flat / f"{name}.bin")
    dump(root / "meta", {"fine_label_names": hundred, "coarse_label_names": ["x"]})
    (flat / "fine_label_names.txt").write_text("\n".join(hundred))
    assert load(str(root)).fingerprint == load(str(flat)).fingerprint == load("cifar100", folder=tmp_path).fingerprint


def as_python_2_wrote_it(data, labels) -> bytes:
    """The opcodes of the published files: texts are byte strings, and numpy's rooms have their old names."""
    array = b"".join([
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR",
        b"(K\x01(K", bytes([len(data)]), b"M", (3072).to_bytes(2, "little"), b"t",
        b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
        b"\x89T", data.size.to_bytes(4, "little"), data.tobytes(), b"tb",
    ])  # fmt: skip
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(U\x04data" + array + b"U\x06labels" + numbers + b"u."


def test_python_2_pickles_are_read_as_they_are(tmp_path):
    root = cifar10_pickles(tmp_path / "cifar-10-batches-py")
    before = load(str(root))
    (root / "test_batch").write_bytes(as_python_2_wrote_it(CIFAR[5], LABELS.tolist()))
    assert load(str(root)).fingerprint == before.fingerprint


class Harm:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def test_a_pickle_that_would_run_code_is_refused_and_runs_none(tmp_path):
    root = cifar10_pickles(tmp_path / "cifar-10-batches-py")
    dump(root / "test_batch", {"data": Harm(str(tmp_path / "harm")), "labels": []})
    with pytest.raises(DataError, match=r"test_batch' cannot be read: it asks for .*which could run code"):
        load(str(root))
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({"data": np.array([None]), "labels": [1]}, 2), "expected bytes"),
        (pickle.dumps({"data": CIFAR[0], "labels": [1]}, 2), "no array of 1 rows"),
        (pickle.dumps({"data": CIFAR[0]}, 2), "has no 'labels'"),
        (pickle.dumps({"data": CIFAR[0], "labels": [70] * 20}, 2), "label 70; expected 0 to 9"),
        (pickle.dumps([1], 2), "cannot be read"),
        (pickle.dumps({"data": CIFAR[0], "labels": LABELS.tolist()}, 2)[:-40], "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_pickles_that_are_no_cifar_are_named(tmp_path, content, message):
    root = cifar10_pickles(tmp_path / "cifar-10-batches-py")
    (root / "test_batch").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load(str(root))


def test_records_that_are_cut_short_are_named(tmp_path):
    root = cifar10_records(tmp_path / "x")
    (root / "test_batch.bin").write_bytes((root / "test_batch.bin").read_bytes()[:-1])
    with pytest.raises(DataError, match=r"test_batch.bin' has 61459 bytes; expected records of 3073 bytes"):
        load(str(root))
    (root / "test_batch.bin").unlink()
    with pytest.raises(DataError, match=r"test_batch.bin' cannot be read.*is the set complete"):
        load(str(root))


def test_svhn_as_published(tmp_path):
    images = RNG.integers(256, size=(40, 32, 32, 3), dtype=np.uint8)
    labels = (np.arange(40) % 10 + 1).astype(np.uint8)
    for part in ("train", "test"):
        savemat(tmp_path / f"{part}_32x32.mat", {"X": images.transpose(1, 2, 3, 0), "y": labels[:, None]})
    found = load("svhn", folder=tmp_path)
    assert found.test.labels[:10].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]  # 10 stands for the digit 0
    assert np.array_equal(found.test.images, images)
    assert found.classes[0] == "0"
    (tmp_path / "test_32x32.mat").write_bytes(b"MATLAB 5.0 MAT-file" + b" " * 200)
    with pytest.raises(DataError, match=r"test_32x32.mat' cannot be read"):
        load("svhn", folder=tmp_path)


# --- Parquet --------------------------------------------------------------------------------------------------------


def encoded(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (9, 9), (shade, 0, 0)).save(file, "png")
    return file.getvalue()


def a_table(path, count=40, names=("cat", "dog"), column="image", metadata=True, **changes):
    """A file as Hugging Face `datasets` writes it: a struct of bytes and path, class names in the metadata."""
    cells = [{"bytes": encoded(i), "path": f"{i}.png"} for i in range(count)]
    table = pa.table({column: cells, "label": [i % len(names) for i in range(count)]} | changes)
    features = {column: {"_type": "Image"}, "label": {"names": list(names), "_type": "ClassLabel"}}
    if metadata:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=16)
    return path


def test_a_folder_of_tables_as_hugging_face_writes_it(tmp_path):
    for name in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"):
        a_table(tmp_path / "data" / f"{name}.parquet")
    found = load(f"{tmp_path}?size=8")
    assert [len(p) for p in (found.train, found.validation, found.test)] == [72, 8, 40]
    assert found.classes == ("cat", "dog")
    assert found.test.sample[7] == "data/test-00000-of-00001.parquet:7"
    assert (found.test.images[..., 0] == np.arange(40)[:, None, None]).all()
    assert found.test.labels.tolist() == [0, 1] * 20


def test_one_table_of_plain_bytes_with_names_as_labels(tmp_path):
    cells, labels = [encoded(i) for i in range(40)], ["eel", "cow"] * 20
    pq.write_table(pa.table({"id": list(range(40)), "jpg": cells, "kind": labels}), tmp_path / "x.parquet")
    found = load(f"{tmp_path / 'x.parquet'}?size=8&label=kind")
    assert set(found.classes) == {"cow", "eel"}
    assert [len(p) for p in (found.train, found.validation, found.test)] == [29, 3, 8]
    with pytest.raises(DataError, match=r"no column 'label' of labels; it has id, jpg, kind; name one with"):
        load(str(tmp_path / "x.parquet"))
    with pytest.raises(DataError, match=r"no column 'id' that holds encoded images"):
        load(f"{tmp_path / 'x.parquet'}?image=id&label=kind")


def test_a_table_that_is_named_alone_is_split_whatever_it_is_called(tmp_path):
    found = load(f"{a_table(tmp_path / 'test.parquet')}?size=8")
    assert [len(p) for p in (found.train, found.validation, found.test)] == [29, 3, 8]
    with pytest.raises(DataError, match=r"has test but no train; expected a file train\*\.parquet"):
        load(str(tmp_path))


def test_tables_with_holes_are_refused(tmp_path):
    path = a_table(tmp_path / "x.parquet", label=[None] + [0, 1] * 19 + [0])
    with pytest.raises(DataError, match="row 0 has no label; expected a label for every image"):
        load(str(path))
    cells = [{"bytes": None, "path": "gone.png"}] + [{"bytes": encoded(i), "path": ""} for i in range(39)]
    path = a_table(tmp_path / "y.parquet", image=cells)
    with pytest.raises(DataError, match=r"1 of 40 images cannot be decoded: y.parquet:0"):
        load(str(path))
    (tmp_path / "z.parquet").write_bytes(b"no")
    with pytest.raises(DataError, match=r"z.parquet' cannot be read as Parquet"):
        load(str(tmp_path / "z.parquet"))
