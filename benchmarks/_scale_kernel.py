"""Speed of the linear engine's pass over a layer, against a copy of its arrays in the same process."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from _show import info, show

from resonet.core.types import Array
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import Engine, linear
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.design.design import Design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.cnn import Cnn, Synapses
from resonet.netlist.planning.frequency_plan import plan
from resonet.netlist.programming.methods import LayerProgram, Program

__all__ = ["claims", "dense_design"]

TIMES = 25


def dense_design(resonators: int) -> Design:
    """One dense layer under bus feed, chains in tiles of 48; detunings within a linewidth, which no time depends on."""
    outputs = max(10, round(resonators**0.5))
    inputs = resonators // outputs
    weight = np.random.default_rng(inputs).normal(size=(outputs, inputs, 1, 1))
    dense = Synapses("dense", "", "dense", weight, np.zeros(outputs), (inputs, 1, 1), (outputs, 1, 1), (1, 1))
    cnn, rng = Cnn("random", "", dense.in_shape, (dense,)), np.random.default_rng(0)
    planned, damping = plan(cnn), SpinDiode().damping
    f_res = tuple(bus.frequencies * (1 + damping * rng.uniform(-1, 1, bus.size)) for bus in planned.layers[0].buses)
    program = Program("formula", (LayerProgram("dense", SpinDiode().sensitivity, f_res, 0.0),))
    return Design(cnn, read_parameters(), planned, {"formula": program}, {}, "")


def replan(design: Design) -> Design:
    """The same design, with nothing kept of its plan."""
    layers = tuple(replace(entry) for entry in design.plan.layers)
    return replace(design, plan=replace(design.plan, layers=layers))


def best(call: Callable[[], object]) -> tuple[float, float]:
    """Shortest wall time and least processor time of some calls, s."""
    taken = []
    for _ in range(TIMES):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        taken.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(wall for wall, _ in taken), min(cpu for _, cpu in taken)


def claims(quick: bool) -> None:
    """Effective weights of a million resonators on 48 channels; the copy is of all that goes in and out, float64.

    In: resonance frequencies. Out: weights, and of every bus the map of crosstalk [victim, aggressor].
    """
    design = dense_design(1_000_000)
    made = effective_weights(design, "dense", "formula", engine=linear)  # loads the compiled code
    program = design.programs["formula"].layers[0]
    arrays: list[Array] = [*program.f_res, made.values, *made.crosstalk.values()]
    one = np.concatenate([array.ravel() for array in arrays])
    other = one.copy()
    copy, _ = best(lambda: np.copyto(other, one))
    wall, cpu = best(lambda: effective_weights(design, "dense", "formula", engine=linear))
    ratio = wall / copy
    show("effective weights, 1M resonators, 48 channels, over a copy", f"{ratio:.1f}", "<= 8", ratio <= 8)
    info(
        "  the arrays; their copy; the weights", f"{one.nbytes / 1e6:.0f} MB; {1e3 * copy:.2f} ms; {1e3 * wall:.1f} ms"
    )
    info("  processor time, over the copy", f"{1e3 * cpu:.1f} ms, {cpu / copy:.1f}")
    fresh = best(lambda: effective_weights(replan(design), "dense", "formula", engine=linear))[1]
    info("  processor time, of a plan that was not seen before", f"{1e3 * fresh:.1f} ms, {fresh / copy:.1f}")
    if quick:
        return
    theirs = effective_weights(design, "dense", "formula", engine=Engine("phasors", linear.passes))
    off = float(np.abs(theirs.values - made.values).max() / np.abs(theirs.values).max())
    show("  weights, difference from those of the phasors", f"{off:.1e}", "<= 1e-12", off <= 1e-12)
