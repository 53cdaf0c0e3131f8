"""Crosstalk attribution: the split against closed forms, the direct solution and ngspice; what it says about conv1.

`claims` prints a line per claim through `_show`, then the measured splits of the shipped network.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from resonet.core.types import Array
from resonet.cosim.calibration.newton import calibrate
from resonet.cosim.strip.attribution import PARTS, Attribution, attribute
from resonet.cosim.strip.direct import linear_phasors
from resonet.cosim.strip.engine import strip_response
from resonet.cosim.strip.layer import solve_layer_windows, strip_weights
from resonet.cosim.strip.passes import ALL_CAUSES, layer_resonances, rectified, strip_pass
from resonet.cosim.strip.tree_solver import swept_currents
from resonet.cosim.weights.bus_attribution import attribute_bus
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.inference import accuracy
from resonet.models.line.strip_geometry import Geometry, line_field
from resonet.models.resonator.linear import SpinDiode, rectified_per_watt
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.network.images import read_images
from resonet.netlist.strip.circuit import strip_circuit
from resonet.netlist.strip.drive import strip_program
from resonet.netlist.strip.parasitics import extract_parasitics
from resonet.netlist.strip.placement import Placement, place
from resonet.netlist.strip.usage import layer_usage, wired_usage

__all__ = ["claims"]

Line = tuple[str, str, str, bool]
MNIST = Path(__file__).parents[1] / "examples" / "mnist"
DEVICE = SpinDiode()
TONES = np.geomspace(1e9, 20e9, 25)
MIDDLE = np.arange(1218, 1230)  # 12 chains in the middle of block 8 of conv1


def _design() -> Design:
    images = read_images(MNIST / "mnist_calibration.npz", (1, 28, 28))
    return compile_cnn(MNIST / "mnist.onnx", calibration=images)


def _conv1(design: Design, arrangement: str) -> tuple[Placement, Array, Array]:
    """Placement, resonances and weights of conv1 under the coupled program."""
    synapses = design.plan.layer("conv1").layer
    placement = place(layer_usage(synapses), arrangement)
    f_res, scale = layer_resonances(placement, synapses, TONES, DEVICE, 0.8, "coupled")
    return placement, f_res, synapses.matrix.reshape(-1) * scale


def _small() -> Iterator[Line]:
    """Two chains of two by hand; six chains against the direct solution and ngspice."""
    placement, tones = place(wired_usage([[0, 1], [1, 2]]), "planar"), np.array([2e9, 3e9])
    weights = np.array([0.5, -0.3]) * DEVICE.sensitivity
    f_res = strip_program(placement, weights, tones, DEVICE)
    split = attribute(placement, tones, f_res, weights, parts={"field": ("line_field",)}, device=DEVICE)
    usage, a = placement.usage, float(line_field(Geometry(), Geometry().pitch_x))
    wanted = np.zeros((2, 3))
    for n in range(4):  # the line beside resonator n is that of the other chain at the same tap
        other = np.flatnonzero((usage.tap == usage.tap[n]) & (usage.chain != usage.chain[n]))[0]
        volts = rectified_per_watt(tones[usage.tone[other]], f_res[n], DEVICE) * a**2
        wanted[usage.chain[n], usage.line[other]] += (1 - 2 * usage.tap[n]) * volts
    off = np.abs(split.parts[0].alone * split.scale - wanted).max() / np.abs(wanted).max()
    yield "fields of a neighbour's line, two chains, closed form", f"{off:.0e}", "<= 1e-6", off <= 1e-6

    table = [[j, j + 1, j + 2] for j in range(3)] * 2
    placement = place(wired_usage(table, np.repeat([[0, 1, 2], [3, 4, 5]], 3, 0)), "planar")
    tones = np.geomspace(2e9, 8e9, placement.usage.tones)
    weights = np.array([0.5, -0.3, 0.2, 0.7, 0.1, -0.6]) * DEVICE.sensitivity
    f_res, usage = strip_program(placement, weights, tones, DEVICE), placement.usage
    ours = attribute(placement, tones, f_res, weights, device=DEVICE)
    direct = strip_response(placement, extract_parasitics(placement, 4e9), f_res, tones, device=DEVICE)
    programmed = np.zeros((6, 5))
    programmed[usage.chain, usage.line] = weights[usage.weight]
    parts = ours.spectral + ours.delay + sum(part.alone for part in ours.parts) + ours.interaction
    off = np.abs(parts - (direct.weights - programmed) / ours.scale).max()
    yield "sum of all parts against the direct solution, six chains", f"{off:.0e}", "<= 1e-9", off <= 1e-9
    theirs = attribute(placement, tones, f_res, weights, device=DEVICE, engine="ngspice")
    off = max(np.abs(p.alone - q.alone).max() for p, q in zip(ours.parts, theirs.parts, strict=True))
    yield "the split, six chains: linear engine against ngspice .ac", f"{off:.0e}", "<= 1e-8", off <= 1e-8


def _solver(design: Design) -> Iterator[Line]:
    """Ladders with iteration against the direct factorisation."""
    placement = _conv1(design, "planar")[0]
    circuit = strip_circuit(placement, extract_parasitics(placement, 4.47e9), np.arange(144))
    lines, first = np.unique(circuit.line, return_index=True)
    tones = circuit.tone[first]
    kept = tones == 24
    times, currents = [], []
    for solve in (swept_currents, linear_phasors):
        begin = time.process_time()
        currents.append(solve(circuit, lines[kept], tones[kept], TONES, DEVICE))
        times.append(time.process_time() - begin)
    off = np.abs(currents[0] - currents[1]).max() / np.abs(currents[1]).max()
    yield "iteration on ladders against direct, a block of 3,600 resonators", f"{off:.0e}", "<= 1e-9", off <= 1e-9
    ratio = times[1] / times[0]
    yield "  processor time of the direct solution over that of the iteration", f"{ratio:.1f}", "", True


def _split(name: str, split: Attribution) -> Iterator[tuple[str, str]]:
    def told(error: Array) -> str:
        return f"{100 * split.rms(error):.4f} ({100 * split.rms(error, True):.4f}) %"

    yield f"{name}: spectral overlap (of it foreign)", told(split.spectral)
    yield f"{name}: matched lines, bridges", told(split.delay)
    for part in split.parts:
        yield f"{name}: {part.name}, alone", told(part.alone)
        yield f"{name}: {part.name}, removed from all", told(part.without)
        yield f"{name}: {part.name}, linear response", told(part.linear)
    for part in split.parts:
        yield f"{name}: {part.name}, alone, after one gain", told(split.uneven(part.alone))
    yield f"{name}: all together, after one gain", told(split.uneven(split.total))
    yield f"{name}: interaction", told(split.interaction)
    yield f"{name}: all together", told(split.total)
    inner = float(np.sqrt((split.coherent_rms**2).sum() / split.uses.sum()))
    worst = split.coherent_worst.max()
    yield f"{name}: interference of equal tones, RMS; worst", f"{100 * inner:.3f} %; {100 * worst:.2f} %"
    yield f"{name}: interference if all tones were one", f"{100 * split.one_frequency:.3f} %"
    yield f"{name}: loudest pair", f"{split.pairs[0].level:.1f} dB, {split.pairs[0].cause}"


def _truncation(design: Design) -> Iterator[tuple[str, str]]:
    """Windows of 12 chains against their whole block of 144."""
    placement, f_res, _ = _conv1(design, "planar")
    block = strip_pass(placement, TONES, ALL_CAUSES, np.arange(1152, 1296), 0, DEVICE)
    weights = block.gains @ rectified(block, f_res, DEVICE).T
    usage = placement.usage
    for neighbours in (0, 3, 6, 12):
        part = strip_pass(placement, TONES, ALL_CAUSES, MIDDLE, neighbours, DEVICE)
        whole = weights[np.ix_(MIDDLE - 1152, np.searchsorted(block.lines, part.lines))]
        uses = np.zeros(whole.shape, bool)
        inside = np.isin(usage.chain, MIDDLE)
        uses[usage.chain[inside] - MIDDLE[0], np.searchsorted(part.lines, usage.line[inside])] = True
        off = part.gains @ rectified(part, f_res, DEVICE).T - whole
        own = np.sqrt((off[uses] ** 2).mean()) / np.abs(weights).max()
        foreign = np.linalg.norm(off[~uses]) / np.linalg.norm(whole[~uses])
        yield (
            f"12 chains, {neighbours} neighbours, against their block: own; foreign",
            f"{100 * own:.2f} % of largest; {100 * foreign:.0f} % of itself",
        )


def _bus(design: Design) -> Iterator[tuple[str, str]]:
    for program in ("formula", "coupled"):
        for entry in design.plan.layers:
            split = attribute_bus(design.plan, entry, design.program(program).layer(entry.layer.name))
            parts = {"spectral": split.spectral} | {p.name: p.alone for p in split.parts}
            told = ", ".join(f"{n} {100 * np.sqrt((e**2).mean()):.3f}" for n, e in parts.items())
            yield f"bus, {program}, {entry.layer.name}: RMS %", told


def _whole(design: Design, arrangement: str) -> Iterator[tuple[str, str]]:
    """All of conv1 by every program, other layers calibrated on their buses."""
    images = read_images(MNIST / "mnist_test.npz", (1, 28, 28))
    synapses, begin = design.plan.layer("conv1").layer, time.perf_counter()
    strip = solve_layer_windows(place(layer_usage(synapses), arrangement), synapses, TONES)
    yield f"{arrangement}: RF passes of 57,600 resonators", f"{time.perf_counter() - begin:.0f} s"
    bus = calibrate(design).design
    effective = {
        e.layer.name: effective_weights(bus, e.layer.name, "calibrated", engine=linear) for e in bus.plan.layers
    }
    for name, weights in strip_weights(strip, 0.8).items():
        share = accuracy(design, {**effective, "conv1": weights}, images).circuit
        told = f"{100 * weights.rms():.2f} % ({100 * weights.rms(True):.3f} %), {100 * share:.2f} %"
        yield f"{arrangement}: {name}, RMS (foreign), accuracy", f"{told}, fill {weights.fill:.2f}"


def claims(quick: bool = False) -> None:
    """Print every claim with its bar; `quick` leaves out what conv1 says, minutes of work."""
    from _show import info, show

    design = _design()
    for line in (*_small(), *_solver(design)):
        show(*line)
    if quick:
        return
    for arrangement in ("planar", "stacked"):
        placement, f_res, weights = _conv1(design, arrangement)
        for note in _split(arrangement, attribute(placement, TONES, f_res, weights, MIDDLE, 6, PARTS, DEVICE)):
            info(*note)
        for note in _whole(design, arrangement):
            info(*note)
    for note in (*_truncation(design), *_bus(design)):
        info(*note)


if __name__ == "__main__":
    claims()
