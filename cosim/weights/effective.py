"""Effective weights: what the circuit of a layer really does to each input, and who disturbs whom."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from resonet.core.types import Array, Done, Ints, nothing
from resonet.cosim.weights.bus_answers import Answers, bus_answers, bus_powers
from resonet.cosim.weights.engines import Engine, linear, ngspice, readout_divider
from resonet.cosim.weights.held import HeldWeights
from resonet.cosim.weights.passes import rectify
from resonet.netlist.design.design import Design
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan
from resonet.netlist.programming.methods import Method

__all__ = ["Aggressor", "EffectiveWeights", "effective_weights"]


@dataclass(frozen=True, slots=True)
class Aggressor:
    """The strongest crosstalk of a layer: what one tone rectifies in a resonator that is another tone's."""

    level: float  # dB, against the largest voltage that a resonator gives for the same power (K_SD P)
    bus: str
    chain: int  # position of the chain on its bus
    victim: int  # resonator, counted from the feed
    aggressor: int  # tone, by the resonator that it belongs to


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class EffectiveWeights(HeldWeights):
    """Of resonator chains."""

    method: Method
    crosstalk: dict[str, Array]  # bus -> [victim resonator, aggressor tone], largest |V| / (P K_SD) over the chains
    worst: Aggressor | None  # None where every bus has a single tone


def _worst(bus: Bus, matrix: Array, chain: Ints) -> Aggressor | None:
    """Worst entry off the diagonal of |V| / (P K_SD) [victim, aggressor]; a single tone has nobody to disturb."""
    if len(matrix) < 2:
        return None
    off = np.where(np.eye(len(matrix), dtype=bool), -1.0, matrix)
    victim, aggressor = (int(n) for n in np.unravel_index(off.argmax(), off.shape))
    return Aggressor(20 * float(np.log10(off.max())), bus.name, int(chain[victim, aggressor]), victim, aggressor)


def _by_passes(plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], engine: Engine) -> Iterator[Answers]:
    """Answers of every bus from the phasors of an engine."""
    passes = engine(plan, entry, f_res)
    for rf, gain in zip(passes.rf, passes.gains, strict=True):
        volts = rectify(rf, plan.device.transduction)
        values, size = np.einsum("tjk,jk->jt", volts, gain), np.abs(volts)
        yield Answers(values, size.max(1).T, size.argmax(1).T)


def _compiled(plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array]) -> Iterator[Answers]:
    """The same by the linear engine, which needs no phasors in memory."""
    divider = readout_divider(plan, entry)
    for bus, power, own in zip(entry.buses, bus_powers(plan, entry), f_res, strict=True):
        yield bus_answers(bus, power, own, bus.signs * divider, plan.device)


def effective_weights(
    design: Design,
    layer: str,
    method: Method,
    jobs: int | None = None,
    done: Done = nothing,
    engine: Engine | None = None,
) -> EffectiveWeights:
    """Effective weights of a layer: RF pass of every bus, rectification, DC gains; from ngspice or another engine.

    `done` is called after each of ngspice's decks. Raises InputError for a layer that is not there, EngineError.
    """
    entry, device = design.plan.layer(layer), design.plan.device
    programmed = design.program(method).layer(layer)
    engine = engine or partial(ngspice, jobs=jobs, done=done)
    trained = entry.layer.matrix
    values, crosstalk, worst = np.zeros_like(trained), {}, []
    job = design.plan, entry, programmed.f_res
    answers = _compiled(*job) if engine is linear else _by_passes(*job, engine)
    for bus, found in zip(entry.buses, answers, strict=True):
        values[bus.group][np.ix_(bus.outputs, bus.taps)] = found.values / programmed.weight_scale
        crosstalk[bus.name] = found.most / device.sensitivity
        loudest = _worst(bus, crosstalk[bus.name], found.chain)
        worst += [loudest] if loudest else []
    return EffectiveWeights(
        layer=layer,
        values=values,
        trained=trained,
        method=method,
        crosstalk=crosstalk,
        worst=max(worst, key=lambda a: a.level) if worst else None,
    )
