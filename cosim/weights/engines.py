"""Engines: what one watt of each tone does in every resonator of a layer, and what of that reaches the readout.

Each is one function (plan, layer, resonance frequencies) -> `Passes`, and all are interchangeable:

formula  ideal bus: each tone has its power in every resonator, nothing is lost at DC (published picture, exact chi)
linear   the bus circuit of the plan in closed form (models/circuit/bus.py), every parasitic of bus feed included
ngspice  the decks of the layer, `.ac` and `.op`
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex, Done, nothing
from resonet.cosim.weights.passes import RfPass, dc_gains, rectify, rf_pass
from resonet.models.circuit.bus import bus_currents
from resonet.models.resonator.linear import SpinDiode, susceptibility
from resonet.netlist.bus.graph import build_graph
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan
from resonet.netlist.programming.methods import LayerProgram, Program

__all__ = ["ENGINES", "Engine", "Passes", "Response", "find_engine", "layer_response", "linear", "readout_divider"]


@dataclass(frozen=True, slots=True, eq=False)
class Passes:
    """RF and DC pass of a layer, bus by bus."""

    rf: tuple[RfPass, ...]
    gains: tuple[Array, ...]  # [chains, resonators] V at the readout per volt rectified, p against n


Engine = Callable[[FrequencyPlan, LayerPlan, Sequence[Array]], Passes]


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """What the chains of a bus answer, and the profile that explains it to the solver (`Chains.profile`)."""

    values: Array  # [chains, tones] units of K_SD
    profile: Array  # [chains, tones, resonators]


def _precession(current: Complex, bus: Bus, f_res: Array, device: SpinDiode) -> RfPass:
    """RF pass from the currents [tones, 1 or chains, resonators], A/√W."""
    current = np.broadcast_to(current, (len(bus.frequencies), *f_res.shape))
    chi = susceptibility(bus.frequencies[:, None, None], f_res[None], device.damping)
    return RfPass(bus.frequencies, current, chi * current)


def formula(plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array]) -> Passes:
    """Ideal bus."""
    unit = np.array(np.sqrt(2 / plan.device.resistance), complex).reshape(1, 1, 1)
    rf = [_precession(unit, bus, f, plan.device) for bus, f in zip(entry.buses, f_res, strict=True)]
    return Passes(tuple(rf), tuple(np.broadcast_to(bus.signs, bus.size) for bus in entry.buses))


def readout_divider(plan: FrequencyPlan, entry: LayerPlan) -> float:
    """Part of a chain's DC voltage that the readout sees."""
    circuit, tiles = plan.circuit, len({bus.tile for bus in entry.buses})
    series = entry.layer.taps * plan.device.resistance + tiles * circuit.choke_resistance
    return circuit.readout_resistance / (circuit.readout_resistance + series)


def linear(plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array]) -> Passes:
    """Bus circuit in closed form: ladder of every bus, divider of the readout."""
    device, circuit = plan.device, plan.circuit
    divider = readout_divider(plan, entry)
    rf, known = [], {}
    for bus, f in zip(entry.buses, f_res, strict=True):
        chains, size = bus.size
        key = (chains, size, bus.below)  # buses alike but for their weights carry the same currents
        if key not in known:
            current = bus_currents(bus.frequencies, device.resistance, size, chains, circuit, bus.below)
            known[key] = (current * bus.levels[:, None])[:, None]
        rf.append(_precession(known[key], bus, f, device))
    return Passes(tuple(rf), tuple(np.broadcast_to(bus.signs * divider, bus.size) for bus in entry.buses))


def ngspice(
    plan: FrequencyPlan,
    entry: LayerPlan,
    f_res: Sequence[Array],
    jobs: int | None = None,
    done: Done = nothing,
) -> Passes:
    """The layer's decks; `done` is called after each. Raises EngineError."""
    name = entry.layer.name
    given = Program("calibrated", (LayerProgram(name, 1.0, tuple(f_res), 0.0),))
    graph = build_graph(replace(plan, layers=(entry,)), given)
    rf = rf_pass(graph, name, [bus.name for bus in entry.buses], jobs, done)
    found = dc_gains(graph, name, jobs, done)
    gains = (np.array([found[bus.name, j] for j in range(len(bus.outputs))]) for bus in entry.buses)
    return Passes(tuple(rf), tuple(gains))


ENGINES: dict[str, Engine] = {"formula": formula, "linear": linear, "ngspice": ngspice}


def find_engine(name: str) -> Engine:
    """Engine of that name; InputError lists what there is."""
    if name not in ENGINES:
        raise InputError(f"no engine {name[:40]!r}; possible: {', '.join(ENGINES)}")
    return ENGINES[name]


def layer_response(plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], engine: Engine) -> list[Response]:
    """What every chain of a layer answers to each of its tones, by one run of an engine."""
    device, passes = plan.device, engine(plan, entry, f_res)
    found = []
    for bus, rf, gain in zip(entry.buses, passes.rf, passes.gains, strict=True):
        values = np.einsum("tjk,jk->jt", rectify(rf, device.transduction), gain) / device.sensitivity
        power = 0.5 * device.resistance * np.abs(rf.current) ** 2
        found.append(Response(values, (power * (gain * bus.signs)).swapaxes(0, 1)))
    return found
