"""Part of show_networks.py: networks of others, software against onnxruntime, circuit against software."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from _networks_data import CASES
from _show import info, show

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.cosim.calibration.newton import calibrate
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.inference import forward
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.network.cnn import Cnn
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.images import ImageSet
from resonet.netlist.network.onnx.read import read_cnn

__all__ = ["claims"]

REFUSED = {"lenet_bn_leg_train.onnx": "training"}  # and a word of the reason
SOFTWARE, CIRCUIT = 1e-5, 1e-6  # of the largest output
IMAGES, SHOWN, POINTS = 64, 10, 10_001


def _endings(outputs: Array, heads: tuple[int, ...]) -> Iterator[Array]:
    """What may stand behind the last layer, which hardware need not build: of each head by itself."""
    parts = np.split(outputs, np.cumsum(heads)[:-1], axis=1) if heads else [outputs]
    yield outputs
    powers = [np.exp(part - part.max(1, keepdims=True)) for part in parts]
    shares = np.hstack([power / power.sum(1, keepdims=True) for power in powers])
    yield shares
    yield np.log(shares)
    one = 1 / (1 + np.exp(-outputs))
    yield one
    if outputs.shape[1] == 1:
        yield np.hstack([1 - one, one])


def _onnxruntime(path: Path, images: Array) -> list[Array]:
    """Outputs of a file, each [n, values]."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    [taken] = session.get_inputs()
    kind = np.uint8 if "uint8" in taken.type else np.float32
    fixed = taken.shape[0] if isinstance(taken.shape[0], int) else len(images)
    rows = [session.run(None, {taken.name: images[n : n + fixed].astype(kind)}) for n in range(0, len(images), fixed)]
    return [np.concatenate([_numbers(row[k], fixed) for row in rows]) for k in range(len(rows[0]))]


def _numbers(output: object, images: int) -> Array:
    """One output as numbers [n, values]; of probabilities by name of the class, those in the order of the names."""
    if isinstance(output, list) and output and isinstance(output[0], dict):
        output = [[row[name] for name in sorted(row)] for row in output]
    return np.asarray(output, float).reshape(images, -1)


def _software_off(cnn: Cnn, images: Array, wanted: list[Array]) -> float:
    """Largest difference to onnxruntime, of the largest output; labels must be those of the largest outputs."""
    found = propagate(cnn, images)
    heads = tuple(size for _, size in cnn.heads)
    numbers = [output for output in wanted if output.shape[1] > 1 or found.shape[1] == 1 or len(wanted) == 1]
    values = np.hstack(numbers)
    if values.shape[1] == 1 < found.shape[1]:  # a label
        return float(np.mean(values[:, 0] != found.argmax(1)))
    fitting = [ending for ending in _endings(found, heads) if ending.shape == values.shape]
    return min((float(np.abs(one - values).max() / np.abs(values).max()) for one in fitting), default=np.inf)


def _fits(design: Design) -> list[tuple[float, float]]:
    """Error that is reported and error that is found, parts of the range, of every layer with fitted neurons."""
    found = []
    for layer in design.cnn.synapses:
        fit = design.fit(layer.name)
        error = design.neuron(layer.name).error if fit else None
        if fit is None or error is None:
            continue
        z = np.linspace(*design.sums[layer.name], POINTS)[:, None].repeat(len(layer.bias), axis=1)
        exact = layer.activation(z)
        off = float(np.abs(layer.activation.built(fit)(z) - exact).max() / np.ptp(exact))
        found.append((error.largest, off))
    return found


def _circuit(design: Design, images: Array) -> tuple[float, float]:
    """Circuit against what hardware makes of the network, and that against the network, of the largest output."""
    held = {
        entry.layer.name: effective_weights(design, entry.layer.name, "calibrated", engine=linear)
        for entry in design.plan.layers
    }
    circuit, built, software = (
        forward(design, held, images),
        propagate(design.built, images),
        propagate(design.cnn, images),
    )
    largest = float(np.abs(software).max())
    return float(np.abs(circuit - built).max()) / largest, float(np.abs(built - software).max()) / largest


def _images(path: Path, shape: tuple[int, ...], byte: bool) -> Array:
    values = np.random.default_rng(len(path.name)).uniform(0, 1, (IMAGES, *shape))
    return np.round(255 * values) if byte else values.astype(np.float32).astype(float)


def _refusal(path: Path) -> str:
    try:
        read_cnn(path)
    except InputError as error:
        return str(error)
    return ""


def claims(quick: bool) -> None:
    """Every network of the folder."""
    paths = sorted(CASES.glob("*.onnx"))
    if not paths:
        show(f"networks of others: none at {CASES} (RESONET_CASES)", "not there", "there", False)
        return
    for path in paths[:SHOWN] if quick else paths:
        refusal = _refusal(path)
        if refusal or path.name in REFUSED:
            word = REFUSED.get(path.name, "?")
            show(f"{path.name}", "refused" if refusal else "read", f"{word}", word in refusal)
            continue
        cnn = read_cnn(path)
        byte = cnn.pixels is not None and cnn.pixels.top == 255
        images = _images(path, cnn.input_shape, byte)
        off = _software_off(cnn, images, _onnxruntime(path, images))
        show(f"{path.name}: software against onnxruntime", f"{off:.1e}", f"<= {SOFTWARE:g}", off <= SOFTWARE)
        design = compile_cnn(path, calibration=ImageSet(path.name, images, np.empty(0, np.int64)))
        apart, fitted = _circuit(calibrate(design).design, images)
        show(
            "  calibrated circuit against what its neurons compute", f"{apart:.1e}", f"<= {CIRCUIT:g}", apart <= CIRCUIT
        )
        fits = _fits(design)
        if not fits:
            show("  that against the network itself", f"{fitted:.1e}", f"<= {CIRCUIT:g}", fitted <= CIRCUIT)
            continue
        told, found = max(fits)
        show("  neurons against what they are fitted to", f"{found:.1e}", f"as told, {told:.1e}", found <= told * 1.01)
        info("  outputs, neurons fitted, against the network itself", f"{fitted:.1e}")
