"""Settling, latency and energy of the digit networks, next to time constants, ngspice and the literature."""

import numpy as np
from _neurons_networks import digits, mnist_slice
from _show import info, show

from resonet.core.types import Array
from resonet.cosim.cascade.energy_budget import LITERATURE, Energy, energy
from resonet.cosim.cascade.envelopes import EnvelopeRun, envelope
from resonet.cosim.cascade.hardware import Hardware
from resonet.cosim.cascade.settle import predicted_settling, settling, settling_time
from resonet.cosim.cascade.transient import cascade_timing, run_cascade
from resonet.cosim.weights.engines import linear, ngspice
from resonet.netlist.cascade.levels import voltages_of

__all__ = ["claims"]

STOP = 600e-9
IMAGES = 20


def _settling(name: str, hardware: Hardware, images: Array) -> EnvelopeRun:
    """Settling of every layer over some images; the last run."""
    runs = [envelope(hardware.levels, image, STOP) for image in images]
    each = np.array([[stage.sums for stage in settling(hardware.levels, run)] for run in runs])
    outputs = np.array([[stage.outputs for stage in settling(hardware.levels, run)] for run in runs])
    expected = predicted_settling(hardware.levels)
    for n, stage in enumerate(settling(hardware.levels, runs[-1])):
        known = stage.constants
        parts = f"{known.resonator * 1e9:.1f} + {known.dc * 1e9:.1f} + {known.oscillator * 1e9:.1f} ns"
        info(f"{name}, {stage.layer}: time constants, resonator + DC side + oscillator", parts)
        if known.threshold > known.oscillator:
            info(f"{name}, {stage.layer}: oscillator at threshold", f"{known.threshold * 1e9:.0f} ns")
        off = each[:, n].mean() / expected[n] - 1
        info(f"{name}, {stage.layer}: settling to 1 %, time constants alone", f"{expected[n] * 1e9:.0f} ns")
        show(
            f"{name}, {stage.layer}: the same by envelopes, mean of {len(images)}",
            f"{each[:, n].mean() * 1e9:.0f} ns",
            "within 30 %",
            abs(off) <= 0.3,
        )
        if outputs[:, n].max() > each[:, n].max():
            info(f"{name}, {stage.layer}: slowest neuron, any image", f"{outputs[:, n].max() * 1e9:.0f} ns")
    info(
        f"{name}: latency of an image to 1 %, mean and worst",
        f"{each[:, -1].mean() * 1e9:.0f}, {each[:, -1].max() * 1e9:.0f} ns",
    )
    return runs[-1]


def _in_ngspice(name: str, hardware: Hardware, image: Array, stop: float) -> None:
    """Settling and drive energy by the transient, beat notes smoothed out."""
    transient = run_cascade(hardware.levels, image, cascade_timing(hardware.levels, stop), 60e-9)
    run = envelope(hardware.levels, image, stop)
    grid = run.time
    width = max(1, round(8e-9 / (transient.time[-1] - transient.time[-2])))
    for n, (sums, trace) in enumerate(zip(transient.sums, run.stages, strict=True)):
        padded = np.pad(sums, ((width // 2, width - 1 - width // 2), (0, 0)), mode="edge")
        total = np.vstack([np.zeros(sums.shape[1]), padded.cumsum(0)])
        smooth = (total[width:] - total[:-width]) / width
        there = np.stack([np.interp(grid, transient.time, column) for column in smooth.T], axis=1)
        there[-1] = trace.sums[-1]
        slow, fast = (float(settling_time(grid, x, 0.02).max()) for x in (there, trace.sums))
        off = abs(slow / fast - 1)
        layer_name = hardware.design.stages[n].layer.name
        show(
            f"{name}, {layer_name}: settling to 2 %, ngspice / envelope",
            f"{slow * 1e9:.0f} / {fast * 1e9:.0f} ns",
            "within 10 %",
            off <= 0.1,
        )
    drive = transient.sums[0]
    (link,) = hardware.levels.stages[0].links
    current = link.current(voltages_of(hardware.levels, 0, drive))
    joules = float(np.trapezoid(current**2 * link.options.resistance, transient.time, axis=0).sum())
    envelopes = energy(hardware.levels, run, image).stages[0].oscillators
    off = abs(joules / envelopes - 1)
    show(f"{name}: energy of the drive currents, ngspice - envelope", f"{off:.2%}", "<= 1 %", off <= 0.01)


def _rf(name: str, hardware: Hardware) -> None:
    """RF power in the resonators: ngspice's currents against the linear engine's."""
    design, worst = hardware.design.design, 0.0
    for entry, program in zip(design.plan.layers, design.program(hardware.levels.method).layers, strict=True):
        powers = []
        for engine in (linear, ngspice.with_jobs(2)):
            passes = engine(design.plan, entry, program.f_res)
            powers.append(
                [
                    float((np.abs(np.broadcast_to(rf.current, (bus.size[1], *bus.size))) ** 2).sum())
                    for bus, rf in zip(entry.buses, passes.rf, strict=True)
                ]
            )
        worst = max(worst, float(np.abs(np.divide(*powers) - 1).max()))
    show(f"{name}: RF power in the resonators, ngspice .ac - linear engine", f"{worst:.0e}", "<= 1e-6", worst <= 1e-6)


def _joules(value: float) -> str:
    return f"{value * 1e15:,.3g} fJ"


def _energy(name: str, budget: Energy) -> None:
    """Energy of one image."""
    total = {
        part: sum(getattr(stage, part) for stage in budget.stages)
        for part in ("resonators", "sources", "drive", "oscillators", "read", "amplifiers")
    }
    info(f"{name}: an image is on for", f"{budget.time * 1e9:.0f} ns")
    for part, what in (
        ("resonators", "RF in the resonators"),
        ("sources", "RF that the sources have available"),
        ("drive", "drive of the oscillators, from the supply"),
        ("read", "read current"),
        ("amplifiers", "DC of the amplifiers"),
    ):
        info(f"{name}: {what}", _joules(total[part]))
    info(f"{name}: per synaptic operation, in the resonators", _joules(budget.per_synapse))
    info(f"{name}: per synaptic operation, from the sources", _joules(budget.per_synapse_with_sources))
    info(f"{name}: per neuron operation, in the oscillators", _joules(budget.per_oscillator))
    info(f"{name}: per neuron operation, amplifier and all", _joules(budget.per_neuron))


def claims(quick: bool) -> None:
    """Print the claims of this part."""
    kinds = ("relu",) if quick else ("relu", "three_terminal")
    for kind in kinds:
        hardware, data = digits(kind)
        images = np.asarray(data.images[: 4 if quick else IMAGES], float)
        name = f"digits, {kind.replace('_', ' ')}"
        run = _settling(name, hardware, images)
        stop = max(stage.sums for stage in settling(hardware.levels, run))
        _energy(name, energy(hardware.levels, run, images[-1], stop))
        if not quick:
            _rf(name, hardware)
    if not quick:
        hardware, pictures = mnist_slice(1, 2)
        _in_ngspice("MNIST slice, 243 resonators", hardware, pictures[0], 300e-9)
    info("literature, junctions of 20 nm: per synaptic operation", _joules(LITERATURE["synapse"]))
    info("literature, junctions of 20 nm: per neuron operation", _joules(LITERATURE["neuron"]))
