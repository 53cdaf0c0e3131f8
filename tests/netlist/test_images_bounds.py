"""Archives that hold more than they weigh: refused by what their header says, before anything is unpacked."""

import io
import resource
import zipfile

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.netlist.network.images import MOST_VALUES, read_images


def archive(path, header: bytes, body: int, name: str = "images.npy"):
    """An archive of one array: its header, and `body` zero bytes of data."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file, file.open(name, "w") as entry:
        entry.write(header)
        for start in range(0, body, 1 << 24):
            entry.write(bytes(min(1 << 24, body - start)))
    return path


def header(shape, dtype: str) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize(
    ("shape", "dtype", "body", "words"),
    [
        ((MOST_VALUES // 64 + 1, 1, 8, 8), "|u1", MOST_VALUES + 64, "more than 120,000,000"),
        ((10**9, 1, 8, 8), "|u1", 100, "more than 120,000,000"),
        ((10**30, 1, 8, 8), "|u1", 100, "more than 120,000,000"),
        ((5, 1, 8, 8), "|u1", 1 << 26, "holds 67,108,864 bytes where its header says 320"),
        ((-5, 1, 8, -8), "|u1", 320, "images of shape|header says|not a readable"),
        ((5, 1, 8, 8), "<U100000", 5 * 64 * 400_000, "more than 960,000,000|numbers"),
    ],
)
def test_bombs_are_refused_before_they_are_unpacked(tmp_path, shape, dtype, body, words):
    path = archive(tmp_path / "x.npz", header(shape, dtype), body)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=words):
        read_images(path, (1, 8, 8))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KB; 4.6 GB before


def test_a_header_of_brackets(tmp_path):
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': " + b"(" * 9000 + b"}"
    path = archive(tmp_path / "x.npz", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text, 10)
    with pytest.raises(InputError, match="not a readable image set"):
        read_images(path, (1, 8, 8))
