"""Monte Carlo of fabrication: 200 chips x 10,000 images, shipped MNIST network and LeNet-5, two processes.

`resonet sweep --over seed=1:200:200 --measure accuracy` from the design folder to the finished table; some of its
samples by a path of their own, all in float64 and from the ONNX file on. Nothing is stored.
"""

import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _lenet import write_lenet
from _show import info, show

from resonet.cosim.sweep.axes import Axis, Spread
from resonet.cosim.sweep.prepared import fabricated
from resonet.cosim.sweep.sweep import Sweep, run_sweep
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.inference import forward
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.folder import write_design
from resonet.netlist.network.forward import classes
from resonet.netlist.network.images import ImageSet, read_images

__all__ = ["claims"]

MNIST = Path(__file__).parents[1] / "examples" / "mnist"
SPREAD = 0.02  # half-widths
SAMPLES, QUICK = 200, 20
MORE = 10  # samples of which processor time is taken, in one process
JOBS = 2


def by_itself(model: Path, data: ImageSet, seed: int) -> tuple[dict[str, float], float]:
    """Weight errors of the layers, and accuracy, of one sample: compiled anew, everything in float64."""
    design: Design = compile_cnn(model)
    program = fabricated(design.plan, design.program("coupled"), Spread(SPREAD, seed))
    design = replace(design, programs={"coupled": program})
    names = [entry.layer.name for entry in design.plan.layers]
    held = {name: effective_weights(design, name, "coupled", engine=linear) for name in names}
    right = classes(forward(design, held, data.images), design.cnn.ranked) == data.labels
    return {name: one.rms_error for name, one in held.items()}, float(np.mean(right))


def difference(found: dict[str, Any], model: Path, data: ImageSet, seed: int) -> tuple[float, bool]:
    """Largest relative difference of a sample's weight errors from those by itself, and whether accuracies agree."""
    errors, share = by_itself(model, data, seed)
    off = max(abs(found["rms_error"]["coupled"][name] / error - 1) for name, error in errors.items())
    return off, found["accuracy"]["coupled"] == share


def swept(folder: Path, seeds: range, jobs: int) -> tuple[list[dict[str, Any]], float, float]:
    """Values of the samples, wall and (of one process) processor seconds."""
    axis, data = Axis("seed", tuple(seeds)), str(MNIST / "mnist_test.npz")
    sweep = Sweep(str(folder), (axis,), False, "accuracy", ("coupled",), data=data, spread=Spread(SPREAD))
    begin, cpu = time.perf_counter(), time.process_time()
    _, outcomes = run_sweep(sweep, folder, jobs)
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    values = [outcomes[number].values or {} for number in range(len(seeds))]
    return values, wall, cpu


def samples(what: str, model: Path, bar: float, quick: bool) -> None:
    """One network: time, processor time, and some samples by themselves."""
    count = QUICK if quick else SAMPLES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "design"
        write_design(compile_cnn(model), model, folder)
        values, wall, _ = swept(folder, range(1, count + 1), JOBS)
        _, first, more = (swept(folder, range(1000, 1000 + n), 1)[2] for n in (1, 2, 2 + MORE))
    title = f"{what}: {count} samples x 10,000 images, {JOBS} processes"
    if quick:
        info(title, f"{wall:.1f} s")
    else:
        show(title, f"{wall:.1f} s", f"<= {bar:g} s", wall <= bar)
    each = (more - first) / MORE
    info("  processor: before the third sample; each", f"{first:.1f} s; {1e3 * each:.0f} ms")
    info("  by processor time, on as many free cores", f"{first + count * each / JOBS:.1f} s")
    info("  load of the machine, this run included; cores", f"{os.getloadavg()[0]:.1f}; {os.cpu_count()}")
    shares = [one["accuracy"]["coupled"] for one in values]
    low, high = min(shares), max(shares)
    info("  accuracy: trained; samples", f"{values[0]['software']:.4f}; {low:.4f} ... {high:.4f}")
    data = read_images(MNIST / "mnist_test.npz", (1, 28, 28))
    checked = [difference(values[n], model, data, n + 1) for n in sorted({0, count // 2, count - 1})]
    worst = max(off for off, _ in checked)
    show("  weight errors against single samples in float64", f"{worst:.1e}", "<= 1e-9", worst <= 1e-9)
    same = all(equal for _, equal in checked)
    show("  accuracies, the same", "equal" if same else "different", "equal", same)


def claims(quick: bool) -> None:
    """Print all claims; `quick`: a tenth of the samples of the shipped network, no time held against a bar."""
    samples("MNIST", MNIST / "mnist.onnx", 30, quick)
    if quick:
        return
    data = read_images(MNIST / "mnist_test.npz", (1, 28, 28))
    with tempfile.TemporaryDirectory() as name:
        model = write_lenet(Path(name) / "lenet.onnx", data.images[::2], data.labels[::2])
        samples("LeNet-5", model, 90, quick=False)
