"""Files are whole or not there."""

import errno
import hashlib
import io
import os
import zipfile

import numpy as np
import pytest

from barnspider.errors import InputError, StoreError
from barnspider.files import read_array_names, read_arrays, sha256, stored_array, write_whole


def test_a_file_is_written_whole(tmp_path):
    path = tmp_path / "new" / "folder" / ("x" * 255)
    assert write_whole(path, lambda file: file.write(b"one")) == path
    write_whole(path, lambda file: file.write(b"two"))
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == [path.name]
    assert sha256(path) == hashlib.sha256(b"two").hexdigest()


@pytest.mark.parametrize(
    "fault", [OSError(errno.ENOSPC, "No space left on device"), ValueError("mine"), KeyboardInterrupt()]
)
def test_a_torn_write_leaves_the_older_file(tmp_path, fault):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def write(file):
        file.write(b"half")
        raise fault

    expected = StoreError if isinstance(fault, OSError) else type(fault)
    with pytest.raises(expected, match="No space left on device; free some space" if expected is StoreError else None):
        write_whole(path, write)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match=f"cannot write '{tmp_path}/a': Permission denied"):
        write_whole(tmp_path / "a", lambda file: file.write(b""))


def test_a_folder_in_the_way_is_named(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(StoreError, match="is no ordinary file"):
        write_whole(tmp_path / "a", lambda file: file.write(b""))
    assert os.listdir(tmp_path) == ["a"]
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot write"):
        write_whole(tmp_path / "file" / "a", lambda file: file.write(b""))


def test_arrays_are_read(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.arange(3), b=np.array(["x"]))
    arrays = read_arrays(tmp_path / "a.npz")
    assert arrays["a"].tolist() == [0, 1, 2]
    assert arrays["b"].tolist() == ["x"]


def test_pickles_are_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    np.savez(tmp_path / "a.npz", a=np.array([Trap()], object), allow_pickle=True)
    np.save(tmp_path / "b.npz", np.array([Trap()], object), allow_pickle=True)
    os.rename(tmp_path / "b.npz.npy", tmp_path / "b.npz")
    with pytest.raises(InputError, match=r"a\.npz' holds Python objects, which can run code"):
        read_arrays(tmp_path / "a.npz")
    with pytest.raises(InputError, match=r"b\.npz' is no \.npz file"):
        read_arrays(tmp_path / "b.npz")
    assert not (tmp_path / "sprung").exists()


def test_a_damaged_file_is_an_input_error(tmp_path):
    file = io.BytesIO()
    np.savez_compressed(file, a=np.arange(100), b=np.array(["x", "y"]))
    whole = file.getvalue()
    path = tmp_path / "a.npz"
    refused = 0
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1 :])
        try:
            arrays = read_arrays(path)
        except InputError:
            refused += 1
        else:  # the names of members and the dates are not covered by zip's checksums
            assert all(array.tolist() in (list(range(100)), ["x", "y"]) for array in arrays.values())
    assert refused > len(whole) // 2


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("kind", ["<f2", ">f4", "<i8"])
def test_a_stored_array_is_read_from_its_start_to_its_end(tmp_path, save, kind):
    array = np.arange(24).reshape(2, 3, 4).astype(kind)
    save(tmp_path / "a.npz", a=array, b=np.array([1]))
    assert read_array_names(tmp_path / "a.npz") == ["a", "b"]
    stored = stored_array(tmp_path / "a.npz", "a")
    assert (stored.shape, stored.dtype, stored.fortran) == ((2, 3, 4), array.dtype, False)
    assert [piece.tolist() for piece in stored.pieces([1, 20, 3])] == [[0], list(range(1, 21)), [21, 22, 23]]
    assert stored.whole().tolist() == array.tolist()
    with pytest.raises(InputError, match=r"a\.npz' cannot be read as \.npz: buffer is smaller"):
        list(stored.pieces([20, 20]))


def test_a_damaged_stored_array_is_an_input_error(tmp_path):
    file = io.BytesIO()
    np.savez(file, a=np.arange(100))
    whole, path = file.getvalue(), tmp_path / "a.npz"
    refused = 0
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1 :])
        try:
            stored = stored_array(path, "a")
            values = np.concatenate(list(stored.pieces([50, 50])))
        except InputError:
            refused += 1
        else:
            assert stored.fortran or values.tolist() == list(range(100))
    assert refused > 800


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (
            {"descr": "<i8", "fortran_order": False, "shape": (2**60,)},
            "are 9223372036854775808 bytes, but the file has no",
        ),
        (
            {"descr": "<i8", "fortran_order": False, "shape": (1,)},
            "which are 8 bytes, but the file has no place for them",
        ),
        ({"descr": "|O", "fortran_order": False, "shape": (2,)}, "holds Python objects, which can run code"),
    ],
)
def test_a_stored_array_that_says_it_is_something_else_is_refused(tmp_path, header, words):
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, header)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("a.npy", member.getvalue() + bytes(16))
    with pytest.raises(InputError) as caught:
        stored_array(tmp_path / "a.npz", "a")
    assert words in str(caught.value)


def test_a_stored_array_is_no_larger_than_its_file_can_hold(tmp_path):
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "<i1", "fortran_order": False, "shape": (2**50,)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("a.npy", member.getvalue())
        file.getinfo("a.npy").file_size += 2**50
    with pytest.raises(InputError, match="are 1125899906842624 bytes, but the file has no place for them"):
        stored_array(tmp_path / "a.npz", "a")
    with pytest.raises(InputError, match=r"a\.npz' cannot be read as \.npz: there is no array 'b'"):
        stored_array(tmp_path / "a.npz", "b")
