"""The weight error of a bus-fed layer split by cause: the counterpart of `attribution` for chains on a common RF bus.

    error = [W(ideal bus) - trained] + Σ alone + interaction

W(S) comes from the bus circuit in closed form with the parts S at their values and the others ideal: nothing where they
are in the way, as large as can be where they are to hold something off (a hundred thousand times their value). Tones
are levelled anew for every circuit, as a designer would: source and combiner, which all resonators see alike, then have
no part in the error. The first bracket is spectral overlap: all tones at full power in every resonator.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.types import Array
from resonet.cosim.weights.engines import formula, linear
from resonet.models.circuit.bus import BusCircuit, tone_levels
from resonet.netlist.planning.frequency_plan import FrequencyPlan, LayerPlan
from resonet.netlist.programming.methods import LayerProgram

__all__ = ["BUS_PARTS", "BusAttribution", "BusPart", "attribute_bus", "bus_circuit"]

BUS_PARTS: dict[str, tuple[str, ...]] = {
    "node capacitance": ("node_capacitance",),
    "bias tee": ("choke_inductance", "block_capacitance", "bypass_capacitance"),
    "readout load": ("readout_resistance", "choke_resistance"),
}
JUNCTION = {"junction capacitance": ("junction_capacitance",)}  # where there is one
SMALL_IS_IDEAL = ("node_capacitance", "choke_resistance", "junction_capacitance")
LEAST = 1e-5  # of its effect: what is ideal if it is large does not go to infinity
STEP = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class BusPart:
    """What one part does to the weights, [groups, outputs, taps] in units of the largest trained weight."""

    name: str
    alone: Array
    without: Array
    linear: Array


@dataclass(frozen=True, slots=True, eq=False)
class BusAttribution:
    """Weight error of a layer, split; arrays [groups, outputs, taps] in units of the largest trained weight."""

    layer: str
    spectral: Array
    parts: tuple[BusPart, ...]
    total: Array

    @property
    def interaction(self) -> Array:
        """What the parts make together beyond what each makes alone."""
        return np.asarray(self.total - self.spectral - sum(part.alone for part in self.parts))


def _parts(circuit: BusCircuit) -> dict[str, tuple[str, ...]]:
    return BUS_PARTS | (JUNCTION if circuit.junction_capacitance else {})


def bus_circuit(nominal: BusCircuit, shares: dict[str, float]) -> BusCircuit:
    """Bus with each part at a share of its effect, 0 ideal ... 1 as it is."""
    values = {}
    for part, names in _parts(nominal).items():
        for name in names:
            value, share = getattr(nominal, name), shares.get(part, 0.0)
            most = BusCircuit.__dataclass_fields__[name].metadata["high"]
            values[name] = value * share if name in SMALL_IS_IDEAL else min(value / max(share, LEAST), most)
    return replace(nominal, **values)


def _answer(plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], circuit: BusCircuit | None) -> Array:
    """Weights of a layer in units of K_SD, its tones levelled for that circuit; None: the ideal bus."""
    buses = entry.buses
    if circuit is not None:
        plan = replace(plan, circuit=circuit)
        buses = tuple(
            replace(
                b,
                levels=tone_levels(b.frequencies, plan.device.resistance, len(b.outputs), circuit, b.below),
                parts=None,
            ).with_parts(b.parts)
            for b in buses
        )
    unit = np.full(entry.layer.matrix.shape[:2], plan.device.sensitivity)
    engine = formula if circuit is None else linear
    return engine.layer_answers(plan, replace(entry, buses=buses), f_res, unit).values


def attribute_bus(plan: FrequencyPlan, entry: LayerPlan, program: LayerProgram) -> BusAttribution:
    """Split the weight error of a bus-fed layer under a program. Raises InputError."""
    largest = float(np.abs(entry.layer.matrix).max()) or 1.0
    top = program.weight_scale * largest / plan.device.sensitivity
    full = top if entry.layer.raised is None else top * entry.layer.raised[..., None]

    def answer(shares: dict[str, float]) -> Array:
        return _answer(plan, entry, program.f_res, bus_circuit(plan.circuit, shares)) / full

    spectral = _answer(plan, entry, program.f_res, None) / full - entry.layer.matrix / largest
    every = dict.fromkeys(_parts(plan.circuit), 1.0)
    total, base, parts = answer(every), answer({}), []
    for name in every:
        slope = (4 * answer({name: STEP}) - answer({name: 2 * STEP}) - 3 * base) / (2 * STEP)
        parts.append(BusPart(name, answer({name: 1.0}) - base, total - answer(every | {name: 0.0}), slope))
    return BusAttribution(entry.layer.name, spectral, tuple(parts), total - entry.layer.matrix / largest)
