"""Image sets: what is read, and what is refused before it costs memory."""

import io
import re
import resource
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.cosim.weights.inference import accuracy
from resonet.netlist.network.images import read_images

SHAPE = (1, 4, 5)
RNG = np.random.default_rng


@pytest.fixture
def save(tmp_path):
    def write(**arrays):
        np.savez_compressed(tmp_path / "images.npz", **arrays)
        return tmp_path / "images.npz"

    return write


def npy(header: dict, data: bytes, version=(1, 0)) -> bytes:
    """A .npy file with a header of one's own."""
    text = (repr(header) + "\n").encode()
    size = len(text).to_bytes(2 if version == (1, 0) else 4, "little")
    return b"\x93NUMPY" + bytes(version) + size + text + data


def crafted(path, content: bytes, name="images.npy"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return path


def refusal(path, shape=SHAPE) -> str:
    with pytest.raises(InputError) as caught:
        read_images(path, shape)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "possible: " in message
    assert "\n" not in message
    return message


def test_8_bit_images_are_scaled(save):
    pixels = RNG(1).integers(0, 256, (3, *SHAPE), np.uint8)
    found = read_images(save(images=pixels, labels=np.array([2, 0, 1], np.uint8)), SHAPE)
    assert found.file == "images.npz"
    assert found.images.dtype == np.float64
    assert found.images == pytest.approx(pixels / 255, rel=1e-15)
    assert (found.labels.dtype, found.labels.tolist()) == (np.dtype(np.int64), [2, 0, 1])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int16, np.uint16])
def test_other_numbers_are_taken_as_they_are(save, dtype):
    values = RNG(2).integers(-3, 300, (2, *SHAPE)).clip(0 if dtype == np.uint16 else -3).astype(dtype)
    found = read_images(save(images=values), SHAPE)
    assert np.array_equal(found.images, values.astype(float))
    assert found.labels.size == 0


@pytest.mark.parametrize("shape", [(2, 4, 5), (2, 1, 4, 5), (2, 4, 5, 1)])
def test_channel_axis_of_grey_images(save, shape):
    values = RNG(3).uniform(size=shape)
    found = read_images(save(images=values), SHAPE)
    assert np.array_equal(found.images, values.reshape(2, *SHAPE))


def test_vectors(save):
    values = RNG(3).uniform(size=(7, 20))
    assert np.array_equal(read_images(save(images=values), (20,)).images, values)
    assert "do not fit the network" in refusal(save(images=values))


@pytest.mark.parametrize(
    "shape", [(2, 5, 4), (2, 1, 4, 6), (2, 2, 4, 5), (0, 1, 4, 5), (20,), (), (2, 0), (1, 2, 2, 5)]
)
def test_wrong_shapes(save, shape):
    message = refusal(save(images=np.zeros(shape)))
    assert f"images of shape {list(shape)} do not fit the network" in message
    assert "images [n, 1, 4, 5] and labels [n]" in message


def test_channels_last_colour_is_not_taken_for_channels_first(save):
    assert "[2, 4, 5, 3]" in refusal(save(images=np.zeros((2, 4, 5, 3))), (3, 4, 5))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers(save, value):
    values = np.zeros((2, *SHAPE), np.float32)
    values[1, 0, 3, 2] = value
    assert "NaN or infinite pixels" in refusal(save(images=values))


@pytest.mark.parametrize("array", [np.array(["a", "b"]), np.zeros((2, *SHAPE), complex), np.zeros((2, *SHAPE), bool)])
def test_images_of_other_types(save, array):
    assert f"images of {array.dtype}" in refusal(save(images=array))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros(3, int), "labels of shape [3] for 2 images"),
        (np.zeros((2, 1), int), "labels of shape [2, 1] for 2 images"),
        (np.array([0.5, 1.0]), "label 0 is 0.5; possible: whole numbers"),
    ],
)
def test_wrong_labels(save, labels, words):
    assert words in refusal(save(images=np.zeros((2, *SHAPE)), labels=labels))


@pytest.mark.parametrize("labels", [[1, 2, 3], [-1, 0, 1]])
def test_labels_that_are_no_classes(small_design, small_images, save, labels):
    data = read_images(save(images=small_images[:3], labels=np.array(labels)), (1, 8, 8))
    wanted = re.escape(f"images.npz: labels {labels[0]} ... {labels[-1]}; possible: 0 ... 2")
    with pytest.raises(InputError, match=wanted):
        accuracy(small_design, {}, data)


def test_pickles_are_refused(save, tmp_path):
    class Trap:
        def __reduce__(self):
            return (print, ("pwned",))

    content = io.BytesIO()
    np.save(content, np.array([Trap()] * 2, dtype=object), allow_pickle=True)
    assert "pickle" in refusal(crafted(tmp_path / "a.npz", content.getvalue()))
    good = io.BytesIO()
    np.save(good, np.zeros((2, *SHAPE)))
    path = crafted(tmp_path / "b.npz", good.getvalue())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.npy", content.getvalue())
    assert "pickle" in refusal(path)


@pytest.mark.parametrize("shape", [(10**12, 1, 4, 5), (2**62, 2**62), (2**70,), (6_000_001, 1, 4, 5)])
def test_huge_declared_arrays_are_refused_before_they_are_allocated(tmp_path, shape):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for dtype in ("<f8", "|u1"):
        header = {"descr": dtype, "fortran_order": False, "shape": shape}
        assert "values, more than 120,000,000" in refusal(crafted(tmp_path / "a.npz", npy(header, b"\0" * 80)))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


def test_an_array_that_is_shorter_or_longer_than_its_header_says(tmp_path):
    header = {"descr": "<f8", "fortran_order": False, "shape": (2, *SHAPE)}
    for size in (0, 8, 319, 321, 640):
        message = refusal(crafted(tmp_path / "a.npz", npy(header, b"\0" * size)))
        assert f"holds {size} bytes where its header says 320" in message
    assert read_images(crafted(tmp_path / "a.npz", npy(header, b"\0" * 320)), SHAPE).images.shape == (2, *SHAPE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"hello, this is text",
        npy({"descr": "<f8", "shape": (2,)}, b""),
        npy({"descr": "nonsense", "fortran_order": False, "shape": (2,)}, b""),
        npy({"descr": "<f8", "fortran_order": False, "shape": (-2,)}, b""),
        npy({"descr": "<f8", "fortran_order": False, "shape": "no"}, b""),
        npy({"descr": "<f8", "fortran_order": False, "shape": (2, *SHAPE)}, b"\0" * 320, (9, 0)),
        b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535,
        b"\x93NUMPY\x01\x00\x40\x00" + b"__import__('os').system('touch pwned')".ljust(64),
    ],
)
def test_damaged_arrays(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    assert "not a readable image set" in refusal(crafted(tmp_path / "a.npz", content))
    assert not (tmp_path / "pwned").exists()


def test_files_that_are_no_archives(tmp_path, save):
    path = tmp_path / "a.npz"
    assert "no such file" in refusal(path)
    path.mkdir()
    assert "not a readable image set" in refusal(path)
    path.rmdir()
    for content in (b"", b"\x89PNG\r\n", b"images,labels\n1,2\n"):
        path.write_bytes(content)
        assert "File is not a zip file" in refusal(path)
    whole = save(images=RNG(4).uniform(size=(9, *SHAPE))).read_bytes()
    for size in range(1, len(whole), 37):
        path.write_bytes(whole[:size])
        refusal(path)


def test_flipped_bytes_never_give_another_error(tmp_path, save):
    whole = bytearray(save(images=RNG(4).uniform(size=(3, *SHAPE)), labels=np.arange(3)).read_bytes())
    path = tmp_path / "a.npz"
    for place in range(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        with suppress(InputError):
            assert read_images(path, SHAPE).images.shape == (3, *SHAPE)


def test_other_names(save):
    assert "no array 'images', found 'x', 'y'" in refusal(save(x=np.zeros(2), y=np.zeros(2)))
    assert "found 'arr_0'" in refusal(save(arr_0=np.zeros(2)))
