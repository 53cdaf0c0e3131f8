"""Activations and ONNX operators of plug-in packages: one file each, found through entry points."""

from dataclasses import dataclass
from importlib.metadata import EntryPoint

import numpy as np
import onnx
import pytest
from conftest import RNG, save_model
from onnx import helper
from test_activation import agrees

from resonet.core.errors import InputError
from resonet.netlist.network.activations import registry as activation_registry
from resonet.netlist.network.activations.base import Activation, Neuron
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


@pytest.fixture
def plug(monkeypatch):
    """Installs entry points for a test."""

    def install(*entries):
        points = [EntryPoint(name, f"{__name__}:{name}", group) for group, name in entries]
        for module, tables in (
            (activation_registry, activation_registry.activations),
            (operator_registry, operator_registry.operators),
        ):
            monkeypatch.setattr(module, "entry_points", lambda group: [p for p in points if p.group == group])
            tables.cache_clear()

    yield install
    monkeypatch.undo()
    activation_registry.activations.cache_clear()
    operator_registry.operators.cache_clear()


WEIGHTS = {
    "w1": RNG(1).normal(size=(4, 1, 3, 3)),
    "b1": RNG(2).normal(size=4),
    "w2": RNG(3).normal(size=(3, 36)),
    "b2": RNG(4).normal(size=3),
}
CONV = helper.make_node("Conv", ["x", "w1", "b1"], ["c"])
FLAT = [helper.make_node("Flatten", ["r"], ["f"]), helper.make_node("Gemm", ["f", "w2", "b2"], ["d"], transB=1)]


def test_an_activation_of_a_plug_in_is_read_and_computed(tmp_path, plug):
    plug((activation_registry.GROUP, "Rectifier"))
    nodes = [CONV, *Rectifier().write("c", "r"), *FLAT]
    path = save_model(tmp_path / "m.onnx", nodes, WEIGHTS | {"w2": RNG(3).normal(size=(3, 144))}, (1, 8, 8), "d")
    cnn = agrees(path)
    assert [str(layer.activation) for layer in cnn.synapses] == ["rectifier", "linear"]


def test_a_linear_operator_of_a_plug_in_is_read_and_computed(tmp_path, plug):
    plug((operator_registry.GROUP, "SUM"))
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
    plug((activation_registry.GROUP, "Half"))
    with pytest.raises(InputError, match=r"Half.*: neuron, range, read, rises, write; possible: all"):
        activation_registry.activations()


@pytest.mark.parametrize(
    ("group", "name", "words"),
    [
        (activation_registry.GROUP, "plug", "not derived from Activation"),
        (operator_registry.GROUP, "running_sum", "possible: an Operator"),
        (operator_registry.GROUP, "TWICE", "ONNX operator Conv: there are two"),
        (activation_registry.GROUP, "Again", "ONNX operator Relu: read by"),
    ],
)
def test_plug_ins_that_do_not_fit_are_refused(plug, group, name, words):
    plug((group, name))
    with pytest.raises(InputError, match=words):
        operator_registry.operators()


TWICE = Operator("Conv", running_sum)


class Again(Rectifier):
    """Reads an operator that another one reads."""

    OPERATORS = ("Relu",)


@pytest.mark.parametrize("kind", activation_registry.activations())
def test_every_activation_is_a_record_of_its_own(kind):
    assert issubclass(kind, Activation)
    assert kind.__doc__
    assert len({kind.DOMAIN, *kind.OPERATORS}) == 1 + len(kind.OPERATORS)
