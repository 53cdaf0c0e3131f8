"""The crossbar: currents and speed against badcrossbar, ngspice, closed forms; the trained network next to RF chains.

    python benchmarks/_parasitics_crossbar.py [--quick]

Needs badcrossbar; where its pycairo cannot be built: pip install --no-deps badcrossbar.
"""

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from resonet.core.types import Array

MNIST = Path(__file__).parent.parent / "examples" / "mnist"
CELL = (0.5e-3, 1e-3)  # S: OFF/ON ratio 2, ON 1 kohm
EACH = 1e-3  # of the largest current, from which on a current counts by itself


def problem(size: int, inputs: int) -> tuple[Array, Array]:
    """Conductances [size, size], S, and voltages [size, inputs]."""
    rng = np.random.default_rng(size + inputs)
    return rng.uniform(*CELL, (size, size)), rng.uniform(0, 0.1, (size, inputs))


def solve_ours(size: int, inputs: int) -> tuple[float, list[Array]]:
    """Processor seconds, and currents of devices, word lines, bit lines, [size, size, inputs]."""
    from resonet.models.circuit.crossbar import CrossbarArray
    from resonet.models.circuit.crossbar_network import solve_network

    g, volts = problem(size, inputs)
    start = time.process_time()
    solution = solve_network(g, volts, CrossbarArray(word_resistance=1.0, bit_resistance=1.0))
    return time.process_time() - start, [solution.device, solution.word[:, :-1], solution.bit]


def solve_badcrossbar(size: int, inputs: int) -> tuple[float, list[Array]]:
    """The same from badcrossbar."""
    with warnings.catch_warnings(record=True):
        import badcrossbar  # type: ignore[import-not-found, import-untyped, unused-ignore]
    logging.disable(logging.INFO)
    g, volts = problem(size, inputs)
    start = time.process_time()
    currents = badcrossbar.compute(volts, 1 / g, 1.0).currents
    took = time.process_time() - start
    return took, [a.reshape(size, size, inputs) for a in (currents.device, currents.word_line, currents.bit_line)]


def in_a_process(who: str, size: int, inputs: int, folder: Path) -> tuple[float, float, list[Array]]:
    """Processor seconds, peak memory in MB (imports and all), currents: of one solution in a fresh one-core process."""
    path = folder / f"{who}_{size}_{inputs}.npz"
    done = subprocess.run(
        [sys.executable, __file__, "--child", who, str(size), str(inputs), str(path)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    took, peak = json.loads(done.stdout.strip().splitlines()[-1])
    with np.load(path) as saved:
        return took, peak, [saved[name] for name in ("device", "word", "bit")]


def peak_memory() -> float:
    """Largest resident memory of this process so far, MB. Linux's own count: getrusage's starts from the parent's."""
    status = Path("/proc/self/status")
    if status.is_file():
        return (
            float(next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))) / 1e3
        )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def child(who: str, size: int, inputs: int, path: Path) -> None:
    """One solution; prints processor seconds and peak memory."""
    took, currents = (solve_ours if who == "ours" else solve_badcrossbar)(size, inputs)
    peak = peak_memory()  # before anything is written
    np.savez(path, **dict(zip(("device", "word", "bit"), currents, strict=True)))
    print(json.dumps([took, peak]))


def differences(ours: list[Array], theirs: list[Array]) -> tuple[float, float]:
    """Largest difference of device and wire currents: of the largest current, and of each that is not tiny."""
    worst, each = 0.0, 0.0
    for a, b in zip(ours, theirs, strict=True):
        off, largest = np.abs(a - b), np.abs(b).max()
        counts = np.abs(b) > EACH * largest
        worst, each = max(worst, float(off.max() / largest)), max(each, float((off[counts] / np.abs(b[counts])).max()))
    return worst, each


def against_badcrossbar(show: Any, info: Any, quick: bool) -> None:
    """Equal currents, time, memory."""
    for size in (16, 64, 128):
        worst, each = differences(solve_ours(size, 1)[1], solve_badcrossbar(size, 1)[1])
        name = f"crossbar {size} x {size}, device and wire currents vs badcrossbar"
        show(f"{name}, of the largest", f"{worst:.1e}", "<= 1e-9", worst <= 1e-9)
        show(f"  of each above {EACH:g} of the largest", f"{each:.1e}", "<= 1e-9", each <= 1e-9)
    with tempfile.TemporaryDirectory() as folder:
        for size in (256,) if quick else (256, 512):
            for inputs in (1, 4) if quick else (1, 4, 10):
                race(show, info, size, inputs, Path(folder))


def race(show: Any, info: Any, size: int, inputs: int, folder: Path) -> None:
    """One size: time, memory and currents of both."""
    took, peak, ours = in_a_process("ours", size, inputs, folder)
    their_time, their_peak, theirs = in_a_process("badcrossbar", size, inputs, folder)
    worst, each = differences(ours, theirs)
    name = f"crossbar {size} x {size}, {inputs} input vectors"
    times = f"{took:.2f} s, {their_time:.1f} s: {their_time / took:.1f} x"
    if inputs <= 4:
        show(f"{name}: time, badcrossbar's, ratio", times, ">= 5 x", their_time >= 5 * took)
    else:  # its factors serve all vectors, so its time hardly grows
        info(f"{name}: time, badcrossbar's, ratio", times)
    memory = f"{peak:.0f}, {their_peak:.0f} MB"
    show(f"{name}: peak memory, badcrossbar's", memory, "no more", peak <= their_peak)
    show(f"{name}: currents, of the largest", f"{worst:.1e}", "<= 1e-9", worst <= 1e-9)
    show(f"  of each above {EACH:g} of the largest", f"{each:.1e}", "<= 1e-9", each <= 1e-9)


def against_ngspice(show: Any) -> None:
    """Device and output currents of decks."""
    from resonet.cosim.ngspice.run import run_deck
    from resonet.models.circuit.crossbar import CrossbarArray, conductance
    from resonet.models.circuit.crossbar_network import solve_network
    from resonet.netlist.crossbar.deck import crossbar_deck

    array, rng = CrossbarArray(), np.random.default_rng(7)
    for size in (16, 32):
        states, volts = rng.uniform(0, 1, (size, size)), rng.uniform(0, 0.1, size)
        g = conductance(states, array.cell)
        solution = solve_network(g, volts, array)
        plot = run_deck(crossbar_deck("crossbar", states, volts, array))[0]
        nodes = [[f"v({line}{i}_{k})" for i in range(size) for k in range(size)] for line in "wb"]
        word, bit = (plot.columns(names)[0].real.reshape(size, size) for names in nodes)
        device = g * (word - bit)
        outputs = plot.columns([f"i(vsense{k})" for k in range(size)])[0].real
        off = np.abs(solution.device[..., 0] - device).max() / device.max()
        off = max(off, float(np.max(np.abs(solution.output[:, 0] / outputs - 1))))
        show(
            f"crossbar {size} x {size}, device and output currents vs ngspice .op", f"{off:.1e}", "<= 1e-6", off <= 1e-6
        )


def against_closed_forms(show: Any) -> None:
    """Sneak paths of a floating array; effective weights against one solution per input."""
    from resonet.models.circuit.crossbar import CrossbarArray
    from resonet.models.circuit.crossbar_network import norton, read_pairs, sense, solve_network

    ideal, n = CrossbarArray(word_resistance=0.0, bit_resistance=0.0), 64
    first = np.arange(n) == 0
    output = solve_network(np.full((n, n), 1e-3), 0.1 * first, ideal, first, first).output[0, 0]
    wanted = 0.1e-3 * (1 + 1 / (2 / (n - 1) + 1 / (n - 1) ** 2))
    off = abs(output / wanted - 1)
    show("sneak paths of a floating 64 x 64 array vs closed form", f"{off:.1e}", "<= 1e-9", off <= 1e-9)
    g, array = problem(48, 1)[0], CrossbarArray(sense_resistance=10.0)
    one_by_one = solve_network(g, np.eye(48), array).output.T
    off = np.abs(sense(norton(g, array), array) - one_by_one).max() / one_by_one.max()
    show("all inputs at once vs one solution an input, 48 x 48", f"{off:.1e}", "<= 1e-9", off <= 1e-9)
    pair = np.isin(np.arange(48), (6, 7))
    one_by_one = solve_network(g, np.eye(48), array, sensed=pair).output[pair].T
    off = np.abs(read_pairs(norton(g, array), array)[:, pair] - one_by_one).max() / one_by_one.max()
    show("  with all but one pair of bit lines floating", f"{off:.1e}", "<= 1e-9", off <= 1e-9)


def trained_network(show: Any, info: Any, quick: bool) -> None:
    """The shipped network on crossbars and on RF chains."""
    from resonet.cosim.calibration.newton import calibrate
    from resonet.cosim.crossbar.studies import crossbar_point, pooled_error
    from resonet.cosim.weights.effective import effective_weights
    from resonet.cosim.weights.inference import accuracy
    from resonet.models.circuit.crossbar import CrossbarArray
    from resonet.netlist.design.design import compile_cnn
    from resonet.netlist.network.forward import propagate
    from resonet.netlist.network.images import read_images
    from resonet.netlist.network.onnx.read import read_cnn
    from resonet.netlist.programming.methods import METHODS

    shape = read_cnn(MNIST / "mnist.onnx").input_shape
    design = compile_cnn(MNIST / "mnist.onnx", None, read_images(MNIST / "mnist_calibration.npz", shape))
    images, layers = read_images(MNIST / "mnist_test.npz", shape), [e.layer.name for e in design.plan.layers]
    software = propagate(design.cnn, images.images)
    base = CrossbarArray()
    ideal = crossbar_point(design, layers, replace(base, word_resistance=0.0, bit_resistance=0.0), "direct", images)
    off = max(float(np.abs(w.error).max()) for w in ideal.weights.values())
    show("crossbars without parasitics hold the trained weights, largest error", f"{off:.1e}", "<= 1e-9", off <= 1e-9)
    right = float(np.mean(software.argmax(1) == images.labels))
    same = f"{ideal.accuracy:.2%}, {right:.2%}"
    show("  accuracy on 10,000 images, and the software's", same, "equal", ideal.accuracy == right)
    cases: list[tuple[str, CrossbarArray, Any]] = [
        ("128 x 128, 1 Ohm, direct", base, "direct"),
        ("128 x 128, 1 Ohm, compensated", base, "compensated"),
    ]
    if not quick:
        cases += [
            ("128 x 128, 1 Ohm, direct, floating", replace(base, unselected="floating"), "direct"),
            ("128 x 128, 0.1 Ohm, direct", replace(base, word_resistance=0.1, bit_resistance=0.1), "direct"),
            ("32 x 32, 1 Ohm, direct", replace(base, rows=32, columns=32), "direct"),
            ("whole layers, 1 Ohm, direct", replace(base, rows=1024, columns=1024), "direct"),
            ("whole layers, 1 Ohm, compensated", replace(base, rows=1024, columns=1024), "compensated"),
            ("128 x 128, OFF/ON 10, direct", replace(base, cell=replace(base.cell, ratio=10.0)), "direct"),
            ("128 x 128, compensated, read noise 1 %", replace(base, read_noise=0.01), "compensated"),
            ("128 x 128, compensated, read noise 3 %", replace(base, read_noise=0.03), "compensated"),
        ]
    for name, array, program in cases:
        point = crossbar_point(design, layers, array, program, images)
        error = pooled_error([w.error for w in point.weights.values()])
        info(f"crossbar {name}: RMS weight error, accuracy", f"{error:.2%}, {point.accuracy:.2%}")
    design = calibrate(design).design
    for method in ("calibrated",) if quick else METHODS:
        chains = {layer_name: effective_weights(design, layer_name, method) for layer_name in layers}
        error = pooled_error([w.error for w in chains.values()])
        share = accuracy(design, chains, images, software=software).circuit
        info(f"RF chains, {method}: RMS weight error, accuracy", f"{error:.2%}, {share:.2%}")


def claims(quick: bool = False) -> None:
    """Every claim about the crossbar, from scratch."""
    from _show import info, show

    against_badcrossbar(show, info, quick)
    against_ngspice(show)
    against_closed_forms(show)
    trained_network(show, info, quick)


def main() -> None:
    """All claims, or one solution for a parent process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="without 512 x 512, fewer networks")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        who, size, inputs, path = given.child
        child(who, int(size), int(inputs), Path(path))
        return
    from _show import header, stop

    header("numpy", "scipy", "badcrossbar")
    claims(given.quick)
    stop()


if __name__ == "__main__":
    main()
