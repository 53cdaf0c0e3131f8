"""Effective weights: what the circuit of a layer really does to each input, and who disturbs whom."""

from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array, Done, Ints, nothing
from resonet.cosim.weights.engines import Engine, auto, passes_answers
from resonet.cosim.weights.held import Aggressor, RfWeights
from resonet.cosim.weights.spot_check import layer_cost
from resonet.netlist.design.design import Design
from resonet.netlist.planning.frequency_plan import Bus
from resonet.netlist.programming.methods import Method, own_scale

__all__ = ["EffectiveWeights", "effective_weights", "network_weights"]


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
    """Effective weights of a layer by an engine (default: `auto`), with what it was checked by.

    `done` is called once a bus of an engine that runs decks, at most `jobs` at once.
    Raises InputError for a layer that is not there, EngineError.
    """
    design.require_bus("chains on a bus", (layer,))
    entry, plan, programmed = design.plan.layer(layer), design.plan, design.program(method).layer(layer)
    engine = (engine or auto) if jobs is None else (engine or auto).with_jobs(jobs)
    trained = entry.layer.matrix
    values, crosstalk, worst = np.zeros_like(trained), {}, []
    passes = engine(plan, entry, programmed.f_res, done) if engine.answers is None else None
    answers = passes_answers(plan, passes) if passes else engine.layer_answers(plan, entry, programmed.f_res)
    for bus, answer in zip(entry.buses, answers, strict=True):
        scale = programmed.weight_scale * own_scale(entry, bus)
        values[bus.group][np.ix_(bus.outputs, bus.taps)] = answer.values / scale
        crosstalk[bus.name] = answer.most / plan.device.sensitivity
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
        witness=passes.witness if passes else engine.witnessed(plan, entry, programmed.f_res, done),
    )


def network_weights(design: Design, method: Method, engine: Engine | None = None) -> dict[str, EffectiveWeights]:
    """Effective weights of every layer, by name; the layers share the time for a check of the engine by their size.

    Raises InputError, EngineError.
    """
    engine = engine or auto
    costs = {entry.layer.name: layer_cost(entry) for entry in design.plan.layers}
    each = engine.budget / sum(costs.values())
    return {
        name: effective_weights(design, name, method, engine=engine.with_budget(each * cost))
        for name, cost in costs.items()
    }
