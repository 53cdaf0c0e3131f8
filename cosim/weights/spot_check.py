"""ngspice as a witness of the linear engine: on every bus of a layer where that is quick, else on a stratified sample.

The sample takes the bus of the longest chains, the fullest, the one of the closest channels, the one with most under
it, those of the furthest detuning and of the loudest tone, then others by lot; and neurons for the DC pass likewise.
The lot is drawn from the resonance frequencies, so that a program is always checked on the same buses.
"""

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from resonet.core.types import Array
from resonet.core.validity import warn
from resonet.core.watching import Done, nothing
from resonet.cosim.ngspice.program import find_ngspice, ngspice_missing, ngspice_version
from resonet.cosim.weights.bus_answers import Answers
from resonet.cosim.weights.passes import RfPass, dc_gains, rectify, rf_pass
from resonet.cosim.weights.witness import NOUGHT, Witness, check_balance, compare, compare_bus
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.bus.deck import DC_DECK, stack_batches
from resonet.netlist.bus.hardware import BusHardware, Stack, bus_hardware, dc_stacks
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan

__all__ = ["BUDGET", "SAMPLE", "Judged", "bus_cost", "layer_cost", "most_telling", "spot_check", "warn_unwitnessed"]

BUDGET = 20.0  # s, wall time within which every bus is checked
SAMPLE = 0.2  # of that, which a sample takes, by the estimate below
LAUNCH, POWER, EACH, EACH_DC = 0.012, 1.3, 2.2e-5, 7e-5  # s: an RF deck of R resonators takes LAUNCH + EACH R^POWER
AT_ONCE = 32  # decks whose phasors are in memory


def bus_cost(bus: Bus) -> float:
    """Processor time that ngspice takes for a bus, s, about: what its RF deck does, and its part of the DC decks."""
    resonators = bus.size[0] * bus.size[1]
    return LAUNCH + EACH * float(resonators**POWER) + EACH_DC * resonators


def layer_cost(entry: LayerPlan) -> float:
    """The same for all buses of a layer."""
    return sum(map(bus_cost, entry.buses))


def _lot(entry: LayerPlan, f_res: Sequence[Array]) -> np.random.Generator:
    """Always the same for one program of a layer."""
    return np.random.default_rng(zlib.crc32(entry.layer.name.encode() + np.ascontiguousarray(f_res[0]).tobytes()))


def most_telling(entry: LayerPlan, f_res: Sequence[Array], device: SpinDiode) -> list[int]:
    """Buses of a layer by number, those first that a sample should have; ties and the rest by lot."""
    lot, buses = _lot(entry, f_res), entry.buses
    spacing = [np.min(-np.diff(np.log(bus.frequencies)), initial=np.inf) for bus in buses]
    detuning = [np.abs(f / bus.frequencies - 1).max() / device.damping for bus, f in zip(buses, f_res, strict=True)]
    keys = (
        [bus.size[0] * bus.size[1] for bus in buses],
        [-closest for closest in spacing],
        [bus.size[1] for bus in buses],
        detuning,
        [bus.below for bus in buses],
        [bus.levels.max() for bus in buses],
    )
    draw = lot.permutation(len(buses))
    return list(dict.fromkeys([*(int(np.lexsort((draw, np.asarray(key)))[-1]) for key in keys), *draw.tolist()]))


def _neurons(buses: Sequence[BusHardware], lot: np.random.Generator) -> list[Stack]:
    """A deck of neurons: the one of most resonators, the first, the last, then others by lot."""
    stacks = dc_stacks(buses)
    largest = int(np.argmax([stack.resonators for stack in stacks]))
    order = dict.fromkeys([largest, 0, len(stacks) - 1, *lot.permutation(len(stacks)).tolist()])
    chosen: list[Stack] = []
    resonators = 0
    for number in order:
        resonators += stacks[number].resonators
        if chosen and resonators > DC_DECK:
            break
        chosen.append(stacks[number])
    return chosen


def _sample(order: Sequence[int], costs: Sequence[float], seconds: float) -> list[int]:
    """The first buses that fit into so many seconds, at least one."""
    spent, taken = 0.0, 0
    for number in order:
        spent += costs[number]
        if taken and spent > seconds:
            break
        taken += 1
    return list(order[:taken])


def warn_unwitnessed(missing: str) -> None:
    """Say that nobody has checked weights of the linear engine."""
    warn("unwitnessed", f"weights are the linear engine's alone, not checked by ngspice: {missing}", 0, 1, "witnesses")


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What is checked of a layer."""

    rf: Callable[[Bus, Array], RfPass]  # of a bus and its f_res, in closed form
    answers: Callable[[], Answers]  # of all chains, V/W, as the weights are made of them
    divider: float  # of the readout: gain of every resonator at DC


@dataclass(frozen=True, slots=True, eq=False)
class _Check:
    """ngspice on some buses of a layer."""

    plan: FrequencyPlan
    entry: LayerPlan
    f_res: Sequence[Array]
    judged: Judged
    by: str
    jobs: int | None
    done: Done

    def buses(self, numbers: Sequence[int]) -> Witness:
        """RF pass, and the answers of the chains that follow from it."""
        answers = self.judged.answers().values
        seen = Witness(by=self.by)
        for at in range(0, len(numbers), AT_ONCE):
            seen += self._some(numbers[at : at + AT_ONCE], answers)
        return seen

    def _some(self, numbers: Sequence[int], answers: Array) -> Witness:
        plan, entry, seen = self.plan, self.entry, Witness(by=self.by)
        built = [bus_hardware(plan, entry.buses[n], self.f_res[n]) for n in numbers]
        for n, found in zip(numbers, rf_pass(built, self.jobs, self.done), strict=True):
            bus = entry.buses[n]
            where = f"layer {entry.layer.name}, bus {bus.name}"
            off = compare_bus(plan, entry, bus, found, self.judged.rf(bus, self.f_res[n]))
            gain, known = self.judged.divider * bus.signs, answers[bus.group][np.ix_(bus.outputs, bus.taps)]
            chains = np.einsum("tjk,k->jt", rectify(found, plan.device.transduction), gain)
            least = NOUGHT * float(np.abs(found.current * found.precession).max()) * abs(plan.device.transduction) / 2
            off = max(off, compare(where, "answer of a chain, V/W", chains, known, least=least))
            seen += Witness(off, 1, 0, where, self.by)
        return seen

    def gains(self, hardware: Sequence[BusHardware], batches: Sequence[Sequence[Stack]]) -> Witness:
        """DC pass of some neurons."""
        buses, where = {bus.name: bus for bus in self.entry.buses}, f"layer {self.entry.layer.name}"
        off = max(
            compare(f"{where}, bus {name}", "DC gain", gain, self.judged.divider * buses[name].signs)
            for (name, _), gain in dc_gains(hardware, self.jobs, batches=batches).items()
        )
        return Witness(off, 0, 0, f"{where}, DC gains", self.by)


def spot_check(
    plan: FrequencyPlan,
    entry: LayerPlan,
    f_res: Sequence[Array],
    judged: Judged,
    budget: float = BUDGET,
    jobs: int | None = None,
    done: Done = nothing,
) -> Witness:
    """Hold what the linear engine says of a layer against ngspice, bus by bus and neuron by neuron.

    All of them where they take less than `budget` seconds: first a sample, which also measures how long they take.
    `done` is called once a bus. Without ngspice there is no witness, and a warning. Raises EngineError that names bus
    and both numbers where they differ by more than 1e-6 of full scale.
    """
    check_balance(plan, entry)
    if missing := ngspice_missing():
        warn_unwitnessed(missing)
        for _ in entry.buses:
            done()
        return Witness(of=len(entry.buses), missing=missing)
    by, begin = f"ngspice {ngspice_version(find_ngspice())}", time.perf_counter()
    check = _Check(plan, entry, f_res, judged, by, jobs, done)
    hardware = [bus_hardware(plan, bus, f) for bus, f in zip(entry.buses, f_res, strict=True)]
    order, costs = most_telling(entry, f_res, plan.device), [bus_cost(bus) for bus in entry.buses]
    first = _sample(order, costs, SAMPLE * budget)
    rest, spent = order[len(first) :], sum(costs[n] for n in first)
    seen, every = check.buses(first), partial(stack_batches, hardware)
    seen += check.gains(hardware, [_neurons(hardware, _lot(entry, f_res))] if rest else every())
    if rest and (time.perf_counter() - begin) * sum(costs) / spent <= budget:
        seen += check.buses(rest) + check.gains(hardware, every())
    else:
        for _ in rest:
            done()
    return seen + Witness(of=len(entry.buses), by=by)
