"""What the RF options of a bus do to the power that tone sources need: each alone, and together.

Weights do not depend on what feeds the bus (tones are levelled at their own resonators); groups of a chain change them
by what parasitics do along it.
"""

from dataclasses import dataclass, replace

import numpy as np

from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.matching import matched_ratio
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.network.cnn import Cnn
from resonet.netlist.planning.frequency_plan import FrequencyPlan, LayerPlan, PlanOptions, plan, source_power

__all__ = ["RfOption", "best_ratio", "rf_options"]


@dataclass(frozen=True, slots=True)
class RfOption:
    """One way to feed the buses."""

    settings: tuple[str, ...]  # as --set takes them; none: as the design is
    source_dbm: dict[str, float]  # by layer, what a tone source must have at p_max

    @property
    def most(self) -> float:
        """Of the layer that needs most, dBm."""
        return max(self.source_dbm.values())


def best_ratio(planned: FrequencyPlan, entry: LayerPlan) -> float:
    """Turns that match the bus of a layer whose tones are loudest: chains of R0 alone, two digits."""
    bus = max(entry.buses, key=lambda b: float(b.levels.max()))
    chains, size = bus.size
    ratio = matched_ratio(planned.circuit.impedance, size * planned.device.resistance / chains)
    return float(f"{np.clip(ratio, 0.05, 50):.2g}")


def _settings(old: BusCircuit, new: BusCircuit) -> tuple[str, ...]:
    names = ("combining", "transformer", "groups")
    return tuple(f"bus.{n}={getattr(new, n)}" for n in names if getattr(new, n) != getattr(old, n))


def _matched(planned: FrequencyPlan) -> list[BusCircuit]:
    """The circuit, and with what matches its loudest bus where nothing does yet: a transformer, or groups."""
    circuit = planned.circuit
    if circuit.transformer != 1 or circuit.groups != 1:
        return [circuit]
    worst = max(planned.layers, key=lambda entry: source_power(entry, planned))
    ratio = best_ratio(planned, worst)
    matched = [circuit, replace(circuit, transformer=ratio)] if ratio != 1 else [circuit]
    sizes = [bus.size[1] for entry in planned.layers for bus in entry.buses if bus.size[1] > 1]
    groups = min([round(ratio), *sizes])
    return [*matched, replace(circuit, groups=groups)] if groups > 1 else matched


def rf_options(cnn: Cnn, device: SpinDiode, circuit: BusCircuit, options: PlanOptions) -> tuple[RfOption, ...]:
    """Source power as the circuit is, then with filters, with a matched transformer or as many groups, with both.

    What is there already stays; filters and coils have the parameters that the circuit says. Raises InputError.
    """
    tried = _matched(plan(cnn, device, circuit, options))
    if circuit.combining == "resistive":
        tried = [made for each in tried for made in (each, replace(each, combining="multiplexer", combiner_loss=0.0))]
    found = []
    for each in tried:
        made = plan(cnn, device, each, options)
        found.append(RfOption(_settings(circuit, each), {e.layer.name: source_power(e, made) for e in made.layers}))
    return tuple(found)
