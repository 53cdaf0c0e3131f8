"""Effective weights: what the circuit of a layer really does to each input, and who disturbs whom."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from resonet.cosim.engines import Engine, ngspice
from resonet.cosim.passes import rectify
from resonet.netlist.design import Design
from resonet.netlist.frequency_plan import Bus
from resonet.netlist.programming import Method

__all__ = ["Aggressor", "EffectiveWeights", "HeldWeights", "effective_weights"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Aggressor:
    """The strongest crosstalk of a layer: what one tone rectifies in a resonator that is another tone's."""

    level: float  # dB, against the largest voltage that a resonator gives for the same power (K_SD P)
    bus: str
    chain: int  # position of the chain on its bus
    victim: int  # resonator, counted from the feed
    aggressor: int  # tone, by the resonator that it belongs to


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HeldWeights:
    """The weights that the hardware of a layer holds, in the units of the trained ones."""

    layer: str
    values: Array  # [groups, outputs per group, taps]
    trained: Array  # same shape

    @property
    def error(self) -> Array:
        """Deviation of every weight as part of the layer's largest trained weight."""
        return (self.values - self.trained) / (np.abs(self.trained).max() or 1.0)

    @property
    def rms_error(self) -> float:
        """Root mean square of `error`."""
        return float(np.sqrt(np.mean(self.error**2)))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class EffectiveWeights(HeldWeights):
    """Of resonator chains."""

    method: Method
    crosstalk: dict[str, Array]  # bus -> [victim resonator, aggressor tone], largest |V| / (P K_SD) over the chains
    worst: Aggressor | None  # None where every bus has a single tone


def _worst(bus: Bus, relative: Array) -> tuple[Array, Aggressor | None]:
    """Crosstalk matrix of a bus from |V| / (P K_SD) [tones, chains, resonators], and its worst entry off the diagonal.

    A single tone has nobody to disturb.
    """
    matrix = relative.max(1).T
    if len(matrix) < 2:
        return matrix, None
    off = np.where(np.eye(len(matrix), dtype=bool), -1.0, matrix)
    victim, aggressor = (int(n) for n in np.unravel_index(off.argmax(), off.shape))
    chain = int(relative[aggressor, :, victim].argmax())
    return matrix, Aggressor(20 * float(np.log10(off.max())), bus.name, chain, victim, aggressor)


def effective_weights(
    design: Design,
    layer: str,
    method: Method,
    jobs: int | None = None,
    done: Callable[[], None] = lambda: None,
    engine: Engine | None = None,
) -> EffectiveWeights:
    """Effective weights of a layer: RF pass of every bus, rectification, DC gains; from ngspice or another engine.

    `done` is called after each of ngspice's decks. Raises InputError for a layer that is not there, EngineError.
    """
    entry, device = design.plan.layer(layer), design.plan.device
    programmed = design.program(method).layer(layer)
    engine = engine or partial(ngspice, jobs=jobs, done=done)
    passes = engine(design.plan, entry, programmed.f_res)
    trained = entry.layer.matrix
    values, crosstalk, worst = np.zeros_like(trained), {}, []
    for bus, rf, gain in zip(entry.buses, passes.rf, passes.gains, strict=True):
        volts = rectify(rf, device.transduction)
        values[bus.group][np.ix_(bus.outputs, bus.taps)] = (
            np.einsum("tjk,jk->jt", volts, gain) / programmed.weight_scale
        )
        crosstalk[bus.name], found = _worst(bus, np.abs(volts) / device.sensitivity)
        worst += [found] if found else []
    return EffectiveWeights(
        layer=layer,
        values=values,
        trained=trained,
        method=method,
        crosstalk=crosstalk,
        worst=max(worst, key=lambda a: a.level) if worst else None,
    )
