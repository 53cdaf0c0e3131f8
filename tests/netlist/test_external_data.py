"""Weights in a file beside the model: read where they are what the model says they are, and no other file is."""

import os

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import save_model, small_nodes, small_weights
from test_read_cnn import forward, refused

from resonet.api.replay import dependencies
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.network.onnx.read import read_cnn


@pytest.fixture
def pair(tmp_path):
    """A model and its data file, and the same as one file."""
    whole = save_model(tmp_path / "whole.onnx", small_nodes(), small_weights(), (1, 8, 8), "y")
    path = tmp_path / "m" / "m.onnx"
    path.parent.mkdir()
    onnx.save(onnx.load(whole), path, save_as_external_data=True, location="m.onnx.data", size_threshold=0)
    return path, whole


def edit(path, change):
    """Change the first weight of a model that has its data elsewhere."""
    model = onnx.load(path, load_external_data=False)
    change(model.graph.initializer[0])
    path.write_bytes(model.SerializeToString())
    return path


def entry(name, value):
    def change(weight):
        for one in weight.external_data:
            if one.key == name:
                one.value = str(value)

    return change


def test_second_file_is_read(pair):
    path, whole = pair
    cnn, same = read_cnn(path), read_cnn(whole)
    for layer, other in zip(cnn.synapses, same.synapses, strict=True):
        np.testing.assert_array_equal(layer.weight, other.weight)
        np.testing.assert_array_equal(layer.bias, other.bias)
    x = np.random.default_rng(3).normal(size=(2, 1, 8, 8)).astype(np.float32)
    [expected] = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": x})
    np.testing.assert_allclose(forward(cnn, x.astype(float)), expected, atol=1e-5)


def test_design_is_self_contained(pair, tmp_path):
    path, _ = pair
    design = compile_cnn(path)
    write_design(design, path, tmp_path / "build")
    (path.parent / "m.onnx.data").unlink()
    loaded = load_design(tmp_path / "build")
    assert loaded.cnn.sha256 == design.cnn.sha256
    np.testing.assert_array_equal(loaded.cnn.synapses[0].weight, design.cnn.synapses[0].weight)


def test_hash_covers_both_files(pair):
    path, _ = pair
    before, known = read_cnn(path).sha256, dependencies(["plan", str(path)], path.parent)
    data = path.parent / "m.onnx.data"
    held = bytearray(data.read_bytes())
    held[1] ^= 1
    data.write_bytes(held)
    assert read_cnn(path).sha256 != before
    now = dependencies(["plan", str(path)], path.parent)
    assert [name for name in known if known[name] != now[name]] == [str(data)]


@pytest.mark.parametrize(
    "location", ["/etc/passwd", "../m.onnx.data", "sub/m.onnx.data", r"..\m.onnx.data", "..", ".", "c:m.data"]
)
def test_no_other_folder(pair, location):
    refused(edit(pair[0], entry("location", location)), "weight 'w1'", "by its name alone")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("location", "other.data", ["'other.data'", "not beside the model"]),
        ("location", "\n", ["by its name alone"]),
        ("offset", -1, ["offset '-1'", "whole number"]),
        ("offset", 10**6, ["which has", "not the file that belongs"]),
        ("length", 10**6, ["which has", "not the file that belongs"]),
        ("length", 72, ["holds 18 values", "needs 36"]),
        ("length", "1e3", ["length '1e3'"]),
    ],
)
def test_places_are_checked(pair, name, value, words):
    refused(edit(pair[0], entry(name, value)), "weight 'w1'", *words)


def test_missing_entries(pair):
    refused(edit(pair[0], lambda weight: weight.external_data.clear()), "weight 'w1'", "does not say which")


def test_cut_off_data(pair):
    data = pair[0].parent / "m.onnx.data"
    data.write_bytes(data.read_bytes()[:40])
    refused(pair[0], "'m.onnx.data'", "which has 40", "cut off")


def test_links(pair, tmp_path):
    path, _ = pair
    data = path.parent / "m.onnx.data"
    data.rename(path.parent / "inside")
    data.symlink_to("inside")
    read_cnn(path)
    data.unlink()
    (path.parent / "inside").rename(tmp_path / "outside")
    data.symlink_to(tmp_path / "outside")
    refused(path, "a link out of the model's folder")
    data.unlink()
    os.mkfifo(data)
    refused(path, "not a regular file")
    data.unlink()
    data.mkdir()
    refused(path, "not a regular file")


def test_repeated_data_is_bounded(pair, monkeypatch):
    """A small file that names the same bytes many times does not fill the memory."""
    monkeypatch.setattr("resonet.netlist.network.onnx.external.MAX_FILE", pair[0].stat().st_size + 300)
    refused(pair[0], "GiB with all its weights")
