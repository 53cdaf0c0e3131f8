"""Layers whose resonators saturate: what they answer depends on all tones at once, and is no product with weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.types import Array
from resonet.cosim.noise.layer_noise import layer_noise
from resonet.cosim.saturation.tables import Balance, BusTable, LayerTable, layer_table
from resonet.cosim.weights.engines import Engine, linear
from resonet.cosim.weights.held import HeldWeights, RfWeights
from resonet.models.resonator.fold_over import warn_fold_over
from resonet.netlist.design.design import Design

__all__ = ["SaturatingWeights", "saturating_weights"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SaturatingWeights(HeldWeights):
    """Chains of saturating resonators; `values` are their weights for vanishing powers."""

    table: LayerTable
    lines: Callable[[Array], Array | None] | None = None  # widths of the tones (`heard`) that carry a; None: sharp

    @property
    def balance(self) -> Balance:
        """How its balances are solved."""
        return self.table.balance

    def by(self, balance: Balance) -> "SaturatingWeights":
        """The same by the fast or the full balance. Raises InputError."""
        return replace(self, table=self.table.by(balance))

    def products(self, carried: Array) -> Array:
        """Answers in trained units, [groups, n, outputs, positions]: F V of the law of a layer, for carried a."""
        widths = self.lines(carried) if self.lines else None
        groups, n, positions, _ = carried.shape
        found = np.zeros((groups, n, positions, self.trained.shape[1]))
        for bus in self.table.buses:
            volts = self.table.volts(bus, _rows(bus, carried), None if widths is None else _rows(bus, widths))
            found[bus.group][:, :, bus.outputs] += volts.reshape(n, positions, -1)
        found /= self.table.unit[:, None, None]
        return found.swapaxes(2, 3)

    def sharp(self, carried: Array) -> Array:
        """Answers to tones without a line width."""
        return replace(self, lines=None).products(carried)

    def heard(self, carried: Array, widths: Array | None, agitation: Array) -> tuple[Array, Array]:
        """Answers, and the precession noise of the saturated resonators (models/resonator/precession_noise.py)."""
        groups, n, positions, _ = carried.shape
        found, noise = np.zeros((2, groups, n, positions, self.trained.shape[1]))
        for bus, factor in zip(self.table.buses, agitation, strict=True):
            wide = None if widths is None else _rows(bus, widths)
            volts, density = self.table.heard(bus, _rows(bus, carried), wide)
            found[bus.group][:, :, bus.outputs] += volts.reshape(n, positions, -1)
            noise[bus.group][:, :, bus.outputs] += factor * density.reshape(n, positions, -1)
        found /= self.table.unit[:, None, None]
        return found.swapaxes(2, 3), noise.swapaxes(2, 3)


def _rows(bus: BusTable, carried: Array) -> Array:
    """Of the tones of a bus, [images and positions, tones]."""
    return np.asarray(carried[bus.group][:, :, bus.taps].reshape(-1, len(bus.taps)))


def saturating_weights(
    design: Design,
    held: Mapping[str, RfWeights],
    engine: Engine = linear,
    balance: Balance | None = None,
    wide: bool = False,
) -> dict[str, SaturatingWeights]:
    """Layers whose resonators, programmed as those of `held`, saturate, by the law and at the power of the design.

    Without `balance` the fast one. `wide`: the tones have the line width of [noise]. Raises
    InputError for layers on strip lines, and for engines that run decks.
    """
    design.require_bus("saturating resonators", list(held), "accuracy, run or levels --resonators saturating")
    law, found = design.parameters.saturation, {}
    warn_fold_over(design.plan.device, law, design.plan.options.p_max)
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
            lines=layer_noise(design, weights).tones.widths if wide else None,
            table=layer_table(design.plan, entry, law, programmed.f_res, unit, engine).by(balance or "fast"),
        )
    return found
