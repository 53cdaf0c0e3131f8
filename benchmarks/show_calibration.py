"""Show calibration: every claim about it, recomputed from scratch, with its bar.

    python benchmarks/show_calibration.py            # all of it, some minutes
    python benchmarks/show_calibration.py --quick    # what ends within a minute

Prints what, figure, bar and "holds" or "FALLS SHORT", then measurements without a bar; exit status 1 if any falls
short. Nothing is stored between runs.
"""

import argparse
import importlib
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from _show import header, info, show, stop

from resonet.cosim.calibration.newton import Calibration, CalibrationOptions, Status, calibrate, calibrate_layer
from resonet.cosim.weights.effective import EffectiveWeights, effective_weights
from resonet.cosim.weights.engines import Engine, Passes, linear, ngspice
from resonet.cosim.weights.inference import accuracy
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.network.cnn import Cnn, Synapses
from resonet.netlist.network.images import ImageSet, read_images
from resonet.netlist.planning.frequency_plan import PlanOptions, plan
from resonet.netlist.programming.methods import COMPILED, program

MNIST = Path(__file__).parent.parent / "examples" / "mnist"
SHAPE = (1, 28, 28)


def shipped() -> Design:
    """The shipped network with default parasitics."""
    images = read_images(MNIST / "mnist_calibration.npz", SHAPE)
    return compile_cnn(MNIST / "mnist.onnx", calibration=images)


def whole_network(design: Design) -> Calibration:
    """Time of the linear engine on the whole network, from the worse of the two programs."""
    start = time.perf_counter()
    calibration = calibrate(design, linear, start="formula")
    took = time.perf_counter() - start
    show("calibrate the shipped network, linear engine", f"{took:.2f} s", "<= 30 s", took <= 30)
    return calibration


def conv1_with_ngspice(design: Design) -> None:
    """A kernel of conv1, and all 16, with ngspice in the loop."""
    entry = design.plan.layer("conv1")
    (bus,) = entry.buses
    first = replace(bus, outputs=bus.outputs[:1])
    kernel = replace(entry, buses=(first,))
    programmed = design.program("formula").layer("conv1")
    for what, planned, f_res in (
        ("one conv1 kernel", kernel, (programmed.f_res[0][:1],)),
        ("conv1, 16 kernels", entry, programmed.f_res),
    ):
        start = time.perf_counter()
        calibrated = calibrate_layer(design.plan, planned, replace(programmed, f_res=f_res), ngspice)
        took = time.perf_counter() - start
        good = calibrated.status is Status.CONVERGED and took <= 10
        show(
            f"{what}, ngspice in the loop (largest error {calibrated.worst_after:.0e})",
            f"{took:.2f} s",
            "<= 10 s",
            good,
        )


def before_and_after(calibration: Calibration, quick: bool) -> dict[str, EffectiveWeights]:
    """Weight errors per layer as ngspice sees them (quick: before by the linear engine); the calibrated weights."""
    after = {}
    for entry in calibration.design.plan.layers:
        name = entry.layer.name
        engine = linear if quick else ngspice
        before = {m: effective_weights(calibration.design, name, m, engine=engine) for m in COMPILED}
        after[name] = effective_weights(calibration.design, name, "calibrated", engine=ngspice)
        error = after[name].rms_error
        was = f"formula {before['formula'].rms_error:.2%}, coupled {before['coupled'].rms_error:.2%}"
        holds = error <= 1e-3 and before["formula"].rms_error > 0.05
        show(f"{name}: RMS weight error in ngspice ({was})", f"{error:.1e}", "<= 0.1 %, was > 5 %", holds)
    return after


def circuit_accuracy(design: Design, effective: dict[str, EffectiveWeights], data: ImageSet) -> None:
    """Accuracy of the calibrated circuit, with ngspice's effective weights."""
    shares = accuracy(design, effective, data)
    off = 100 * abs(shares.circuit - shares.software)
    shown = f"{shares.circuit:.2%}"
    what = f"circuit accuracy, {shares.images} images (software {shares.software:.2%})"
    show(what, shown, "within 0.1 points", off <= 0.1)
    info("  images in the same class as the software network's", f"{shares.same_class:.2%}")


def _dense(weight: np.ndarray) -> Cnn:
    out, taps = weight.shape
    synapses = Synapses(
        "dense1", "", "dense", weight.reshape(out, taps, 1, 1), np.zeros(out), (taps, 1, 1), (out, 1, 1), groups=1
    )
    return Cnn("random", "0" * 64, (taps,), (synapses,))


def never_worse() -> None:
    """Layers beyond their range, and circuits that jump at random: no result may be worse than its start."""
    rng = np.random.default_rng(0)
    tries, worse, typed = 0, 0, 0
    for band, jump in ((10e9, 0.0), (6e9, 0.0), (20e9, 0.003), (20e9, 0.03), (6e9, 0.03)):
        planned = plan(_dense(rng.uniform(-1, 1, (8, 25))), options=PlanOptions(f_min=5e9, f_max=band))
        entry = planned.layers[0]

        def passes(plan: object, entry: object, f_res: object, jump: float = jump) -> Passes:
            moved = [f * (1 + jump * rng.normal(size=f.shape)) for f in f_res]  # type: ignore[attr-defined]
            return linear(plan, entry, moved)  # type: ignore[arg-type]

        for method in COMPILED:
            start = program(planned, method).layers[0]
            calibrated = calibrate_layer(planned, entry, start, Engine("jumps", passes), CalibrationOptions(fill=0.8))
            tries += 1
            worse += calibrated.rms_after > calibrated.rms_before
            typed += isinstance(calibrated.status, Status) and bool(calibrated.status.value)
    show("results worse than their start (overlapping channels, random faults)", f"{worse} of {tries}", "0", worse == 0)
    show("  each ends in a typed status with advice, no exception", f"{typed} of {tries}", "all", typed == tries)


def main() -> None:
    """Run the claims."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="what ends within a minute")
    quick = parser.parse_args().quick
    header("numpy", "scipy")
    design = shipped()
    calibration = whole_network(design)
    conv1_with_ngspice(design)
    effective = before_and_after(calibration, quick)
    circuit_accuracy(calibration.design, effective, read_images(MNIST / "mnist_test.npz", SHAPE))
    never_worse()
    for part in ("_calibration_planning", "_calibration_quantised", "_calibration_codes", "_calibration_bench"):
        print()
        importlib.import_module(part).claims(quick)
    stop()


if __name__ == "__main__":
    main()
