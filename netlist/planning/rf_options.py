"""What the RF options of a bus do to the power that tone sources need: each alone, and together.

Weights do not depend on what feeds the bus (tones are levelled at their own resonators), so that nothing else changes.
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
    names = ("combining", "transformer")
    return tuple(f"bus.{n}={getattr(new, n)}" for n in names if getattr(new, n) != getattr(old, n))


def rf_options(cnn: Cnn, device: SpinDiode, circuit: BusCircuit, options: PlanOptions) -> tuple[RfOption, ...]:
    """Source power as the circuit is, then with the other combiner, with a matched transformer, with both.

    A transformer that is there already stays; filters and coils have the parameters that the circuit says. Raises
    InputError.
    """
    planned = plan(cnn, device, circuit, options)
    worst = max(planned.layers, key=lambda entry: source_power(entry, planned))
    coils = (
        [circuit] if circuit.transformer != 1 else [circuit, replace(circuit, transformer=best_ratio(planned, worst))]
    )
    tried = coils
    if circuit.combining == "resistive":
        tried = [each for coil in coils for each in (coil, replace(coil, combining="multiplexer", combiner_loss=0.0))]
    found = []
    for each in tried:
        made = plan(cnn, device, each, options)
        found.append(RfOption(_settings(circuit, each), {e.layer.name: source_power(e, made) for e in made.layers}))
    return tuple(found)
