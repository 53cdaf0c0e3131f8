"""10,000 MNIST images through the weights that the circuit holds, against onnxruntime and aihwkit in the same run.

Each program has one thread, and processor time counts: other work on the machine then does not. aihwkit runs in a
Python of its own (`_peers.py`). Nothing is stored.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from _peers import peer_python
from _show import info, show

from resonet.core.types import Array
from resonet.cosim.weights.effective import EffectiveWeights, effective_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.inference import circuit_logits, forward
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.network.activations.clamps import RELU
from resonet.netlist.network.forward import classes

__all__ = ["claims"]

MNIST = Path(__file__).parents[1] / "examples" / "mnist"
BATCH = 500  # onnxruntime is slower with all at once
TIMES = 7


def median_cpu(*calls: Callable[[], object]) -> list[float]:
    """Median processor seconds of each call, taken in turns."""
    taken = []
    for _ in range(TIMES + 1):
        row = []
        for call in calls:
            begin = time.process_time()
            call()
            row.append(time.process_time() - begin)
        taken.append(row)
    return [float(np.median(column)) for column in zip(*taken[1:], strict=True)]


def plain(path: Path, images: Array) -> Callable[[], Array]:
    """The trained network by onnxruntime, one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name, ready = session.get_inputs()[0].name, images.astype(np.float32)
    return lambda: np.concatenate(
        [session.run(None, {name: ready[n : n + BATCH]})[0] for n in range(0, len(ready), BATCH)]
    )


def network_file(design: Design, images: Array, path: Path) -> Path:
    """The trained network and images for `_peer_aihwkit.py`."""
    values: dict[str, object] = {"images": images.astype(np.float32)}
    for n, layer in enumerate(design.cnn.synapses):
        conv = layer.kind == "conv"
        weight = layer.weight if conv else layer.weight.reshape(len(layer.weight), -1)
        values |= {f"kind{n}": layer.kind, f"weight{n}": weight.astype(np.float32), f"stride{n}": layer.stride}
        values |= {f"bias{n}": layer.bias.astype(np.float32), f"relu{n}": layer.activation == RELU}
    np.savez(path, **values)  # type: ignore[arg-type]
    return path


def aihwkit(design: Design, images: Array, ours: float) -> None:
    """The same images through aihwkit's TorchInference tiles."""
    python = peer_python("aihwkit")
    if python is None:
        info("aihwkit is not there: RESONET_PEER_AIHWKIT names a Python that has it", "not compared")
        return
    with tempfile.TemporaryDirectory() as folder:
        file = network_file(design, images, Path(folder) / "network.npz")
        for kind in ("perfect", "default"):
            command = [python, Path(__file__).with_name("_peer_aihwkit.py"), file, kind, str(TIMES)]
            page = json.loads(subprocess.run(command, capture_output=True, check=True).stdout.splitlines()[-1])
            theirs = float(np.median(page["cpu"]))
            show(f"  aihwkit, TorchInference, {kind} IO, over ours", f"{theirs / ours:.1f}", "> 1", theirs > ours)
            info("    processor", f"{theirs:.3f} s")
    info("    versions", page["versions"])


def claims(quick: bool) -> None:
    """Print all claims; `quick` leaves out aihwkit."""
    design = compile_cnn(MNIST / "mnist.onnx")
    data = design.images(MNIST / "mnist_test.npz")
    held: dict[str, EffectiveWeights] = {
        entry.layer.name: effective_weights(design, entry.layer.name, "coupled", engine=linear)
        for entry in design.plan.layers
    }
    fast = lambda: circuit_logits(design, held, data.images, threads=1)  # noqa: E731
    ours, software, slow = median_cpu(
        fast, plain(MNIST / "mnist.onnx", data.images), lambda: forward(design, held, data.images)
    )
    what = f"{len(data.images):,} MNIST images through the circuit's weights"
    show(f"{what}, over onnxruntime", f"{ours / software:.2f}", "<= 3", ours <= 3 * software)
    info("  processor: ours with all checks, onnxruntime", f"{ours:.3f}, {software:.3f} s")
    info("  float64 over ours", f"{slow / ours:.1f}")
    found, exact = fast(), forward(design, held, data.images)
    other = int((classes(found.values) != classes(exact)).sum())
    show("  images of another class than in float64", str(other), "0", other == 0)
    info("  images that float32 could not tell", str(found.ties))
    info("  arithmetic", str(found))
    scale = float(np.abs(exact).max())
    info("  largest difference of a logit, of the largest", f"{np.abs(found.values - exact).max() / scale:.1e}")
    if not quick:
        aihwkit(design, data.images, ours)
