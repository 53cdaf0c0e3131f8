"""Layers whose resonators saturate: what they answer depends on all tones at once, and is no product with weights."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array
from resonet.cosim.saturation.tables import Balance, LayerTable, layer_table
from resonet.cosim.weights.engines import Engine, linear
from resonet.cosim.weights.held import HeldWeights, RfWeights
from resonet.netlist.design.design import Design

__all__ = ["SaturatingWeights", "saturating_weights"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SaturatingWeights(HeldWeights):
    """Chains of saturating resonators; `values` are their weights for vanishing powers."""

    table: LayerTable

    def products(self, carried: Array) -> Array:
        """Answers in trained units, [groups, n, outputs, positions]: F V of the law of a layer, for carried a."""
        groups, n, positions, _ = carried.shape
        found = np.zeros((groups, n, positions, self.trained.shape[1]))
        for bus in self.table.buses:
            rows = carried[bus.group][:, :, bus.taps].reshape(n * positions, -1)
            volts = self.table.volts(bus, rows)
            found[bus.group][:, :, bus.outputs] += volts.reshape(n, positions, -1)
        found /= self.table.unit[:, None, None]
        return found.swapaxes(2, 3)


def saturating_weights(
    design: Design, held: Mapping[str, RfWeights], engine: Engine = linear, balance: Balance | None = None
) -> dict[str, SaturatingWeights]:
    """Layers whose resonators, programmed as those of `held`, saturate, by the law and at the power of the design.

    Without `balance` the fast one where there is one. Raises InputError for layers on strip lines, and for engines
    that run decks.
    """
    design.require_bus("saturating resonators", list(held))
    law, found = design.parameters.saturation, {}
    balance = balance or ("full" if law.frequency_shift else "fast")
    for name, weights in held.items():
        entry, programmed = design.plan.layer(name), design.program(weights.method).layer(name)
        unit = np.full(entry.layer.matrix.shape[:2], programmed.weight_scale)
        if entry.layer.raised is not None:
            unit *= entry.layer.raised
        found[name] = SaturatingWeights(
            layer=name,
            values=weights.values,
            trained=weights.trained,
            wired=weights.wired,
            table=layer_table(design.plan, entry, law, programmed.f_res, unit, engine).by(balance),
        )
    return found
