"""Archives of arrays that are mapped: the same bytes every time, nothing believed that a header says."""

import struct
import zipfile

import numpy as np
import pytest

from resonet.core import npz
from resonet.core.npz import read_array, read_numbers, write_arrays

RNG = np.random.default_rng
ARRAYS = {
    "layer/f_res": RNG(1).normal(size=4000),
    "layer/name": np.array(["t0", "t1"]),
    "scale": np.array(3.5),
    "flat": RNG(2).normal(size=(30, 20)),
    "counts": np.arange(5000),
}


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "MAPPED", 1000)
    write_arrays(tmp_path / "a.npz", ARRAYS)
    return tmp_path / "a.npz"


def is_mapped(array: np.ndarray) -> bool:
    while array is not None and not isinstance(array, np.memmap):
        array = array.base
    return array is not None


def test_what_was_written_is_read_and_large_arrays_are_mapped(path):
    with zipfile.ZipFile(path) as file:
        for name, values in ARRAYS.items():
            found = read_array(file, name, 10_000)
            assert np.array_equal(found, values)
            assert found.dtype == values.dtype
            assert is_mapped(found) == (values.nbytes >= 1000)
            assert found.ctypes.data % 64 == 0 or not is_mapped(found)
        numbers = read_numbers(file, "layer/f_res", 4000)
    assert is_mapped(numbers)
    assert np.array_equal(numbers, ARRAYS["layer/f_res"])  # after the archive was closed
    numbers[0] = 0.0  # a copy of one's own
    assert np.load(path)["layer/f_res"][0] == ARRAYS["layer/f_res"][0]


def test_the_same_arrays_give_the_same_bytes(path, tmp_path):
    write_arrays(tmp_path / "b.npz", ARRAYS)
    assert path.read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(path) as file:  # for numpy it is an archive like any other
        assert file.files == list(ARRAYS)
        assert all(np.array_equal(file[name], values) for name, values in ARRAYS.items())


def test_compressed_archives_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "MAPPED", 1000)
    np.savez_compressed(tmp_path / "a.npz", **ARRAYS)
    np.savez(tmp_path / "b.npz", turned=np.asfortranarray(ARRAYS["flat"]), big=ARRAYS["flat"].astype(">f8"))
    with zipfile.ZipFile(tmp_path / "a.npz") as file:
        found = read_numbers(file, "layer/f_res", 4000)
    assert not is_mapped(found)
    assert np.array_equal(found, ARRAYS["layer/f_res"])
    with zipfile.ZipFile(tmp_path / "b.npz") as file:
        assert all(np.array_equal(read_numbers(file, name, 600), ARRAYS["flat"]) for name in ("turned", "big"))


def test_bounds_hold_for_mapped_arrays(path):
    with zipfile.ZipFile(path) as file, pytest.raises(ValueError, match="has 4,000 values, more than 3,999"):
        read_numbers(file, "layer/f_res", 3999)
    write_arrays(path, {"a": np.zeros(4000, complex)})
    with zipfile.ZipFile(path) as file, pytest.raises(ValueError, match="holds 64,000 bytes, more than 32,000"):
        read_numbers(file, "a", 4000)
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_arrays(path, {"a": np.array([{}] * 2000, object)})
    np.savez(path, a=np.array([{}] * 2000, object))
    with zipfile.ZipFile(path) as file, pytest.raises(ValueError, match="is a pickle"):
        read_array(file, "a", 10**9)


@pytest.mark.parametrize("place", ["mark", "name", "extra", "size"])
def test_headers_that_lie_are_refused(path, place):
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as file:
        info = file.getinfo("counts.npy")
    if place == "size":  # of the whole file: the last array is cut off, the directory says otherwise
        end = data.rindex(b"PK\5\6")
        begin = struct.unpack_from("<L", data, end + 16)[0]
        head, directory = bytes(data[: info.header_offset + 500]), bytearray(data[begin:])
        struct.pack_into("<L", directory, len(directory) - 22 + 16, len(head))
        data = bytearray(head) + directory
    else:
        at = info.header_offset + {"mark": 0, "name": 26, "extra": 28}[place]
        struct.pack_into("<H", data, at, 0xFFF0)
    path.write_bytes(bytes(data))
    with zipfile.ZipFile(path) as file, pytest.raises((ValueError, zipfile.BadZipFile, EOFError)):
        read_numbers(file, "counts", 5000)
