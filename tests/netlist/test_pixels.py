"""Pixels: the scale between what a file holds and what a network takes belongs to the network."""

import numpy as np
import pytest
from conftest import RNG, save_model, small_nodes, small_weights
from onnx import TensorProto, helper

from resonet.core.errors import InputError
from resonet.core.validity import collected
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.network.chance import chance, check_chance
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.images import read_images
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.network.pixels import Pixels

SHAPE = (1, 8, 8)
BYTES = RNG(3).integers(0, 256, (60, *SHAPE)).astype(np.uint8)
BYTES[0, 0, 0, 0] = 255
FORMS = {  # the same pictures as people store them
    "uint8": BYTES,
    "int64": BYTES.astype(np.int64),
    "float32 of 0 ... 255": BYTES.astype(np.float32),
    "float64 of 0 ... 1": BYTES / 255,
}


def nodes_behind(*first):
    """The small network behind other operators on its input."""
    small = small_nodes()
    small[0] = helper.make_node("Conv", ["scaled", "w1", "b1"], ["c"], strides=[2, 2], name="first")
    return [*first, *small]


def scaled_model(folder, *first, byte=False, **constants):
    given = small_weights() | {name: np.asarray(value, np.float32) for name, value in constants.items()}
    path = save_model(folder / "scaled.onnx", nodes_behind(*first), given, SHAPE, "y")
    if byte:
        import onnx

        model = onnx.load(path)
        model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
        onnx.save(model, path)
    return path


def node(op, a, b, out):
    return helper.make_node(op, [a, b], [out])


STARTS = {
    "Cast of UINT8, Div": (
        [helper.make_node("Cast", ["x"], ["g"], to=TensorProto.FLOAT), node("Div", "g", "d", "scaled")],
        {"d": 255.0},
        True,
        "0..255",
    ),
    "Mul": ([node("Mul", "x", "m", "scaled")], {"m": 1 / 255}, False, "0..255"),
    "Div, Sub": (
        [node("Div", "x", "d", "a"), node("Sub", "a", "s", "scaled")],
        {"d": 127.5, "s": 1.0},
        False,
        "0..255",
    ),
    "Sub, Div of bytes": (
        [node("Sub", "x", "s", "a"), node("Div", "a", "d", "scaled")],
        {"s": 33.3, "d": 78.6},
        False,
        "0..255",
    ),
    "Mul, Div": (
        [node("Mul", "x", "m", "a"), node("Div", "a", "d", "scaled")],
        {"m": 2.0, "d": 255.0},
        False,
        "0..255",
    ),
    "Sub of bytes alone": ([node("Sub", "x", "s", "scaled")], {"s": 127.0}, False, "0..255"),
    "Sub, Div of 0 ... 1": (
        [node("Sub", "x", "s", "a"), node("Div", "a", "d", "scaled")],
        {"s": 0.1307, "d": 0.3081},
        False,
        "0..1",
    ),
}


@pytest.mark.parametrize("start", STARTS)
def test_the_graph_says_what_it_takes(tmp_path, start):
    first, constants, byte, wanted = STARTS[start]
    cnn = read_cnn(scaled_model(tmp_path, *first, byte=byte, **constants))
    assert cnn.pixels is not None
    assert str(cnn.pixels) == wanted


@pytest.mark.parametrize("start", ["Cast of UINT8, Div", "Mul", "Sub, Div of 0 ... 1"])
def test_every_form_of_the_same_pictures_gives_the_same(tmp_path, start):
    import onnxruntime

    first, constants, byte, wanted = STARTS[start]
    path = scaled_model(tmp_path, *first, byte=byte, **constants)
    cnn = read_cnn(path)
    taken = BYTES if byte else (BYTES / (255 if wanted == "0..1" else 1)).astype(np.float32)
    truth = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": taken})[0]
    for form, images in FORMS.items():
        np.savez(tmp_path / "images.npz", images=images)
        found = propagate(cnn, read_images(tmp_path / "images.npz", SHAPE, cnn.pixels).images)
        assert found == pytest.approx(truth, abs=1e-5 * float(np.abs(truth).max())), form


def test_a_network_that_says_nothing_takes_0_to_1(tmp_path, small_model):
    assert read_cnn(small_model).pixels is None
    for form, images in FORMS.items():
        np.savez(tmp_path / "images.npz", images=images)
        assert read_images(tmp_path / "images.npz", SHAPE).images == pytest.approx(BYTES / 255, abs=1e-7), form


def test_numbers_made_for_the_network_are_taken_as_they_stand(tmp_path, small_model):
    prepared = (BYTES / 255 - 0.1307) / 0.3081
    np.savez(tmp_path / "prepared.npz", images=prepared)
    images = read_images(tmp_path / "prepared.npz", SHAPE)
    assert np.array_equal(images.images, prepared)
    design = compile_cnn(small_model, calibration=images)
    write_design(design, small_model, tmp_path / "build")
    again = load_design(tmp_path / "build")
    assert again.pixels == design.pixels
    assert np.array_equal(again.images(tmp_path / "prepared.npz").images, prepared)
    np.savez(tmp_path / "bytes.npz", images=BYTES)
    with pytest.raises(InputError, match=r"bytes\.npz: pixels of 0 \.\.\. 255, but .*possible: .*--pixels MEAN/STD"):
        again.images(tmp_path / "bytes.npz")


def test_mean_and_standard_deviation(tmp_path, small_model):
    pixels = Pixels.parse("0.1307/0.3081", "--pixels")
    assert pixels.range == pytest.approx((-0.1307 / 0.3081, (1 - 0.1307) / 0.3081), rel=1e-12)
    for form, images in FORMS.items():
        np.savez(tmp_path / "images.npz", images=images)
        found = read_images(tmp_path / "images.npz", SHAPE, pixels).images
        assert found == pytest.approx((BYTES / 255 - 0.1307) / 0.3081, abs=1e-6), form
    design = compile_cnn(small_model, pixels=pixels)
    write_design(design, small_model, tmp_path / "build")
    assert load_design(tmp_path / "build").pixels == pixels
    assert design.scales["conv1"].offset == pytest.approx(0.1307 / 0.3081, rel=1e-12)


def test_a_number_a_channel(tmp_path):
    colours = RNG(1).integers(0, 256, (5, 3, 2, 2)).astype(np.uint8)
    np.savez(tmp_path / "images.npz", images=colours)
    pixels = Pixels.parse("0.1,0.2,0.3/0.5,0.25,1")
    found = read_images(tmp_path / "images.npz", (3, 2, 2), pixels).images
    column = np.array([0.1, 0.2, 0.3])[:, None, None], np.array([0.5, 0.25, 1])[:, None, None]
    assert found == pytest.approx((colours / 255 - column[0]) / column[1], abs=1e-12)
    np.savez(tmp_path / "grey.npz", images=BYTES)
    with pytest.raises(InputError, match=r"grey\.npz: 1 channels, pixels .* have 3"):
        read_images(tmp_path / "grey.npz", SHAPE, pixels)


@pytest.mark.parametrize(
    "text",
    ["", "0..2", "1/0", "1/-1", "nan/1", "1,2/3", "1/2/3", "0,5", "x", "1e400/1", "1" * 5000, "０.５/1"],
)
def test_other_pixels_are_refused(text):
    with pytest.raises(InputError, match=r"pixels .*; possible: 0\.\.1"):
        Pixels.parse(text)


@pytest.mark.parametrize("text", ["0..1", "0..255", "file", "0.1307/0.3081", "0.1,0.2,0.3/1.0,2.0,3.0"])
def test_pixels_round_trip(text):
    assert str(Pixels.parse(text)) == text


def test_chance():
    labels = np.repeat(np.arange(10), 100)
    assert chance(labels) == pytest.approx(0.1 + 3 * np.sqrt(0.09 / 1000), rel=1e-12)
    assert chance(labels[::100]) == pytest.approx(0.1 + 0.3 * 0.9, rel=1e-12)  # few images: no scatter hides knowledge


def test_a_network_that_guesses_is_told_with_what_would_do(tmp_path):
    path = scaled_model(tmp_path, node("Mul", "x", "m", "scaled"), m=1.0)
    cnn = read_cnn(path)
    labels = propagate(cnn, 255 * (BYTES / 255)).argmax(1)  # it was trained on 0 ... 255
    labels[:2] = (labels[:2] + 1) % 3
    np.savez(tmp_path / "images.npz", images=BYTES, labels=labels)
    wrong = read_images(tmp_path / "images.npz", SHAPE, Pixels.parse("0.5/0.01"))
    with collected() as warnings:
        tried = check_chance(cnn, tmp_path / "images.npz", wrong, propagate(cnn, wrong.images))
    assert tried["0..255"] == pytest.approx(58 / 60)
    assert [warned.code for warned in warnings] == ["chance-accuracy"]
    assert "96.7 % with --pixels 0..255" in warnings[0].text
    right = read_images(tmp_path / "images.npz", SHAPE, Pixels.parse("0..255"))
    with collected() as warnings:
        assert check_chance(cnn, tmp_path / "images.npz", right, propagate(cnn, right.images)) == {}
    assert warnings == []
