"""One line per layer: what it takes and how well the circuit holds its weights."""

from collections.abc import Mapping
from dataclasses import dataclass

from resonet.cosim.weights.effective import EffectiveWeights
from resonet.netlist.design.design import Design
from resonet.netlist.planning.frequency_plan import source_power
from resonet.netlist.programming.methods import Method

__all__ = ["LayerSummary", "summarise"]


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """A layer of a design; errors as part of the layer's largest weight, None where they were not asked for."""

    name: str
    chains: int  # neurons of one copy of the kernels
    resonators: int  # of one copy of the kernels
    channels: int  # most tones on one bus
    buses: int
    positions: int  # how often the copy is used across the image; resonators x positions in a fully parallel layout
    source_dbm: float  # largest available power of a tone source at p_max
    rms_error_formula: float | None = None
    rms_error_coupled: float | None = None
    rms_error_calibrated: float | None = None
    worst_aggressor_db: float | None = None
    worst_aggressor: str | None = None


def summarise(
    design: Design, effective: Mapping[Method, Mapping[str, EffectiveWeights]] | None = None
) -> list[LayerSummary]:
    """Summary of every layer of a design that `effective` (method -> layer -> weights) speaks of, or of all.

    The worst aggressor is that of the last program given.
    """
    effective = effective or {}
    rows = []
    for entry in design.plan.layers:
        name = entry.layer.name
        results = {method: layers[name] for method, layers in effective.items() if name in layers}
        if effective and not results:
            continue
        errors = {method: result.rms_error for method, result in results.items()}
        shown = next(reversed(results.values()), None)
        worst = shown.worst if shown else None
        where = None
        if worst:
            where = f"bus {worst.bus}, chain {worst.chain}: tone {worst.aggressor} -> resonator {worst.victim}"
        rows.append(
            LayerSummary(
                name,
                entry.chains,
                entry.resonators,
                entry.channels,
                len(entry.buses),
                entry.layer.positions,
                source_power(entry, design.plan),
                errors.get("formula"),
                errors.get("coupled"),
                errors.get("calibrated"),
                worst.level if worst else None,
                where,
            )
        )
    return rows
