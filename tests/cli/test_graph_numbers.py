"""Numbers of every command on small networks with branches, against onnxruntime and second engines."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import RNG, SAME, add_output, complaint, node, save_model
from onnx import helper

from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.netlist.design.folder import load_design
from resonet.netlist.network.cnn import patches

SHAPE, IMAGES = (1, 4, 4), 40
rng = RNG(3)
WEIGHTS = {
    "c": rng.normal(0, 0.4, (2, 1, 3, 3)),
    "b": rng.normal(0.2, 0.1, 2),
    "d": rng.normal(0, 0.4, (2, 2, 3, 3)),
    "e": rng.normal(0, 0.4, (2, 2, 1, 1)),
    "g": rng.normal(0, 0.5, (2, 1, 3, 3)),
    "h": rng.normal(0, 0.5, (1, 1, 1, 1)),
    "k": rng.normal(0, 0.5, (1, 1, 3, 3)),
    "w": rng.normal(0, 0.4, (8, 3)),
    "v": rng.normal(0, 0.4, (16, 3)),
    "u": rng.normal(0, 0.004, (2, 2)),
    "low": np.array(0.0),
    "high": np.array(0.4),
}


FIRST = [node("Conv x c b -> a0"), node("Relu a0 -> a")]  # 2 x 2 x 2
LAST = [node("Flatten s -> f"), node("Gemm f w -> y")]
NETS = {
    "added": [*FIRST, node("Conv a d -> d0", **SAME), node("Add d0 a -> t"), node("Relu t -> s"), *LAST],
    "subtracted": [
        *FIRST, node("Conv a e -> d0"), node("Sub a d0 -> t"), node("Conv a d -> d1", **SAME), node("Sum t d1 a -> t1"),
        node("Relu t1 -> s"), *LAST,
    ],
    "joined": [
        *FIRST, node("Conv a d -> d0", **SAME), node("LeakyRelu d0 -> d1", alpha=0.1),
        node("Concat a d1 -> s", axis=1), node("Flatten s -> f"), node("Gemm f v -> y"),
    ],
    "split": [
        *FIRST, node("Split a -> p q", axis=1), node("Conv p h -> p0"), node("Conv q k -> q0", **SAME),
        node("Relu q0 -> q1"), node("Concat p0 q1 -> s", axis=1), *LAST,
    ],
    "heads": [
        *FIRST, node("Conv a d -> d0", **SAME), node("Relu d0 -> s"), *LAST, node("GlobalAveragePool a -> m"),
        node("Flatten m -> m1"), node("Gemm m1 u -> z"),
    ],
    "depthwise": [
        *FIRST, node("Conv a g -> d0", group=2, **SAME), node("Clip d0 low high -> d1"), node("Conv d1 e -> e0"),
        node("Relu e0 -> s"), *LAST,
    ],
}  # fmt: skip
SETTINGS = ("plan.f_min=2 GHz", "plan.f_max=5.2 GHz", "plan.tile=12", "neuron.p1db=1 W")


def save(path, name):
    used = {taken for item in NETS[name] for taken in item.input}
    save_model(path, NETS[name], {w: values for w, values in WEIGHTS.items() if w in used}, SHAPE, "y", opset=13)
    if name == "heads":
        add_output(path, "z")
    return path


def software(model, images):
    """Outputs side by side, of onnxruntime."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.concatenate(session.run(None, {"x": images}), axis=1)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Of each network a calibrated design, its labelled images and onnxruntime's outputs."""
    from resonet.netlist.design.design import compile_cnn
    from resonet.netlist.design.folder import write_design
    from resonet.netlist.design.parameters import read_parameters
    from resonet.netlist.network.images import read_images

    found = {}

    def build(name):
        if name not in found:
            place = tmp_path_factory.mktemp(name)
            model, data = save(place / "net.onnx", name), place / "images.npz"
            images = RNG(5).uniform(0, 1, (IMAGES, *SHAPE)).astype(np.float32)
            wanted = software(model, images)
            np.savez(data, images=images, labels=wanted[:, :3].argmax(1))
            made = read_parameters(settings=SETTINGS)
            write_design(compile_cnn(model, made, calibration=read_images(data, SHAPE)), model, place / "build")
            found[name] = place / "build", data, wanted
        return found[name]

    return build


@pytest.fixture(params=NETS)
def net(request, built, resonet):
    folder, data, wanted = built(request.param)
    if not (folder / "calibrated.npz").exists():
        assert resonet("calibrate", folder, "--engine", "linear", "--json").code == 0
    return folder, data, wanted


def some(*names):
    """These networks in every run; the others, whose accuracy is proved in every run, in `make nightly`."""
    return pytest.mark.parametrize(
        "net", [n if n in names else pytest.param(n, marks=pytest.mark.nightly) for n in NETS], indirect=True
    )


@pytest.fixture
def told(resonet):
    """What a command says in --json."""

    def ask(*arguments):
        done = resonet(*arguments, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    return ask


def test_accuracy_is_that_of_onnxruntime(net, told):
    folder, data, _ = net
    found = told("accuracy", folder, "--data", data, "--engine", "linear")
    assert found["accuracy"]["software"] == 1
    assert found["accuracy"]["circuit_calibrated"] == 1
    assert found["accuracy"]["logit_max_calibrated"] < 1e-6
    assert not any(found["clipped_by_program"]["calibrated"].values())


HELD = {
    "depthwise": {"conv1": "c", "conv2": "g", "conv3": "e", "dense1": "w"},
    "heads": {"conv1": "c", "conv2": "d", "dense1": "w", "dense2": "u"},
}


@pytest.mark.parametrize("name", HELD)
def test_accuracy_of_wrong_weights_is_that_of_onnxruntime_with_them(built, told, tmp_path, name):
    folder, data, wanted = built(name)
    found = told("accuracy", folder, "--data", data, "--engine", "linear", "--program", "formula")
    design, model = load_design(folder), onnx.load(folder / "model.onnx")
    for layer, weight in HELD[name].items():
        (initializer,) = (one for one in model.graph.initializer if one.name == weight)
        values = effective_weights(design, layer, "formula", engine=linear).values
        shape = tuple(initializer.dims)
        values = values.reshape(shape) if len(shape) > 2 else values.reshape(shape[::-1]).T
        initializer.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float32), weight))
    for mean in (one for one in model.graph.node if one.op_type == "GlobalAveragePool"):
        values = effective_weights(design, "pool1", "formula", engine=linear).values.reshape(2, 1, 2, 2)
        model.graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float32), "mean"))
        mean.CopyFrom(helper.make_node("Conv", [mean.input[0], "mean"], list(mean.output), group=2))
    onnx.save(model, tmp_path / "held.onnx")
    off = software(tmp_path / "held.onnx", np.load(data)["images"]) - wanted
    assert found["accuracy"]["logit_max_formula"] == pytest.approx(np.abs(off).max() / np.abs(wanted).max(), rel=1e-4)
    heads = found["heads"]["formula"]
    assert list(heads) == (["y", "z"] if name == "heads" else [])
    for head, part in zip(heads, (slice(0, 3), slice(3, None)), strict=False):
        rms = np.sqrt(np.mean(off[:, part] ** 2)) / np.abs(wanted[:, part]).max()
        assert heads[head]["rms"] == pytest.approx(rms, rel=1e-3)


# test_cascade_graph has the two passes of random graphs, and envelopes against them; test_read_graphs these commands on
# sums and joined signals at once.
@pytest.mark.slow
@some("added", "heads")
def test_run_and_levels(net, told):
    folder, data, wanted = net
    run = told("run", folder, "--data", data, "--image", "2")
    scale = float(np.abs(wanted).max())
    for engine in ("software", "two-pass", "envelope"):
        assert run["logits"][engine] == pytest.approx(wanted[2], abs=(1e-6 if engine == "software" else 3e-3) * scale)
    assert run["logits"]["envelope"] == pytest.approx(run["logits"]["two-pass"], abs=1e-3 * scale)
    energy = run["energy"]
    # all that is on: RF of what no neuron makes, and the supplies
    drawn = sum(s["pixels"] + s["drive"] + s["read"] + s["amplifiers"] + s["maxima"] for s in energy["stages"])
    assert energy["total"] == pytest.approx(drawn, rel=1e-12)
    assert not run["unsettled"]
    assert told("levels", folder, "--data", data)["faults"] == []


@pytest.mark.slow
@some("added", "heads")
def test_sweep_and_quantise_agree_with_the_weights(net, told):
    folder, data, _ = net
    design = load_design(folder)
    point = told("sweep", folder, "--over", "device.damping=0.01:0.012:2", "--program", "coupled")["points"][0]
    for entry in design.plan.layers:
        held = effective_weights(design, entry.layer.name, "coupled", engine=linear)
        full = np.abs(held.trained).max()
        error = point["rms_error"]["coupled"][entry.layer.name]
        assert error == pytest.approx(
            np.sqrt(np.mean((held.values - held.trained)[held.trained != 0] ** 2)) / full, rel=1e-3, abs=1e-9
        )
    found = {bits: told("quantise", folder, "--bits", bits, "--data", data)["points"][0] for bits in ("6", "10")}
    assert found["10"]["accuracy"] == 1
    assert found["10"]["rms_nearest"] < 2 * found["6"]["rms_nearest"] / 2**4  # half a step of the currents, at most


@some("added", "heads", "depthwise")
def test_layouts_have_the_taps_that_lie_in_the_image(net, told):
    folder, _, _ = net
    design, rows = load_design(folder), told("layout", folder)["layouts"]
    layers = {entry.layer.name: entry.layer for entry in design.plan.layers}
    assert {row["layer"] for row in rows} <= set(layers)
    for row in rows:
        layer = layers[row["layer"]]
        inside = patches(np.ones_like(layer.no_input), layer)[:, 0]  # [groups, positions, taps]
        assert row["resonators"] == np.einsum("gpt,got->", inside, layer.wired.astype(float))


CHOSEN = {
    "added": "conv2",
    "subtracted": "conv2",
    "joined": "conv2",
    "split": "conv3",
    "heads": "dense2",
    "depthwise": "conv2",
}


@pytest.mark.slow
@some("added", "heads")
def test_one_chain_in_all_engines(net, told):
    """In time against the two passes; S-parameters against power and reciprocity; sneak paths."""
    folder, _, _ = net
    layer = CHOSEN[folder.parent.name.rstrip("0123456789")]
    assert abs(told("transient", folder, "--layer", layer)["difference_of_full_scale"]) < 2e-3
    seen = told("sparams", folder, "--layer", layer)["channels"]
    again = told("sparams", folder, "--layer", layer, "--engine", "linear")["channels"]
    assert len(seen) == len(again) > 0
    for one, other in zip(seen, again, strict=True):
        assert 10 ** (one["s21_db"] / 10) + 10 ** (one["s11_db"] / 10) <= 1 + 1e-9
        assert one["s21_db"] == pytest.approx(other["s21_db"], abs=1e-4)
    assert told("sneak", folder, "--layer", layer)["causes"]


@some("added", "heads", "depthwise")
def test_shared_tuning(net, resonet):
    """One current for each kernel weight, of sums too."""
    folder, _, _ = net
    layers = {entry.layer.name: entry.layer for entry in load_design(folder).plan.layers}
    for name, layer in layers.items():
        done = resonet("share", folder, "--layer", name, "--spread", "0.01", "--json")
        if layer.positions > 1:
            (result, *_) = json.loads(done.out)["results"]
            assert result["resonators"] == layer.positions * layer.wired.sum()


def test_what_is_cut_off_and_what_each_output_is_off_by_is_told(built, resonet, tmp_path):
    folder, data, _ = built("heads")
    with np.load(data) as arrays:
        brighter = arrays["images"].copy()
        brighter[0, 0, 0, 0] = 40.0
        np.savez(tmp_path / "bright.npz", images=brighter, labels=arrays["labels"])
    words = ("accuracy", folder, "--data", tmp_path / "bright.npz", "--engine", "linear", "--program", "coupled")
    found = json.loads(resonet(*words, "--json").out)
    assert found["clipped"]["conv1"] == pytest.approx(1 / (IMAGES * 16), rel=1e-9)
    told = resonet(*words).out
    assert f"inputs of {IMAGES} images beyond what the tones carry, cut off" in told
    assert "each output, part of its own largest value; the first tells the class" in told
    rows = [line.split()[:2] for line in told.splitlines()]
    assert [row for row in rows if row[1:] == ["coupled"] and row[0] in "yz"] == [["y", "coupled"], ["z", "coupled"]]


def test_a_layer_of_zeros_is_told_and_measured(resonet, tmp_path):
    """x - x: a bus of one resonator whose weight is zero, so that engines differ by rounding alone."""
    nodes = [*FIRST, node("Sub a a -> s"), *LAST]
    weights = {name: WEIGHTS[name] for name in ("c", "b", "w")}
    model, folder = save_model(tmp_path / "zero.onnx", nodes, weights, SHAPE, "y"), tmp_path / "build"
    np.savez(tmp_path / "images.npz", images=RNG(5).uniform(0, 1, (9, *SHAPE)), labels=np.zeros(9, int))
    done = resonet("compile", model, "-o", folder, "--calibration", tmp_path / "images.npz")
    assert (done.code, done.err) == (0, "")
    assert "layer scale1: all its weights are zero" in done.out
    assert "times less" not in done.out
    rows = json.loads(resonet("crosstalk", folder, "--layer", "scale1", "--program", "coupled", "--json").out)["layers"]
    assert rows[0]["rms_error_coupled"] < 1e-6
    assert "layer dense1: no tone above zero" in complaint(resonet("levels", folder, "--data", tmp_path / "images.npz"))
