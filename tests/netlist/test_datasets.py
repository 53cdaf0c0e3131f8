"""Readers of IDX and CIFAR-10 files, and the signals that are drawn from a seed."""

import gzip
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import RNG

from resonet.core.errors import InputError
from resonet.examples.datasets import read_cifar10, read_idx_pair
from resonet.examples.signals.waveforms import MODULATIONS, records

EXAMPLES = Path(__file__).parents[2] / "examples"
RECORDS = 4  # of a made file


def idx(path, array, packed=False):
    head = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    data = head + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if packed else data)


def cifar(folder, rng):
    images = rng.integers(0, 256, (6, RECORDS, 3, 32, 32), dtype=np.uint8)
    labels = rng.integers(0, 10, (6, RECORDS), dtype=np.uint8)
    names = [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]
    for name, pixels, classes in zip(names, images, labels, strict=True):
        rows = np.concatenate([classes[:, None], pixels.reshape(RECORDS, -1)], axis=1)
        (folder / name).write_bytes(rows.tobytes())
    return images, labels


def test_cifar10_files_of_the_format(tmp_path):
    images, labels = cifar(tmp_path, RNG(1))
    train, test = (read_cifar10(tmp_path, part, RECORDS) for part in ("train", "test"))
    assert np.array_equal(train.images, images[:5].reshape(-1, 3, 32, 32))
    assert np.array_equal(train.labels, labels[:5].ravel())
    assert np.array_equal(test.images, images[5])
    assert np.array_equal(test.labels, labels[5])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-1], "12291 bytes; possible: 12292 (4 records of 3073 bytes)"),
        (lambda data: data + b"\0", "12293 bytes; possible: 12292"),
        (lambda data: data[:3073], "3073 bytes; possible"),
        (lambda data: b"", "0 bytes; possible"),
        (lambda data: b"\x0a" + data[1:], "class 10 of image 8; possible: 0 to 9"),
        (None, "no data_batch_3.bin; possible: the folder cifar-10-batches-bin"),
    ],
)
def test_other_cifar10_files_are_refused(tmp_path, change, message):
    cifar(tmp_path, RNG(1))
    path = tmp_path / "data_batch_3.bin"
    if change:
        path.write_bytes(change(path.read_bytes()))
    else:
        path.unlink()
    with pytest.raises(InputError) as caught:
        read_cifar10(tmp_path, "train", RECORDS)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cifar10_script_refuses_in_one_line(tmp_path):
    cifar(tmp_path, RNG(1))
    command = [sys.executable, EXAMPLES / "cifar10" / "train.py", "--data", tmp_path, "--out", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"{tmp_path / 'data_batch_1.bin'}: 12292 bytes; possible: 30730000 (10000 records of 3073 bytes)\n"
    )


def test_idx_files(tmp_path):
    images, labels = RNG(2).integers(0, 256, (7, 5, 4)), RNG(3).integers(0, 10, 7)
    idx(tmp_path / "t10k-images-idx3-ubyte.gz", images, packed=True)
    idx(tmp_path / "t10k-labels.idx1-ubyte", labels)
    found = read_idx_pair(tmp_path, "test")
    assert np.array_equal(found.images, images[:, None])
    assert np.array_equal(found.labels, labels)
    with pytest.raises(InputError, match=r"no train-images-idx3-ubyte \(plain or \.gz\); possible: a folder"):
        read_idx_pair(tmp_path, "train")
    idx(tmp_path / "t10k-labels.idx1-ubyte", labels[:6])
    with pytest.raises(InputError, match="7 images of t10k, but 6 labels"):
        read_idx_pair(tmp_path, "test")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "starts with nothing"),
        (b"\0\0\x0b\x03" + bytes(12), "starts with 00000b03, not as IDX of bytes with 3 axes"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 2, 3, 4) + bytes(23), "23 bytes of data; its head says 2 x 3 x 4"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 2**31, 2**31, 2**31), "0 bytes of data; its head says 2147483648 x"),
    ],
)
def test_other_idx_files_are_refused(tmp_path, data, message):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_idx_pair(tmp_path, "train")
    (tmp_path / "train-images-idx3-ubyte").unlink()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(100))[:15])
    with pytest.raises(InputError, match="cannot be unpacked"):
        read_idx_pair(tmp_path, "train")


def test_signals_are_what_their_seed_says():
    codes, labels = records(64, 5)
    again, other = records(64, 5), records(64, 6)
    assert (codes.shape, codes.dtype, labels.dtype) == ((64, 2, 128), np.uint8, np.uint8)
    assert np.array_equal(codes, again[0])
    assert np.array_equal(labels, again[1])
    assert not np.array_equal(codes, other[0])
    assert np.bincount(labels).tolist() == [8] * len(MODULATIONS)
    power = np.mean(((codes - 127.5) / 127.5) ** 2, axis=2).sum(1)
    assert np.allclose(np.sqrt(power), 1 / 3, rtol=0.01)  # root mean square of a third of full scale


def test_constant_envelopes_and_constellations():
    rng = RNG(7)
    for name in ("GFSK", "FM"):
        assert np.allclose(np.abs(MODULATIONS[name](3, rng)), 1)
    am = MODULATIONS["AM"](3, rng)
    assert np.allclose(am.imag, 0)
    assert 0.19 < am.real.min() < am.real.max() < 1.81
    bpsk = MODULATIONS["BPSK"](3, rng)
    assert np.abs(bpsk.imag).max() < 1e-12 * np.abs(bpsk.real).max()


def test_shipped_signals_are_those_of_their_seed():
    for name, count, seed in (("test", 2048, 1001), ("calibration", 512, 1002)):
        with np.load(EXAMPLES / "signals" / f"signals_{name}.npz") as held:
            codes, labels = records(count, seed)
            assert np.array_equal(held["labels"], labels)
            assert np.mean(held["images"] != codes) < 1e-4  # the last bit of another processor's sine may differ
