"""What points of a sweep share: plan and programs, made once for all that differ in their fabrication alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.validity import Warned, collected
from resonet.cosim.calibration.newton import CalibrationOptions, calibrate_layer
from resonet.cosim.calibration.quantised import fabrication_offsets
from resonet.cosim.sweep.axes import Spread
from resonet.cosim.weights.engines import Engine
from resonet.netlist.design.parameters import Parameters
from resonet.netlist.network.cnn import Cnn
from resonet.netlist.planning.frequency_plan import FrequencyPlan, plan
from resonet.netlist.planning.powers import check_powers
from resonet.netlist.programming.methods import COMPILED, METHODS, LayerProgram, Method, Program, programs

__all__ = ["Preparation", "Prepared", "fabricated"]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A network planned and programmed with some parameters."""

    plan: FrequencyPlan
    programs: dict[Method, Program]
    warnings: tuple[Warned, ...]


class Preparation:
    """Plans and programs a network with the parameters of a point; the latest is kept."""

    def __init__(self, cnn: Cnn, methods: Sequence[Method], engine: Engine) -> None:
        self._cnn, self._methods, self._engine = cnn, methods, engine
        self._latest: dict[tuple[object, ...], Prepared] = {}

    def __call__(self, given: Parameters) -> Prepared:
        """The network with these parameters. Raises InputError, EngineError."""
        key = (given.device, given.bus, given.plan, given.neuron.p1db, given.feed)
        if key not in self._latest:
            self._latest.clear()  # a large one is not kept beside the next
            planned = plan(self._cnn, given.device, given.bus, given.plan)
            driven = [entry for entry in planned.layers if given.feed.of(entry.layer) == "bus"]
            with collected() as warnings:
                check_powers(replace(planned, layers=tuple(driven)), given.neuron.p1db)
            made = self._programs(planned, {entry.layer.name for entry in driven})
            self._latest[key] = Prepared(planned, made, tuple(warnings))
        return self._latest[key]

    def _programs(self, planned: FrequencyPlan, driven: set[str]) -> dict[Method, Program]:
        """Programs of a plan; the calibrated one starts from the coupled one, with the engine of the sweep.

        Layers that are not `driven` by buses keep the coupled one: nobody asks for it.
        """
        wanted = self._methods
        made = programs(planned, [m for m in COMPILED if m in wanted or (m == "coupled" and "calibrated" in wanted)])
        if "calibrated" in wanted:
            layers = [
                calibrate_layer(planned, entry, start, self._engine, CalibrationOptions()).program
                if entry.layer.name in driven
                else start
                for entry, start in zip(planned.layers, made["coupled"].layers, strict=True)
            ]
            made["calibrated"] = Program("calibrated", tuple(layers))
        return {method: made[method] for method in METHODS if method in wanted}


def fabricated(planned: FrequencyPlan, given: Program, spread: Spread) -> Program:
    """A program as fabrication leaves it; the same seed moves the same resonators by as many half-widths."""
    if not spread.spread:
        return given
    rng, damping, layers = np.random.default_rng(spread.seed), planned.device.damping, []
    for entry, layer in zip(planned.layers, given.layers, strict=True):
        moved = []
        for bus, f_res in zip(entry.buses, layer.f_res, strict=True):
            offset = fabrication_offsets(bus, damping, spread.spread, rng)
            moved.append(f_res if offset is None else np.maximum(f_res + offset, 0.01 * f_res))
        layers.append(LayerProgram(layer.layer, layer.weight_scale, tuple(moved), layer.residual))
    return Program(given.method, tuple(layers))
