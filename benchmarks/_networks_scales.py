"""Scales of neurons: what a network whose neurons differ in scale loses at its outputs, and what scales give back.

The network is the same whatever the spread: rows of a convolution are made smaller and larger, and what a dense layer
takes of them larger and smaller, by the same powers. `rows` is the table; `claims` holds it against bars.
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from _show import info, show
from onnx import TensorProto, helper, numpy_helper

from resonet.core.types import Array
from resonet.core.validity import collected
from resonet.cosim.calibration.newton import Status, calibrate
from resonet.cosim.cascade.hardware import parallel_hardware
from resonet.cosim.cascade.two_pass import cascade
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.inference import accuracy
from resonet.cosim.weights.summary import scaled_neurons
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.noise_options import NoiseOptions
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.images import ImageSet, read_images

__all__ = ["ScaleRow", "claims", "rows", "spread_network"]

MODES = ("layer", "auto", "neuron")
SPREADS = (1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
CHANNELS, IMAGES, DRAWS = 8, 200, 20
QUIET = ("plan.p_max=50 nW", "neuron.bandwidth=10 kHz")  # where the noise of chains leaves something to see
MNIST = Path(__file__).parents[1] / "examples" / "mnist"


@dataclass(frozen=True, slots=True)
class ScaleRow:
    """A network of that spread with those scales; errors of the outputs RMS, as part of the largest output."""

    spread: float
    mode: str
    helps: float  # estimate that the choice is made by
    gains: float  # least gain of a transconductor, as part of the largest of its layer
    layer_error: float  # RMS of the coupled program's weights, of the layer's largest, the worst layer
    neuron_error: float  # of a neuron's largest, the worst neuron
    coupled: float
    same_class: float  # by the coupled program
    calibrated: float
    converged: bool
    noise: float  # of the chains, at 50 nW and 10 kHz, calibrated


def spread_network(path: Path, spread: float, seed: int = 3) -> Path:
    """Convolution, ReLU, dense layer; weights of channels go from 1 to 1 / spread, those behind the other way."""
    rng = np.random.default_rng(seed)
    factor = spread ** -np.linspace(0, 1, CHANNELS)
    first, bias = rng.normal(0, 0.5, (CHANNELS, 1, 3, 3)), rng.normal(0.1, 0.1, CHANNELS)
    second = rng.normal(0, 0.3, (5, CHANNELS, 9))
    weights = {
        "w1": first * factor[:, None, None, None],
        "b1": bias * factor,
        "w2": (second / factor[:, None]).reshape(5, -1),
        "b2": rng.normal(0, 0.1, 5),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c"], strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("Gemm", ["f", "w2", "b2"], ["y"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "spread",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def _noise(design: Design, images: Array) -> float:
    """What the noise of the chains' resistance and of what reads them does to the outputs."""
    hardware = parallel_hardware(design, images=images)
    own = replace(hardware.holder.parameters, noise=NoiseOptions(sources="johnson, readout"))
    drawn = replace(hardware, holder=replace(hardware.holder, parameters=own)).noisy()
    quiet = cascade(hardware.levels, hardware.held, images).logits
    runs = [cascade(hardware.levels, drawn, images).logits - quiet for _ in range(DRAWS)]
    return float(np.sqrt(np.mean(np.square(runs))) / np.abs(quiet).max())


def _row(model: Path, spread: float, mode: str, images: Array) -> ScaleRow:
    data = ImageSet(model, images, np.zeros(0))
    with collected():
        design = compile_cnn(model, read_parameters(None, [f"plan.scale={mode}", *QUIET]), data)
    software = propagate(design.cnn, images)
    labelled = ImageSet(model, images, software.argmax(1))
    names = [entry.layer.name for entry in design.plan.layers]
    held = {name: effective_weights(design, name, "coupled", engine=linear) for name in names}
    coupled = accuracy(design, held, labelled, software=software)
    done = calibrate(design)
    after = {name: effective_weights(done.design, name, "calibrated", engine=linear) for name in names}
    layers, helps = scaled_neurons(design)
    return ScaleRow(
        spread,
        mode,
        helps,
        min((one.gain for one in layers), default=1.0),
        max(one.rms_error for one in held.values()),
        max(one.worst_neuron.rms for one in held.values()),
        coupled.logit_rms,
        coupled.same_class,
        accuracy(done.design, after, labelled, software=software).logit_max,
        all(one.status is Status.CONVERGED for one in done.layers),
        _noise(design, images[:20]),
    )


def rows(quick: bool = False) -> list[ScaleRow]:
    """The table, spread by spread."""
    images = np.random.default_rng(4).uniform(0, 1, (IMAGES, 1, 8, 8))
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for spread in SPREADS[::5] if quick else SPREADS:
            model = spread_network(Path(folder) / f"spread{spread:g}.onnx", spread)
            found += [_row(model, spread, mode, images) for mode in MODES]
    return found


def _print(found: list[ScaleRow]) -> None:
    columns = ("spread", "scale", "helps", "gains", "weights, layer", "neuron", "coupled", "same class")
    print("".join(f"{name:>15}" for name in (*columns, "calibrated", "noise")))
    for row in found:
        numbers = (row.layer_error, row.neuron_error, row.coupled, row.same_class, row.calibrated, row.noise)
        shown = "".join(f"{100 * number:>13.3g} %" for number in numbers)
        print(f"{row.spread:>15g}{row.mode:>15}{row.helps:>15.3g}{row.gains:>15.3g}{shown}", flush=True)


def _mnist() -> None:
    """The shipped network, which `auto` leaves alone, with all chains raised."""
    shares = {}
    for mode in MODES:
        images = read_images(MNIST / "mnist_calibration.npz", (1, 28, 28))
        design = compile_cnn(MNIST / "mnist.onnx", read_parameters(None, [f"plan.scale={mode}"]), images)
        names = [entry.layer.name for entry in design.plan.layers]
        held = {name: effective_weights(design, name, "coupled", engine=linear) for name in names}
        found = accuracy(design, held, read_images(MNIST / "mnist_test.npz", (1, 28, 28)))
        shares[mode] = found.logit_rms
        info(f"MNIST, coupled, scale {mode}: accuracy", f"{100 * found.circuit:.2f} %")
        info(f"MNIST, coupled, scale {mode}: outputs off, RMS of the largest", f"{100 * found.logit_rms:.2f} %")
    show(
        "MNIST: auto changes nothing", f"x {shares['auto'] / shares['layer']:g}", "1", shares["auto"] == shares["layer"]
    )
    less = shares["layer"] / shares["neuron"]
    show("MNIST: outputs off less with every neuron's scale", f"x {less:.2f}", ">= 1.2", less >= 1.2)


def claims(quick: bool) -> None:
    """Bars of the table."""
    found = rows(quick)
    _print(found)
    by = {(row.spread, row.mode): row for row in found}
    worst = max(row.calibrated for row in found if row.mode != "layer")
    show("calibrated outputs off, the largest of all with scales", f"{worst:.1e}", "<= 1e-6", worst <= 1e-6)
    held = all(row.converged for row in found)
    show("all calibrations converged, neuron by neuron", str(held), "True", held)
    alone = by[1.0, "auto"].coupled == by[1.0, "layer"].coupled
    show("neurons alike: auto changes nothing", str(alone), "True", alone)
    for what in ("coupled", "noise"):
        lost, kept = (getattr(by[1000.0, m], what) / getattr(by[1.0, "layer"], what) for m in ("layer", "auto"))
        show(f"spread of 1000, one scale a layer: {what} error", f"x {lost:.0f}", ">= 10", lost >= 10)
        show(f"spread of 1000, auto: {what} error", f"x {kept:.2f}", "<= 2", kept <= 2)
    if not quick:
        _mnist()
