"""Saturating resonators of one chip: each with its own α, R0, ΔR/R, I_th, Q_nl, and the currents of its own chain."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from resonet.core.errors import InputError
from resonet.cosim.chips.weights import ChipLayer
from resonet.cosim.saturation.held import SaturatingWeights, saturating_weights
from resonet.cosim.saturation.tables import BusTable
from resonet.cosim.weights.effective import EffectiveWeights
from resonet.cosim.weights.engines import linear
from resonet.models.resonator.own_diodes import OwnDiodes
from resonet.netlist.chips.chip import Chip
from resonet.netlist.chips.spread import QUANTITIES, SpreadOptions
from resonet.netlist.design.design import Design

__all__ = ["check_saturating", "saturating_chip"]

OF_DEVICES = ("damping", "resistance", "magnetoresistance", "threshold_current", "nonlinear_damping")
KNOWN = ("f_res", *OF_DEVICES, "node_capacitance", "tone_frequency", "tone_level")  # spreads that are known here


def check_saturating(spread: SpreadOptions, shifted: bool = False) -> None:
    """InputError for spreads that saturating resonators do not know; `shifted`: their law has a frequency shift."""
    possible = ("f_res",) if shifted else KNOWN
    wrong = next((name for name in spread.active if name not in possible), None)
    if wrong is not None:
        law = " of a law with saturation.frequency_shift" if shifted else ""
        raise InputError(
            f"--resonators saturating with spread.{wrong}: saturating resonators{law} know spreads of "
            f"{', '.join(possible)}; possible: 0, or linear resonators"
        )


def _alike(chip: Chip) -> bool:
    """Whether nothing but resonance frequencies is off nominal."""
    return all(
        name in ("f_res", *(q.name for q in QUANTITIES.values() if q.of == "neuron"))
        for layer in chip.layers.values()
        for of in (layer.resonators, layer.tones, layer.lines)
        for name in of
    )


def saturating_chip(design: Design, held: Mapping[str, EffectiveWeights], chip: Chip) -> dict[str, SaturatingWeights]:
    """Layers of a chip whose resonators, programmed as those of `held`, saturate. Raises InputError, EngineError.

    `design` has the program that the resonators really have.
    """
    found = saturating_weights(design, held, linear)
    if _alike(chip) and chip.device == design.plan.device:
        return found
    return {name: _of_chip(design, one, chip) for name, one in found.items()}


def _of_chip(design: Design, weights: SaturatingWeights, chip: Chip) -> SaturatingWeights:
    entry, own = design.plan.layer(weights.layer), chip.layer(weights.layer)
    layer, buses = ChipLayer(design.plan, entry, chip), list[BusTable]()
    for n, (bus, table) in enumerate(zip(entry.buses, weights.table.buses, strict=True)):
        # |i|² [chains, resonators, tones] of tones of 1 W as planned.
        currents = np.broadcast_to(layer.powers(n), (*bus.size, len(bus.taps)))
        factors = {name: own.of_bus(name, n) for name in OF_DEVICES}
        buses.append(
            replace(
                table,
                tones=np.ascontiguousarray(layer.values[n].tones),
                currents=np.ascontiguousarray(currents),
                gains=bus.signs * layer.divider(n)[:, None],
                own=OwnDiodes.around(chip.device, bus.size, **factors),
                bank=None,
            )
        )
    made = replace(weights.table, buses=tuple(buses))
    return replace(weights, table=made.by(made.balance))
