"""Activations and ONNX operators of plug-in packages: one file each, found through entry points."""

from dataclasses import dataclass

import numpy as np
import onnx
import pytest
from conftest import RNG, save_model
from onnx import helper
from test_activation import agrees

from resonet.core.errors import InputError
from resonet.netlist.network.activations import registry as activation_registry
from resonet.netlist.network.activations.base import Activation, Fit, Neuron
from resonet.netlist.network.activations.registry import activations
from resonet.netlist.network.activations.smooth import Smooth
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.onnx.operators import registry as operator_registry
from resonet.netlist.network.onnx.operators.base import Operator


@dataclass(frozen=True, slots=True)
class Rectifier(Activation):
    """y = |z|, which falls and rises."""

    OPERATORS = ("Abs",)

    def __call__(self, z):
        return np.abs(np.asarray(z, float))

    def __str__(self):
        return "rectifier"

    @property
    def rises(self):
        return False

    def range(self, low, high):
        return (0.0 if low < 0 < high else min(abs(low), abs(high))), max(abs(low), abs(high))

    def neuron(self, fit=None):
        return Neuron()

    @classmethod
    def read(cls, node, inputs, shape):
        return cls()

    def write(self, source, result, name=""):
        return [helper.make_node("Abs", [source], [result], name=name)]


class Half(Activation):
    """Leaves methods open."""

    def __call__(self, z):
        return 0.5 * np.asarray(z)

    def __str__(self):
        return "half"


def running_sum(chain, node, inputs):
    """CumSum of a vector: a dense layer of ones below the diagonal."""
    (n,) = chain.shape
    matrix = np.tril(np.ones((n, n)))[:, :, None, None]
    chain.add_synapses(Synapses("", node.source, "dense", matrix, np.zeros(n), (n, 1, 1), (n, 1, 1)), shape=chain.shape)


SUM = Operator("CumSum", running_sum)


WEIGHTS = {
    "w1": RNG(1).normal(size=(4, 1, 3, 3)),
    "b1": RNG(2).normal(size=4),
    "w2": RNG(3).normal(size=(3, 36)),
    "b2": RNG(4).normal(size=3),
}
CONV = helper.make_node("Conv", ["x", "w1", "b1"], ["c"])
FLAT = [helper.make_node("Flatten", ["r"], ["f"]), helper.make_node("Gemm", ["f", "w2", "b2"], ["d"], transB=1)]


def test_an_activation_of_a_plug_in_is_read_and_computed(tmp_path, plug):
    plug(("resonet.activations", f"{__name__}:Rectifier"))
    nodes = [CONV, *Rectifier().write("c", "r"), *FLAT]
    path = save_model(tmp_path / "m.onnx", nodes, WEIGHTS | {"w2": RNG(3).normal(size=(3, 144))}, (1, 8, 8), "d")
    cnn = agrees(path)
    assert [str(layer.activation) for layer in cnn.synapses] == ["rectifier", "linear"]


def test_a_linear_operator_of_a_plug_in_is_read_and_computed(tmp_path, plug):
    plug(("resonet.onnx_operators", f"{__name__}:SUM"))
    nodes = [
        helper.make_node("Gemm", ["x", "w2", "b2"], ["d"], transB=1),
        helper.make_node("CumSum", ["d", "a"], ["y"]),
    ]
    path = save_model(tmp_path / "m.onnx", nodes, WEIGHTS | {"a": np.zeros(1)}, (36,), "y")
    model = onnx.load(path)
    axis = next(w for w in model.graph.initializer if w.name == "a")
    axis.CopyFrom(onnx.numpy_helper.from_array(np.array([1]), "a"))
    path.write_bytes(model.SerializeToString())
    assert [layer.kind for layer in agrees(path, (36,)).layers] == ["dense", "dense"]


def test_what_a_plug_in_leaves_open_is_named(plug):
    plug(("resonet.activations", f"{__name__}:Half"))
    with pytest.raises(InputError, match=r"Half.*: neuron, range, read, rises, write; possible: all"):
        activation_registry.activations()


@pytest.mark.parametrize(
    ("group", "name", "words"),
    [
        ("resonet.activations", "running_sum", "not derived from Activation"),
        ("resonet.onnx_operators", "running_sum", "possible: an Operator"),
        ("resonet.onnx_operators", "TWICE", "package unknown.*ONNX operator Conv: there is one already"),
        ("resonet.activations", "Again", "Again .*ONNX operator Relu: read by Again and Relu; possible"),
    ],
)
def test_plug_ins_that_do_not_fit_are_refused(plug, group, name, words):
    plug((group, f"{__name__}:{name}"))
    with pytest.raises(InputError, match=words):
        list(operator_registry.operators())


TWICE = Operator("Conv", running_sum)


class Again(Rectifier):
    """Reads an operator that another one reads."""

    OPERATORS = ("Relu",)


@pytest.mark.parametrize("kind", activation_registry.activations())
def test_every_activation_is_a_record_of_its_own(kind):
    assert issubclass(kind, Activation)
    assert kind.__doc__
    assert len({kind.DOMAIN, *kind.OPERATORS}) == 1 + len(kind.OPERATORS)


class Bent(Smooth):
    """A smooth function whose turns are told, or not."""

    NAME = "bent"
    OPERATORS = ()

    def __init__(self, law, turns=()):
        self.law, self.told = law, turns

    def function(self, z):
        return np.asarray(self.law(z))

    @property
    def turns(self):
        return self.told


@pytest.mark.parametrize(
    ("law", "turns", "near"),
    [
        (np.sin, (), 1.57),
        (np.sin, (np.pi / 2,), 4.71),
        (np.square, (), 0),
        (lambda z: np.exp(-z * z), (1.0,), 0),
        (lambda z: z * np.cos(z), (), -0.86),
    ],
)
def test_turns_that_are_not_named_are_refused(law, turns, near):
    with pytest.raises(InputError, match=r"activation bent: it turns near .*, which its turns do not name") as error:
        Bent(law, turns).range(-1.2, 6.0)
    assert abs(float(str(error.value).split("near ")[1].split(",")[0]) - near) < 0.05
    with pytest.raises(InputError, match="it turns near"):
        Bent(law, turns).neuron(Fit(8, -1.2, 6.0))


def test_turns_that_are_named_give_the_range():
    assert Bent(np.sin, (np.pi / 2, 3 * np.pi / 2)).range(-1.2, 6.0) == pytest.approx((-1, 1))
    assert Bent(np.sin).range(-1.2, 1.2) == pytest.approx((-np.sin(1.2), np.sin(1.2)))
    assert (Bent(np.tanh).rises, Bent(lambda z: -np.tanh(z)).rises) == (True, False)
    for kind in activations():
        if issubclass(kind, Smooth):
            low, high = kind().range(-40.0, 40.0)
            values = kind()(np.linspace(-40, 40, 100_001))
            assert (low, high) == pytest.approx((values.min(), values.max()), abs=1e-6)
