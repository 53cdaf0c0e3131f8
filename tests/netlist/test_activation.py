"""Oscillator neurons: the law, its ONNX functions under onnxruntime, and files whose functions are not ours."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import RNG, save_model, small_nodes, small_weights
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from resonet.core.errors import InputError
from resonet.models.neuron.oscillator import ThreeTerminalOscillator, TwoTerminalOscillator
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.network.activations.clamps import RELU
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.activations.oscillator import KINDS, OscillatorActivation
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.onnx.neurons import (
    activation_function,
    add_activations,
    is_ours,
    with_activations,
)
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.planning.scales import bounded_scales, calibrated_scales

OURS = OscillatorActivation("three_terminal", drive=0.7, scale=2.5, qnl=1.5, clamp=3.0, seed=1e-3)
DEVICES = {"three_terminal": ThreeTerminalOscillator, "two_terminal": TwoTerminalOscillator}


def run(path, images):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": images.astype(np.float32)})[0].reshape(len(images), -1)


def save_neurons(path, activation=OURS, nodes=None, weights=None, shape=(1, 8, 8), out="y", edit=None):
    """The small network with oscillators for its ReLU, or other nodes; `edit` changes the finished model."""
    save_model(path, nodes or small_nodes(), weights or small_weights(), shape, out)
    model = onnx.load(path)
    model = with_activations(model, {n.output[0]: activation for n in model.graph.node if n.op_type == "Relu"})
    if edit:
        edit(model)
    path.write_bytes(model.SerializeToString())
    return path


def agrees(path, shape=(1, 8, 8), count=8):
    """The network as read computes what onnxruntime computes; returns it."""
    cnn, images = read_cnn(path), RNG(3).uniform(-1, 1, (count, *shape))
    images = images.astype(np.float32).astype(float)
    wanted = run(path, images)
    assert np.abs(wanted).max() > 0
    assert propagate(cnn, images) == pytest.approx(
        wanted.astype(float), abs=1e-6 * max(1.0, float(np.abs(wanted).max()))
    )
    return cnn


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("qnl", [0.0, 2.0])
def test_without_a_seed_it_is_the_power_of_the_device(kind, qnl):
    device = DEVICES[kind](qnl=qnl, clamp=3.0)
    z = np.linspace(-4, 9, 201)
    current = (1 + 0.5 * z) * device.ith
    wanted = 7 * device.power(current) / device.power(3 * device.ith)
    found = OscillatorActivation(kind, drive=0.5, scale=7, qnl=qnl, clamp=3.0, seed=0.0)(z)
    assert found == pytest.approx(wanted, abs=1e-12)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    kind=st.sampled_from(KINDS),
    drive=st.floats(1e-3, 1e3),
    qnl=st.floats(0, 1e3),
    clamp=st.floats(1.001, 1e3),
    seed=st.floats(0, 0.1),
)
def test_it_rises_from_nearly_zero_to_its_scale(kind, drive, qnl, clamp, seed):
    law = OscillatorActivation(kind, drive=drive, scale=3.0, qnl=qnl, clamp=clamp, seed=seed)
    z = (np.linspace(-0.5, 1.5 * clamp, 400) - 1) / drive
    y = law(z)
    assert np.all(np.diff(y) >= -1e-12)
    assert y[0] >= 0
    assert law([-np.inf, np.inf, 1e308]) == pytest.approx([y[0], 3.0, 3.0], abs=1e-12)
    assert np.isnan(law(np.nan))


def test_it_stays_exact_far_below_threshold():
    law = OscillatorActivation("three_terminal", drive=1.0, scale=1.0, qnl=2.0, clamp=4.0, seed=1e-9)
    p = law([-0.5]) * law._power(np.array(4.0))
    assert p == pytest.approx(1e-9 / 0.5, rel=1e-7)  # first order in the seed: η / (1 - ξ)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("opset", [15, 17, 18, 21, onnx.defs.onnx_opset_version() - 4])
@pytest.mark.parametrize("real", ["float32", "float64"])
def test_the_function_in_onnxruntime(kind, opset, real):
    laws = [
        OscillatorActivation(kind),
        OscillatorActivation(kind, seed=0.0),
        OscillatorActivation(kind, qnl=0.0, seed=0.0, drive=0.5),
        OscillatorActivation(kind, qnl=1e3, clamp=1e3, seed=0.0625, scale=8.0, drive=64.0),
    ]
    ports = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(np.dtype(real)), ["n"]) for n in ("x", "y")
    ]
    for law in laws:
        graph = helper.make_graph(law.write("x", "y"), "g", ports[:1], ports[1:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        model = add_activations(model)
        onnx.checker.check_model(model)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        z = np.concatenate([np.linspace(-3, 6, 1001), [0, -1, 1, 3, 1e9, -1e9, np.inf, -np.inf]]).astype(real)
        found = session.run(None, {"x": z})[0]
        assert found.dtype == real
        exact = replace(law, seed=float(np.float32(law.seed)))  # attributes are 32 bits wide
        tolerance = 1e-12 if real == "float64" else 1e-6
        assert found == pytest.approx(exact(z), abs=tolerance * law.scale)


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_is_read_with_its_neurons(tmp_path, kind):
    law = replace(OURS, kind=kind)
    cnn = agrees(save_neurons(tmp_path / "m.onnx", law))
    assert [layer.activation for layer in cnn.synapses] == [law, LINEAR]
    assert str(law) == f"{kind} (drive 0.7, scale 2.5, qnl 1.5, clamp 3, seed 0.001)"


def test_limits_that_32_bits_overshoot_are_read(tmp_path):
    law = replace(OURS, seed=0.1, clamp=1.001)  # float32(0.1) > 0.1
    assert read_cnn(save_neurons(tmp_path / "m.onnx", law)).synapses[0].activation == law


def dense(source, result, weight="w2"):
    return helper.make_node("Gemm", [source, weight, "b2"], [result], transB=1)


CONV = small_nodes()[0]
[NEURON] = OURS.write("c", "a")
# name: (nodes, weights besides, activations of our layers)
CHAINS = {
    "max pool before and after": (
        [
            CONV,
            helper.make_node("MaxPool", ["c"], ["m"], kernel_shape=[2, 2], pads=[1, 1, 0, 0], strides=[1, 1]),
            *OURS.write("m", "a"),
            helper.make_node("MaxPool", ["a"], ["n"], kernel_shape=[1, 1]),
            helper.make_node("Flatten", ["n"], ["f"]),
            dense("f", "y"),
        ],
        {},
        [OURS, LINEAR],
    ),
    "nothing folds through it": (
        [
            CONV,
            helper.make_node("Mul", ["c", "k"], ["s"]),
            *OURS.write("s", "a"),
            helper.make_node("Mul", ["a", "k"], ["m"]),
            helper.make_node("Add", ["m", "h"], ["n"]),
            helper.make_node("Relu", ["n"], ["y"]),
        ],
        {"k": np.array([1.0, -2.0, 0.5, 3.0]).reshape(4, 1, 1), "h": np.array(-0.1)},
        [OURS, RELU],
    ),
    "batch norm after it goes on into the next layer": (
        [
            CONV,
            NEURON,
            helper.make_node("BatchNormalization", ["a", "g", "h", "u", "v"], ["n"]),
            helper.make_node("Flatten", ["n"], ["f"]),
            dense("f", "y"),
        ],
        {"g": np.array([1.0, 2, 3, 4]), "h": np.ones(4), "u": np.full(4, 0.2), "v": np.array([1.0, 2, 1, 2])},
        [OURS, LINEAR, LINEAR],
    ),
    "zeros that are added before it are not zero after it": (
        [
            CONV,
            helper.make_node("Pad", ["c", "p"], ["d"]),
            *OURS.write("d", "y"),
        ],
        {},
        [LINEAR, OURS],
    ),
    "a relu after it does nothing": (
        [CONV, NEURON, helper.make_node("Relu", ["a"], ["y"])],
        {},
        [OURS],
    ),
    "a neuron after a relu is a layer": (
        [CONV, helper.make_node("Relu", ["c"], ["r"]), *OURS.write("r", "y")],
        {},
        [RELU, OURS],
    ),
    "a neuron after a neuron is a layer": (
        [CONV, NEURON, *replace(OURS, kind="two_terminal").write("a", "y")],
        {},
        [OURS, replace(OURS, kind="two_terminal")],
    ),
    "a neuron on the image is a layer": (
        [*OURS.write("x", "a"), helper.make_node("Conv", ["a", "w1", "b1"], ["y"])],
        {},
        [OURS, LINEAR],
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_chains_agree_with_onnxruntime(tmp_path, name):
    nodes, more, wanted = CHAINS[name]

    path = save_model(tmp_path / "m.onnx", nodes, small_weights() | more, (1, 8, 8), "y")
    model = add_activations(onnx.load(path))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([0, 0, 1, 0, 0, 0, 0, 2]), "p"))
    path.write_bytes(model.SerializeToString())
    cnn = agrees(path)
    assert [layer.activation for layer in cnn.synapses] == wanted


def test_a_dropped_relu_is_noted(tmp_path):
    nodes = [CONV, helper.make_node("Relu", ["c"], ["r"]), helper.make_node("Relu", ["r"], ["y"])]
    model = onnx.load(save_model(tmp_path / "m.onnx", nodes, small_weights(), (1, 8, 8), "y"))
    onnx.save(with_activations(model, {"r": OURS}), tmp_path / "m.onnx")
    cnn = read_cnn(tmp_path / "m.onnx")
    assert cnn.synapses[0].activation == OURS
    assert cnn.notes == ("Relu dropped: conv1 gives no negative output",)


def test_bounds_end_at_the_scale_of_the_neurons(tmp_path):
    cnn = read_cnn(save_neurons(tmp_path / "m.onnx", replace(OURS, drive=100.0)))
    images = RNG(2).uniform(0, 1, (40, 1, 8, 8))
    bounds, measured = bounded_scales(cnn), calibrated_scales(cnn, images)
    assert (bounds["dense1"].offset, bounds["dense1"].full_scale) == (0.0, 2.5)
    assert measured["dense1"].full_scale <= 2.5
    weak = bounded_scales(read_cnn(save_neurons(tmp_path / "w.onnx", replace(OURS, drive=1e-3))))
    assert 0 < weak["dense1"].full_scale < 0.5


def test_a_design_keeps_the_neurons(tmp_path):
    path = save_neurons(tmp_path / "m.onnx")
    design = compile_cnn(path)
    write_design(design, path, tmp_path / "d")
    assert load_design(tmp_path / "d").cnn.synapses[0].activation == OURS
    assert f'activation = "{OURS}"' in (tmp_path / "d" / "design.toml").read_text()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "relu"),
        ("drive", 0.0),
        ("drive", -1.0),
        ("drive", np.inf),
        ("scale", 0.0),
        ("scale", float("nan")),
        ("qnl", -0.1),
        ("qnl", 1001.0),
        ("clamp", 1.0),
        ("clamp", "4"),
        ("seed", -1e-9),
        ("seed", 0.2),
        ("seed", True),
    ],
)
def test_parameters_out_of_range_are_refused(field, value):
    with pytest.raises(InputError, match=rf"activation\.{field} = .*(possible|must be|expected)"):
        OscillatorActivation(**{"kind": "two_terminal", field: value})


def refused(path, *words):
    with pytest.raises(InputError) as caught:
        read_cnn(path)
    text = str(caught.value)
    assert "\n" not in text
    assert "damaged" not in text
    for word in words:
        assert word in text


def attribute(name, **new):
    """Edit: replace an attribute of the neuron's node; no value takes it away."""

    def edit(model):
        node = model.graph.node[1]
        kept = [a for a in node.attribute if a.name != name]
        del node.attribute[:]
        node.attribute.extend(kept + [helper.make_attribute(name, v) for v in new.values()])

    return edit


def body(change):
    """Edit: change the function in the file."""
    return lambda model: change(model.functions[0])


def node_of(function, output):
    return next(n for n in function.node if n.output[0] == output)


def swap_operator(function):
    node_of(function, "p_above").op_type = "Mul"


def swap_inputs(function):
    node = node_of(function, "difference")
    node.input[:] = [*node.input][::-1]


def fixed_constant(function):
    node_of(function, "drive_").attribute[0].CopyFrom(helper.make_attribute("value_float", 1.0))


def other_reference(function):
    node_of(function, "seed_").attribute[0].ref_attr_name = "drive"


def other_output(function):
    function.output[0] = "share"


def more_attributes(function):
    function.attribute.append("bias")


def defaults(function):
    function.attribute_proto.append(helper.make_attribute("drive", 2.0))


def one_more_node(function):
    function.node.append(helper.make_node("Neg", ["share"], ["spare"]))


def future_field(function):
    function.MergeFromString(b"\xfa\x3e\x01x")  # field 1007, which no version has yet


def foreign_call(function):
    node_of(function, "root").domain = "evil"


def older(function):
    function.opset_import[0].version = 7


def no_import(function):
    del function.opset_import[:]


def no_function(model):
    del model.functions[:]


def twice(model):
    model.functions.append(model.functions[0])


def variant(model):
    model.functions.append(model.functions[0])
    model.functions[1].overload = "v2"


def calls_variant(model):
    model.graph.node[1].overload = "v2\n"


def unknown(model):
    model.graph.node[1].op_type = model.functions[0].name = "FourTerminal\n"


def hidden_in_standard(model):
    model.graph.node[1].domain = ""


def standard_redefined(model):
    made = helper.make_function("", "Where", ["a", "b", "c"], ["y"], [], [helper.make_opsetid("", 17)])
    made.node.append(helper.make_node("Identity", ["b"], ["y"]))
    model.functions.append(made)


def other_function(model):
    made = helper.make_function("other", "Act", ["a"], ["y"], [], [helper.make_opsetid("", 17)])
    made.node.append(helper.make_node("Relu", ["a"], ["y"]))
    model.functions.append(made)
    model.graph.node[1].domain, model.graph.node[1].op_type = "other", "Act"


def two_inputs(model):
    model.graph.node[1].input.append("c")


def from_weights(model):
    model.graph.node[1].input[0] = "w1"


HOSTILE = {
    "attribute missing": (attribute("clamp"), ["ThreeTerminal 'r'", "possible: 1, drive, scale, qnl, clamp, seed"]),
    "attribute unknown": (attribute("bi\nas", x=1.0), ["ThreeTerminal 'r'", r"bi\nas"]),
    "attribute twice": (attribute("drive", x=1.0, y=2.0), ["attribute twice"]),
    "attribute integer": (attribute("drive", x=2), ["attribute drive is not a number"]),
    "attribute text": (attribute("scale", x="2\n"), ["attribute scale is not a number"]),
    "attribute list": (attribute("qnl", x=[1.0, 2.0]), ["attribute qnl is not a number"]),
    "attribute NaN": (attribute("seed", x=float("nan")), ["activation.seed = nan"]),
    "attribute infinite": (attribute("drive", x=float("inf")), ["activation.drive = inf"]),
    "attribute out of range": (attribute("clamp", x=0.5), ["activation.clamp = 0.5: must be within"]),
    "operator changed": (body(swap_operator), ["computes something else"]),
    "inputs swapped": (body(swap_inputs), ["computes something else"]),
    "constant instead of a parameter": (body(fixed_constant), ["computes something else"]),
    "other parameter": (body(other_reference), ["computes something else"]),
    "other output": (body(other_output), ["computes something else"]),
    "more attributes": (body(more_attributes), ["computes something else"]),
    "default values": (body(defaults), ["computes something else"]),
    "more nodes": (body(one_more_node), ["computes something else"]),
    "a field of a later version": (body(future_field), ["computes something else"]),
    "foreign operator in the body": (body(foreign_call), ["computes something else"]),
    "other opset": (body(older), ["computes something else"]),
    "no opset": (body(no_import), ["computes something else"]),
    "function missing": (no_function, ["0 functions of that name"]),
    "function twice": (twice, ["2 functions of that name"]),
    "function and variant": (variant, ["2 functions of that name"]),
    "variant called": (calls_variant, [r"v2\n"]),
    "unknown function": (unknown, [r"FourTerminal\n", "ThreeTerminal, TwoTerminal"]),
    "standard domain": (hidden_in_standard, ["is not supported", "ThreeTerminal"]),
    "standard operator redefined": (standard_redefined, ["redefines the standard operator 'Where'"]),
    "other domain": (other_function, ["is of the domain 'other'"]),
    "two inputs": (two_inputs, ["ThreeTerminal 'r'"]),
    "constants only": (from_weights, ["ThreeTerminal 'r'"]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_functions_are_refused(tmp_path, name):
    edit, words = HOSTILE[name]
    refused(save_neurons(tmp_path / "m.onnx", edit=edit), *words)


def test_comments_in_the_function_do_not_matter(tmp_path):
    def comment(function):
        function.doc_string = function.node[0].doc_string = "by another tool"
        function.node[0].name = "n1"
        function.node[3].domain = "ai.onnx"
        function.attribute[:] = [*function.attribute][::-1]

    assert read_cnn(save_neurons(tmp_path / "m.onnx", edit=body(comment))).synapses[0].activation == OURS
    assert not is_ours(helper.make_function("resonet", "Relu", ["x"], ["y"], [], []))
    assert not is_ours(helper.make_function("other", "ThreeTerminal", ["x"], ["y"], [], []))


def test_writing_refuses_what_is_not_there(tmp_path):
    path = save_model(tmp_path / "m.onnx", small_nodes(), small_weights(), (1, 8, 8), "y")
    model = onnx.load(path)
    with pytest.raises(InputError, match=r"0 Relu nodes of the name 'second\\n'; possible: 'r'"):
        with_activations(model, {"second\n": OURS})
    with pytest.raises(InputError, match="possible: three_terminal, two_terminal"):
        activation_function("sigmoid")
    model.graph.node[1].domain = "resonet"
    with pytest.raises(InputError, match="no such function; possible: ThreeTerminal, TwoTerminal"):
        add_activations(model)
    old = onnx.load(save_model(tmp_path / "o.onnx", small_nodes(), small_weights(), (1, 8, 8), "y", opset=11))
    with pytest.raises(InputError, match="opset 11; possible: 15 to"):
        with_activations(old, {"r": OURS})


def test_adding_twice_changes_nothing(tmp_path):
    model = onnx.load(save_neurons(tmp_path / "m.onnx"))
    assert add_activations(model) == model
    plain = onnx.load(save_model(tmp_path / "p.onnx", small_nodes(), small_weights(), (1, 8, 8), "y"))
    assert add_activations(plain) == plain
