"""Effective weights: what the circuit of a layer really does to each input, and who disturbs whom."""

from dataclasses import dataclass

import numpy as np

from resonet.core.watching import Done, nothing
from resonet.cosim.weights.bus_answers import Loudest
from resonet.cosim.weights.engines import Engine, auto
from resonet.cosim.weights.held import Aggressor, RfWeights
from resonet.cosim.weights.spot_check import layer_cost
from resonet.netlist.design.design import Design
from resonet.netlist.planning.frequency_plan import LayerPlan
from resonet.netlist.programming.methods import Method

__all__ = ["EffectiveWeights", "effective_weights", "network_weights"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class EffectiveWeights(RfWeights):
    """Of the chains of resonators on buses; `worst` is None where every bus has a single tone."""


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
    entry = design.plan.layer(layer)
    programmed = design.program(method).layer(layer)
    engine = (engine or auto) if jobs is None else (engine or auto).with_jobs(jobs)
    unit = np.full(entry.layer.matrix.shape[:2], programmed.weight_scale)
    if entry.layer.raised is not None:
        unit *= entry.layer.raised
    answers = engine.layer_answers(design.plan, entry, programmed.f_res, unit, done)
    return EffectiveWeights(
        layer=layer,
        wired=entry.layer.wired if entry.layer.addends else None,
        values=answers.values,
        trained=entry.layer.matrix,
        method=method,
        crosstalk=dict(zip((bus.name for bus in entry.buses), answers.most, strict=True)),
        worst=_worst(entry, answers.loudest),
        witness=answers.witness or engine.witnessed(design.plan, entry, programmed.f_res, done),
    )


def network_weights(design: Design, method: Method, engine: Engine | None = None) -> dict[str, EffectiveWeights]:
    """Effective weights of every layer on buses, by name; they share the time for a check of the engine by their size.

    Raises InputError, EngineError.
    """
    engine = engine or auto
    costs = {entry.layer.name: layer_cost(entry) for entry in map(design.plan.layer, design.fed_by("bus"))}
    each = engine.budget / (sum(costs.values()) or 1.0)
    return {
        name: effective_weights(design, name, method, engine=engine.with_budget(each * cost))
        for name, cost in costs.items()
    }


def _worst(entry: LayerPlan, loudest: Loudest | None) -> Aggressor | None:
    """The loudest entry of the maps of crosstalk, in dB; a single tone has nobody to disturb."""
    if loudest is None:
        return None
    level, bus = 20 * float(np.log10(loudest.size)), entry.buses[loudest.bus]
    return Aggressor(level, bus.name, loudest.chain, loudest.victim, loudest.aggressor)
