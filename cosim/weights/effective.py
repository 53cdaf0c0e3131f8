"""Effective weights: what the circuit of a layer really does to each input, and who disturbs whom."""

from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array, Done, Ints, nothing
from resonet.cosim.weights.engines import Engine, ngspice
from resonet.cosim.weights.held import Aggressor, RfWeights
from resonet.netlist.design.design import Design
from resonet.netlist.planning.frequency_plan import Bus
from resonet.netlist.programming.methods import Method, own_scale

__all__ = ["EffectiveWeights", "effective_weights"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class EffectiveWeights(RfWeights):
    """Of the chains of resonators on buses; `worst` is None where every bus has a single tone."""


def _worst(bus: Bus, matrix: Array, chain: Ints) -> Aggressor | None:
    """Worst entry off the diagonal of |V| / (P K_SD) [victim, aggressor]; a single tone has nobody to disturb."""
    if len(matrix) < 2:
        return None
    off = np.where(np.eye(len(matrix), dtype=bool), -1.0, matrix)
    victim, aggressor = (int(n) for n in np.unravel_index(off.argmax(), off.shape))
    return Aggressor(20 * float(np.log10(off.max())), bus.name, int(chain[victim, aggressor]), victim, aggressor)


def effective_weights(
    design: Design,
    layer: str,
    method: Method,
    jobs: int | None = None,
    done: Done = nothing,
    engine: Engine | None = None,
) -> EffectiveWeights:
    """Effective weights of a layer: RF pass of every bus, rectification, DC gains; from ngspice or another engine.

    `done` is called after each deck of an engine that runs decks, at most `jobs` at once.
    Raises InputError for a layer that is not there, EngineError.
    """
    design.require_bus("chains on a bus", (layer,))
    entry, device = design.plan.layer(layer), design.plan.device
    programmed = design.program(method).layer(layer)
    engine = (engine or ngspice) if jobs is None else (engine or ngspice).with_jobs(jobs)
    trained = entry.layer.matrix
    values, crosstalk, worst = np.zeros_like(trained), {}, []
    answers = engine.layer_answers(design.plan, entry, programmed.f_res, done)
    for bus, answer in zip(entry.buses, answers, strict=True):
        scale = programmed.weight_scale * own_scale(entry, bus)
        values[bus.group][np.ix_(bus.outputs, bus.taps)] = answer.values / scale
        crosstalk[bus.name] = answer.most / device.sensitivity
        loudest = _worst(bus, crosstalk[bus.name], answer.chain)
        worst += [loudest] if loudest else []
    return EffectiveWeights(
        layer=layer,
        wired=entry.layer.wired if entry.layer.addends else None,
        values=values,
        trained=trained,
        method=method,
        crosstalk=crosstalk,
        worst=max(worst, key=lambda a: a.level) if worst else None,
    )
