"""Networks with branches out of ONNX files: what becomes of sums, concatenations, splits and heads."""

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import RNG, SAME, node, save_model
from onnx import TensorProto, helper

from resonet.core.errors import InputError
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import find_engine
from resonet.cosim.weights.inference import accuracy, forward
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.network.cnn import IMAGE, Synapses, Wiring
from resonet.netlist.network.forward import propagate, software_layer
from resonet.netlist.network.images import ImageSet
from resonet.netlist.network.onnx.read import read_cnn

SHAPE = (3, 6, 6)
rng = RNG(15)
WEIGHTS = {
    "c": rng.normal(0, 0.4, (4, 3, 3, 3)),
    "b": rng.normal(0, 0.1, 4),
    "d": rng.normal(0, 0.3, (4, 4, 3, 3)),
    "e": rng.normal(0, 0.3, (4, 4, 3, 3)),
    "p": rng.normal(0, 0.5, (4, 3, 1, 1)),
    "g": rng.normal(0, 0.5, (4, 1, 3, 3)),
    "w": rng.normal(0, 0.2, (144, 3)),
    "w2": rng.normal(0, 0.2, (288, 3)),
    "scale": rng.uniform(0.5, 1.5, 4),
    "mean": rng.normal(0, 0.2, 4),
    "var": rng.uniform(0.5, 1.5, 4),
    "pixel": np.full((1, 1, 1), 0.7),
}


FIRST = [node("Conv x c b -> a0", **SAME), node("Relu a0 -> a")]
LAST = [node("Flatten s -> f"), node("Gemm f w -> y")]
WIDE = [node("Flatten s -> f"), node("Gemm f w2 -> y")]


def read(tmp_path, *nodes, out="y", **arrays):
    """Read a network and hold it against onnxruntime."""
    path = save_model(tmp_path / "m.onnx", [*nodes], WEIGHTS | arrays, SHAPE, out)
    cnn = read_cnn(path)
    images = rng.uniform(0, 1, (3, *SHAPE)).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    [wanted] = session.run(None, {"x": images})
    found = propagate(cnn, images)
    assert np.abs(found - wanted.reshape(3, -1)).max() < 1e-5 * np.abs(wanted).max()
    return cnn


def kinds(cnn):
    return [(layer.name, len(layer.addends) if isinstance(layer, Synapses) else 0) for layer in cnn.layers]


# name: nodes between `a` (the rectified first convolution) and `s`, layers with their addends, sources.
SUMS = {
    "residual": (
        [node("Conv a d -> d0", **SAME), node("Add d0 a -> t"), node("Relu t -> s")],
        [("conv1", 0), ("conv2", 1), ("dense1", 0)],
        ((IMAGE,), (0, 0), (1,)),
    ),
    "difference, identity first": (
        [node("Conv a d -> d0", **SAME), node("Sub a d0 -> t"), node("Relu t -> s")],
        [("conv1", 0), ("conv2", 1), ("dense1", 0)],
        ((IMAGE,), (0, 0), (1,)),
    ),
    "projection with batch normalisation": (
        [
            node("Conv x p -> p0"),
            node("BatchNormalization p0 scale b mean var -> p1"),
            node("Conv a d -> d0", **SAME),
            node("BatchNormalization d0 scale b mean var -> d1"),
            node("Add p1 d1 -> t"),
            node("BatchNormalization t scale b mean var -> u"),
            node("Relu u -> s"),
        ],
        [("conv1", 0), ("conv2", 1), ("dense1", 0)],
        ((IMAGE,), (0, IMAGE), (1,)),
    ),
    "two convolutions of one input": (
        [node("Conv a d -> d0", **SAME), node("Conv a e -> e0", **SAME), node("Sub d0 e0 -> s")],
        [("conv1", 0), ("conv2", 0), ("dense1", 0)],
        (),
    ),
    "depthwise beside all channels": (
        [node("Conv a d -> d0", **SAME), node("Conv a g -> g0", group=4, **SAME), node("Add g0 d0 -> s")],
        [("conv1", 0), ("conv2", 1), ("dense1", 0)],
        ((IMAGE,), (0, 0), (1,)),
    ),
    "three terms, two of them one": (
        [node("Conv a d -> d0", **SAME), node("Sum a d0 a -> s")],
        [("conv1", 0), ("conv2", 1), ("dense1", 0)],
        ((IMAGE,), (0, 0), (1,)),
    ),
    "no weighted layer to end in": (
        [node("Conv a d -> d0", **SAME), node("Relu d0 -> d1"), node("Add a d1 -> t"), node("Tanh t -> s")],
        [("conv1", 0), ("conv2", 0), ("sum1", 1), ("dense1", 0)],
        ((IMAGE,), (0,), (0, 1), (2,)),
    ),
    "one tensor twice": (
        [node("Add a a -> t"), node("Conv t d -> s", **SAME)],
        [("conv1", 0), ("conv2", 0), ("dense1", 0)],
        (),
    ),
    "a convolution that another path needs": (
        [
            node("Conv a d -> d0", **SAME),
            node("Relu d0 -> d1"),
            node("Conv d1 e -> e0", **SAME),
            node("Add e0 d0 -> s"),
        ],
        [("conv1", 0), ("conv2", 0), ("scale1", 0), ("conv3", 1), ("dense1", 0)],
        ((IMAGE,), (0,), (1,), (2, 1), (3,)),
    ),
    "one value of each channel": (
        [node("GlobalAveragePool a -> m"), node("Conv a d -> d0", **SAME), node("Sub d0 m -> s")],
        [("conv1", 0), ("pool1", 0), ("wiring1", 0), ("conv2", 1), ("dense1", 0)],
        ((IMAGE,), (0,), (1,), (0, 2), (3,)),
    ),
    "channels last": (
        [
            node("Transpose a -> l", perm=[0, 2, 3, 1]),
            node("Transpose l -> l0", perm=[0, 3, 1, 2]),
            node("Conv l0 d -> d0", **SAME),
            node("Transpose d0 -> d1", perm=[0, 2, 3, 1]),
            node("Add l d1 -> t"),
            node("Relu t -> t0"),
            node("Transpose t0 -> s", perm=[0, 3, 1, 2]),
        ],
        [("conv1", 0), ("conv2", 1), ("dense1", 0)],
        ((IMAGE,), (0, 0), (1,)),
    ),
}


@pytest.mark.parametrize("name", SUMS)
def test_sums_end_in_the_layers_that_they_add_up(tmp_path, name):
    nodes, layers, sources = SUMS[name]
    cnn = read(tmp_path, *FIRST, *nodes, *LAST)
    assert kinds(cnn) == layers
    assert cnn.sources == sources


def test_an_identity_is_diagonal_with_its_sign(tmp_path):
    cnn = read(tmp_path, *FIRST, *SUMS["difference, identity first"][0], *LAST)
    [addend] = cnn.synapses[1].addends
    assert addend.diagonal
    assert addend.weight == pytest.approx(np.ones((4, 1, 1, 1)))
    assert cnn.synapses[1].weight == pytest.approx(-WEIGHTS["d"].astype(np.float32))
    twice = read(tmp_path, *FIRST, *SUMS["three terms, two of them one"][0], *LAST)
    assert twice.synapses[1].addends[0].weight == pytest.approx(np.full((4, 1, 1, 1), 2.0))


def test_concatenations_and_splits_are_wires(tmp_path):
    dense = [
        node("Conv a d -> d0", **SAME),
        node("Relu d0 -> d1"),
        node("Concat a d1 -> t", axis=1),
        node("Concat t d1 -> u", axis=1),
        node("Split u -> v r", axis=1),
        node("Concat r v -> q", axis=1),
        node("Slice q from to one -> s"),
    ]
    arrays = {"from": np.array([2]), "to": np.array([10]), "one": np.array([1])}
    nodes = [*FIRST, *dense, *WIDE]
    cnn = read_integers(tmp_path, nodes, arrays)
    wiring = cnn.layers[2]
    assert isinstance(wiring, Wiring)
    assert [layer.name for layer in cnn.layers] == ["conv1", "conv2", "wiring1", "dense1"]
    # u = a0-3 d0-3 d0-3, halves swapped = d2 d3 d0-3 a0-3 d0 d1, from 2 on = d0-3 a0-3
    order = [*range(144), *range(144, 288)] if cnn.sources[2] == (1, 0) else [*range(144, 288), *range(144)]
    assert wiring.index.tolist() == order


def read_integers(tmp_path, nodes, arrays):
    """`read` with constants of integers, which `save_model` would make floats."""
    constants = [
        helper.make_node("Constant", [], [name], value_ints=[int(n) for n in value]) for name, value in arrays.items()
    ]
    return read(tmp_path, *constants, *nodes)


def test_what_follows_a_concatenation_folds_into_all_that_it_joins(tmp_path):
    both = [node("Conv x c b -> a0", **SAME), node("Conv x p -> p0"), node("Concat a0 p0 -> t", axis=1)]
    arrays = {name: rng.uniform(0.5, 1.5, 8) for name in ("s8", "b8", "m8", "v8")}
    after = [node("BatchNormalization t s8 b8 m8 v8 -> u"), node("Relu u -> s")]
    cnn = read(tmp_path, *both, *after, *WIDE, **arrays)
    assert [layer.name for layer in cnn.layers] == ["conv1", "conv2", "wiring1", "dense1"]
    assert [str(layer.activation) for layer in cnn.synapses[:2]] == ["relu", "relu"]


def test_a_spelled_activation_beside_another_path(tmp_path):
    silu = [node("Conv x c b -> a", **SAME), node("Sigmoid a -> g0"), node("Mul a g0 -> t"), node("Add t a -> s")]
    cnn = read(tmp_path, *silu, *LAST)
    assert kinds(cnn) == [("conv1", 0), ("scale1", 0), ("sum1", 1), ("dense1", 0)]
    assert str(cnn.synapses[1].activation).lower().startswith("si")


BRANCH = [node("Conv a d -> d0", **SAME), node("Tanh d0 -> d1")]
MAXIMA = {
    "two signals": ([*BRANCH, node("Max a d1 -> s")], ["conv1", "conv2", "wiring1", "scale1", "maxpool1"]),
    "the smallest of three and a number": (
        [*BRANCH, node("Conv a e -> e0", **SAME), node("Min a half d1 e0 -> s")],
        ["conv1", "conv2", "conv3", "wiring1", "scale1", "maxpool1", "scale2"],
    ),
    "one twice": ([node("Max a a -> s")], ["conv1"]),
    "a window over two layers": (
        [*BRANCH, node("Concat a d1 -> t", axis=2), node("MaxPool t -> s", kernel_shape=[2, 1], strides=[2, 1])],
        ["conv1", "conv2", "wiring1", "scale1", "maxpool1"],
    ),
    "windows in one layer each": (
        [*BRANCH, node("Concat a d1 -> t", axis=1), node("MaxPool t -> s", kernel_shape=[2, 1], strides=[2, 1])],
        ["conv1", "conv2", "wiring1", "maxpool1"],
    ),
}


@pytest.mark.parametrize("name", MAXIMA)
def test_maxima_of_several_layers(tmp_path, name):
    """What is not chains of one layer gets chains of its own, of one resonator each, before the maximum circuit."""
    nodes, layers = MAXIMA[name]
    cnn = read(tmp_path, *FIRST, *nodes, *LAST, half=np.float64([0.3]))
    assert [layer.name for layer in cnn.layers[:-1]] == layers
    for layer, taken in zip(cnn.layers, cnn.inputs, strict=True):
        if layer.name == "maxpool1":
            before = [cnn.layers[n] for n in taken]
            assert all(isinstance(one, Wiring) or one.kind == "scale" for one in before)


HEADS = [
    *FIRST,
    *SUMS["residual"][0],
    *LAST,
    node("MaxPool a -> m", kernel_shape=[6, 6]),
    helper.make_node("Flatten", ["m"], ["z\n"]),
]


def heads(tmp_path):
    path = save_model(tmp_path / "heads.onnx", HEADS, WEIGHTS, SHAPE, "y")
    model = onnx.load(path)
    model.graph.output.append(helper.make_tensor_value_info("z\n", TensorProto.FLOAT, None))
    onnx.save(model, path)
    return path


def test_one_head_of_several(tmp_path):
    path = heads(tmp_path)
    with pytest.raises(InputError, match=r"has no output 'q'; possible: 'y', 'z\\n'"):
        read_cnn(path, output="q")
    short = read_cnn(path, output="z\n")
    assert [layer.name for layer in short.layers] == ["conv1", "maxpool1"]
    assert (short.sources, short.head) == ((), "z\n")
    design = compile_cnn(path, output="y")
    write_design(design, path, tmp_path / "design")
    again = load_design(tmp_path / "design")
    assert again.cnn.sources == design.cnn.sources != ()
    table = (tmp_path / "design" / "design.toml").read_text()
    (tmp_path / "design" / "design.toml").write_text(table.replace('output = "y"', "output = 3"))
    with pytest.raises(InputError, match=r"design\.toml: \[model\] output = 3; possible: the name of an output"):
        load_design(tmp_path / "design")


def test_all_heads_lie_one_behind_the_other(tmp_path):
    path = heads(tmp_path)
    cnn, images = read_cnn(path), rng.uniform(0, 1, (20, *SHAPE))
    assert cnn.heads == (("y", 3), ("z\n", 4))
    assert cnn.notes[-1] == "2 outputs one behind the other: 'y' (3), 'z\\n' (4); the class is that of the first"
    alone = [propagate(read_cnn(path, output=name), images) for name, _ in cnn.heads]
    np.testing.assert_allclose(propagate(cnn, images), np.hstack(alone), rtol=1e-12)
    design = compile_cnn(path)
    write_design(design, path, tmp_path / "design")
    again = load_design(tmp_path / "design")
    assert again.cnn.heads == cnn.heads
    held = {
        name: effective_weights(again, name, "coupled", engine=find_engine("linear"))
        for name in ("conv1", "conv2", "dense1")
    }
    # Labels are those of the first output, whatever the second one says.
    found = accuracy(again, held, ImageSet("x.npz", images, alone[0].argmax(1)))
    assert (found.software, found.circuit > 0.8) == (1, True)
    with pytest.raises(InputError, match=r"labels 0 \.\.\. 3; possible: 0 \.\.\. 2"):
        accuracy(again, held, ImageSet("x.npz", images, np.arange(20) % 4))


def test_an_output_in_the_middle_keeps_its_values(tmp_path):
    """Of a layer whose sums are an output, the activation is one of chains behind it."""
    nodes = [node("Conv x p -> z"), node("Relu z -> y")]
    path = save_model(tmp_path / "m.onnx", nodes, WEIGHTS, SHAPE, "y")
    model = onnx.load(path)
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, None))
    onnx.save(model, path)
    cnn, images = read_cnn(path), rng.uniform(0, 1, (3, *SHAPE))
    rectified, sums = np.split(propagate(cnn, images), 2, axis=1)
    assert sums.min() < 0
    np.testing.assert_array_equal(rectified, np.maximum(sums, 0))
    assert [layer.name for layer in cnn.layers] == ["conv1", "scale1", "wiring1"]


def test_a_refusal_names_the_outputs_that_may_do(tmp_path):
    gate = [node("Conv a d -> g0", **SAME), node("Mul a g0 -> z")]
    path = save_model(tmp_path / "m.onnx", [*FIRST, node("Identity a -> s"), *LAST, *gate], WEIGHTS, SHAPE, "y")
    model = onnx.load(path)
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, None))
    onnx.save(model, path)
    with pytest.raises(InputError, match=r"Mul 'z': multiplies .*; or one output alone, by --output NAME: 'y', 'z'$"):
        read_cnn(path)
    assert len(read_cnn(path, output="y").layers) == 2


REFUSED = {
    "gate": ([node("Conv a d -> g0", **SAME), node("Mul a g0 -> s")], "Mul 's': multiplies two signals"),
    "rows": ([node("Concat a a -> s", axis=0)], "Concat 's': works over axis 0 of 4; possible: the axes of the image"),
    "sizes": ([node("MaxPool a -> m", kernel_shape=[2, 2]), node("Add a m -> s")], "[4, 6, 6], [4, 5, 5] together"),
    "ranks": ([node("Flatten a -> f0"), node("Add f0 a -> s")], "takes [144], [4, 6, 6] together; possible: as many"),
    "constant": ([node("Concat a two -> s", axis=1)], "Concat 's': appends a constant"),
    "largest of a signal and many numbers": (
        [node("Conv a d -> d0", **SAME), node("Max a d0 one -> s")],
        "compares with a constant [1, 4, 6, 6]; possible: one number",
    ),
    "after its end": ([node("Softmax a -> q", axis=1), node("Concat q q -> s", axis=1)], "Softmax 'q': normalises"),
    "parts": ([node("Split a -> s r u", axis=1, num_outputs=3)], "Split 's': splits 4 values into 3 parts"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_hardware_does_not_join_is_named(tmp_path, name):
    nodes, words = REFUSED[name]
    path = save_model(
        tmp_path / "m.onnx",
        [*FIRST, *nodes, *LAST],
        WEIGHTS | {"one": np.ones((1, 4, 6, 6)), "two": np.ones((2, 4, 6, 6))},
        SHAPE,
        "y",
    )
    with pytest.raises(InputError) as caught:
        read_cnn(path)
    assert words in str(caught.value)
    assert "m.onnx: " in str(caught.value)


def test_ten_thousand_sums_and_splits(tmp_path):
    count, nodes, at = 2500, [], "a"
    for n in range(count):
        nodes += [node(f"Split {at} -> p{n} q{n}", axis=1), node(f"Concat q{n} p{n} -> r{n}", axis=1)]
        nodes += [node(f"{'Sub' if n % 2 else 'Add'} r{n} x4 -> i{n}"), node(f"Identity i{n} -> t{n}")]
        at = f"t{n}"
    nodes = [*FIRST, node("Conv x p -> x4"), *nodes, node(f"Identity {at} -> s"), *LAST]
    cnn = read_cnn(save_model(tmp_path / "m.onnx", nodes, WEIGHTS, SHAPE, "y"))
    assert [layer.name for layer in cnn.layers] == ["conv1", "conv2", "wiring1", "sum1", "dense1"]
    images = rng.uniform(0, 1, (2, *SHAPE))
    first, second = cnn.synapses[:2]
    wanted, added = software_layer(first, images), software_layer(second, images)
    for n in range(count):
        wanted = np.concatenate([wanted[:, 2:], wanted[:, :2]], axis=1) + (-1 if n % 2 else 1) * added
    wanted = wanted.reshape(2, -1) @ WEIGHTS["w"].astype(np.float32)
    assert propagate(cnn, images) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.slow
def test_every_command_takes_a_network_with_branches_or_says_why_not(tmp_path, resonet):
    nodes = [
        node("Conv x c b -> a0", strides=[2, 2]), node("Relu a0 -> a"), node("Conv a d -> d0", **SAME),
        node("Add d0 a -> t"), node("Relu t -> u"), node("Concat u a -> s", axis=1),
        node("Flatten s -> f"), node("Gemm f w3 -> y"),
    ]  # fmt: skip
    path = save_model(tmp_path / "m.onnx", nodes, WEIGHTS | {"w3": rng.normal(0, 0.2, (32, 3))}, SHAPE, "y")
    images, folder, data = rng.uniform(0, 1, (20, *SHAPE)), tmp_path / "build", tmp_path / "i.npz"
    logits = propagate(read_cnn(path), images)
    np.savez(data, images=images, labels=logits.argmax(1))
    assert resonet("compile", path, "-o", folder, "--calibration", data).code == 0
    assert resonet("calibrate", folder).code == 0
    done = (
        ["accuracy", folder, "--data", data],
        ["crosstalk", folder],
        ["quantise", folder, "--data", data, "--bits", "4"],
        ["run", folder, "--data", data],
        ["levels", folder, "--data", data],
        ["layout", folder, "--layer", "conv2"],
        ["sweep", folder, "--over", "device.damping=0.005,0.01", "--jobs", "1"],
    )
    for words in done:
        assert resonet(*words).code == 0, words
    design = load_design(folder)
    held = {
        e.layer.name: effective_weights(design, e.layer.name, "calibrated", engine=find_engine("linear"))
        for e in design.plan.layers
    }
    assert forward(design, held, images) == pytest.approx(logits, abs=1e-6 * np.abs(logits).max())
    assert resonet("share", folder, "--layer", "conv2", "--spread", "0.01").code == 0
