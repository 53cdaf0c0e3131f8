"""Networks as lists of layers: the same numbers as onnxruntime, and every word that is not known is refused."""

import json

import numpy as np
import onnxruntime
import pytest
import tomli_w
from conftest import RNG, complaint

from resonet.core.errors import InputError
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.onnx.external import data_files, model_bytes
from resonet.netlist.network.onnx.kinds import ACTIVATIONS
from resonet.netlist.network.onnx.read import read_cnn

rng = RNG(31)
ARRAYS = {
    "w1": rng.normal(0, 0.4, (4, 1, 3, 3)),
    "b1": rng.normal(0, 0.1, 4),
    "w2": rng.normal(0, 0.3, (4, 2, 3, 3)),
    "s": rng.uniform(0.5, 1.5, 4),
    "o": rng.normal(0, 0.2, 4),
    "w3": rng.normal(0, 0.2, (3, 72)),
}
LAYERS = [
    {"kind": "conv", "weight": "w1", "bias": "b1", "padding": [1, 0, 1, 2], "activation": "relu", "name": "first"},
    {"kind": "conv", "weight": "w2", "groups": 2, "padding": 1},
    {"kind": "batch_norm", "scale": "s", "offset": "o", "mean": "o", "variance": "s", "epsilon": 1e-3},
    {"kind": "add", "inputs": ["first", "l2"], "activation": "relu6"},
    {"kind": "max_pool", "kernel": 2, "name": "pooled"},
    {"kind": "average_pool", "kernel": [3, 3], "stride": 1, "padding": 1, "input": "pooled"},
    {"kind": "concat", "inputs": ["pooled", "l5"]},
    {"kind": "flatten"},
    {"kind": "dense", "weight": "w3"},
    {"kind": "softmax"},
]
SHAPE = (1, 6, 6)
LIST = {"format": 1, "input": [*SHAPE], "layers": LAYERS}


def npz(path, table, arrays):
    np.savez(path, layers=json.dumps(table), **{name: array.astype(np.float32) for name, array in arrays.items()})
    return path


def toml(path, table, arrays):
    np.savez(path.with_suffix(".npz"), **{name: array.astype(np.float32) for name, array in arrays.items()})
    path.write_text(tomli_w.dumps({"arrays": path.with_suffix(".npz").name} | table))
    return path


def onnxruntime_outputs(path, images):
    session = onnxruntime.InferenceSession(model_bytes(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images.astype(np.float32)})[0]


@pytest.mark.parametrize(("write", "name"), [(npz, "net.npz"), (toml, "net.toml")])
def test_a_list_computes_what_onnxruntime_computes(tmp_path, write, name):
    path = write(tmp_path / name, LIST, ARRAYS)
    cnn = read_cnn(path)
    images = rng.uniform(0, 1, (5, *SHAPE))
    outputs = np.exp(propagate(cnn, images))
    assert np.abs(outputs / outputs.sum(1, keepdims=True) - onnxruntime_outputs(path, images)).max() < 1e-6
    assert (cnn.file, cnn.input_shape) == (name, SHAPE)
    assert [str(layer.activation) for layer in cnn.synapses][:2] == ["relu", "clip (0 ... 6)"]
    assert data_files(path) == ((tmp_path / "net.npz",) if write is toml else ())


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_of_a_list(tmp_path, name):
    layers = [{"kind": "dense", "weight": "w", "activation": name}, {"kind": "dense", "weight": "v"}]
    arrays = {"w": rng.normal(0, 3, (6, 4)), "v": rng.normal(0, 1, (2, 6))}
    path = npz(tmp_path / "n.npz", {"format": 1, "input": [4], "layers": layers}, arrays)
    images = rng.uniform(0, 1, (20, 4))
    wanted = onnxruntime_outputs(path, images)
    assert np.abs(propagate(read_cnn(path), images) - wanted).max() < 1e-5 * np.abs(wanted).max()


def test_signals_and_numbers_of_an_activation(tmp_path):
    layers = [
        {"kind": "conv", "weight": "w", "stride": [2], "padding": [2]},
        {"kind": "leaky_relu", "slope": 0.2},
        {"kind": "average_pool", "kernel": [2], "padding": [1], "count_padding": True},
        {"kind": "clip", "low": -0.1, "high": 0.5},
        {"kind": "global_average_pool"},
        {"kind": "flatten"},
        {"kind": "dense", "weight": "v"},
    ]
    arrays = {"w": rng.normal(0, 0.5, (3, 2, 5)), "v": rng.normal(0, 1, (2, 3))}
    path = npz(tmp_path / "n.npz", {"format": 1, "input": [2, 16], "layers": layers}, arrays)
    images = rng.uniform(0, 1, (7, 2, 16))
    wanted = onnxruntime_outputs(path, images)
    assert np.abs(propagate(read_cnn(path), images) - wanted).max() < 1e-5 * np.abs(wanted).max()


def test_the_design_of_a_list_is_read_again(tmp_path):
    path = toml(tmp_path / "net.toml", LIST, ARRAYS)
    design = compile_cnn(path)
    write_design(design, path, tmp_path / "build")
    again = load_design(tmp_path / "build")
    assert again.cnn.sha256 == design.cnn.sha256
    images = rng.uniform(0, 1, (2, *SHAPE))
    assert np.array_equal(propagate(again.cnn, images), propagate(design.cnn, images))


def test_compile_takes_a_list(resonet, tmp_path):
    path = npz(tmp_path / "net.npz", LIST, ARRAYS)
    result = resonet("compile", path, "-o", tmp_path / "build", "--json")
    assert result.code == 0
    assert [layer["name"] for layer in json.loads(result.out)["layers"]] == ["conv1", "conv2", "pool1", "dense1"]
    (tmp_path / "bad.toml").write_text('format = 1\ninput = [4]\narrays = "net.npz"\nlayers = [{kind = "dens"}]\n')
    line = complaint(resonet("compile", tmp_path / "bad.toml", "-o", tmp_path / "other"))
    assert "bad.toml: layers[0] (dens): no such kind; possible: conv, dense" in line


def changed(number, **entries):
    layers = [dict(layer) for layer in LAYERS]
    layers[number] = {key: value for key, value in (layers[number] | entries).items() if value is not None}
    return LIST | {"layers": layers}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (LIST | {"format": 2}, "format = 2; possible: 1"),
        (LIST | {"pixels": "0..1"}, "unknown key 'pixels'; possible: format, input, layers"),
        (LIST | {"input": [1, 6.0, 6]}, "input = [1, 6.0, 6]; possible: [channels, height, width]"),
        (LIST | {"layers": []}, "layers = []; possible: a list of 1 to 5000 tables"),
        (changed(0, strides=2), "layers[0] (conv): unknown key 'strides'; possible: activation, bias,"),
        (changed(0, stride=0), "layers[0] (conv): stride = 0; possible: one whole number from 1 on, or 2"),
        (changed(0, stride=True), "stride = True; possible"),
        (changed(0, padding=[1, 2, 3]), "padding = [1, 2, 3]; possible: one whole number from 0 on, or 2 or 4"),
        (changed(0, weight=None), "layers[0] (conv): no weight; possible: weight = the name of an array"),
        (changed(0, weight="w9"), "no array 'w9' in net.npz; possible: b1, o, s, w1, w2, w3"),
        (changed(0, weight="b1"), "weight 'b1' has the shape [4]; possible: 3 or 4 axes"),
        (changed(0, bias=None), "no layer takes the array b1; possible: only arrays that a layer names"),
        (changed(0, activation="relu7"), "activation = 'relu7'; possible: relu, relu6"),
        (changed(1, name="first"), "layers[1] (conv): name = 'first'; possible: a word that no other layer has"),
        (changed(1, groups=3), "Conv 'l1': has weights [4, 2, 3, 3] in 3 groups for 4 channels"),
        (changed(3, inputs=["first", "later"]), "no layer 'later' before it; possible: image, first, l1, l2"),
        (changed(3, inputs="first"), "inputs = first; possible: the names of two layers or more"),
        (changed(4, kernel=None), "layers[4] (max_pool): no kernel; possible: kernel = 2"),
        (changed(5, input="first", padding=None), "layer 'pooled' leads to nothing"),
    ],
)
def test_what_is_not_known_is_refused(tmp_path, table, message):
    if message.startswith("layer 'pooled'"):
        table = table | {"layers": [entry for n, entry in enumerate(table["layers"]) if n != 6]}
    with pytest.raises(InputError) as caught:
        read_cnn(npz(tmp_path / "net.npz", table, ARRAYS))
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / 'net.npz'}: ")
    assert message in text
    assert "\n" not in text


def test_files_that_are_no_lists_are_refused(tmp_path):
    (tmp_path / "net.npz").write_bytes(b"PK\x03\x04 no")
    np.savez(tmp_path / "bare.npz", w=np.zeros(3))
    np.savez(tmp_path / "text.npz", layers="[1, 2")
    np.savez(tmp_path / "nan.npz", layers=json.dumps(LIST), **ARRAYS | {"w1": np.full((4, 1, 3, 3), np.nan)})
    np.savez(tmp_path / "objects.npz", layers=np.array([LIST], dtype=object))
    (tmp_path / "out.toml").write_text('format = 1\ninput = [4]\narrays = "../net.npz"\nlayers = []\n')
    (tmp_path / "gone.toml").write_text('format = 1\ninput = [4]\narrays = "gone.npz"\nlayers = []\n')
    messages = {
        "net.npz": "net.npz is not a readable .npz file",
        "none.npz": "does not exist; give a list of layers",
        "bare.npz": "holds no text 'layers'; possible: np.savez",
        "text.npz": "its 'layers' is not JSON",
        "nan.npz": "array 'w1' holds float64; possible: finite numbers",
        "objects.npz": "is a pickle",
        "out.toml": "possible: the name of an .npz file in the same folder",
        "gone.toml": "no file gone.npz beside it",
    }
    for name, message in messages.items():
        with pytest.raises(InputError) as caught:
            read_cnn(tmp_path / name)
        assert message in str(caught.value)
