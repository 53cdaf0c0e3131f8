"""A trained network as calibrated parallel hardware with its levels, ready for an image."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.types import Array
from resonet.cosim.calibration.newton import calibrate, calibrated_design
from resonet.cosim.cascade.line_noise import line_noise
from resonet.cosim.cascade.two_pass import chain_weights, trained_stages
from resonet.cosim.feed.feeds import FEEDS, layer_weights
from resonet.cosim.noise.layer_noise import Place, full_power
from resonet.cosim.noise.noisy import NoisyWeights, noisy_weights
from resonet.cosim.saturation.held import saturating_weights
from resonet.cosim.saturation.tables import Balance
from resonet.cosim.strip.held import StripWeights
from resonet.cosim.weights.effective import network_weights
from resonet.cosim.weights.engines import Engine, linear
from resonet.cosim.weights.held import HeldWeights, RfWeights
from resonet.netlist.cascade.level_planning import plan_levels
from resonet.netlist.cascade.levels import Levels
from resonet.netlist.cascade.paths import ParallelDesign, parallel_design
from resonet.netlist.design.design import Design
from resonet.netlist.design.neuron_options import IDEAL, Kind
from resonet.netlist.network.cnn import Cnn
from resonet.netlist.planning.frequency_plan import plan
from resonet.netlist.programming.methods import Method, Program

__all__ = ["Hardware", "parallel_hardware", "sequential_weights"]

BATCH = 100  # images that levels are fitted to


@dataclass(frozen=True, slots=True, eq=False)
class Hardware:
    """Levels and effective weights of a network."""

    levels: Levels
    held: dict[str, RfWeights]  # by layer name
    cnn: Cnn  # as trained
    holder: Design  # whose programs hold these weights: of the copies, or of the sequential hardware
    saturating: Mapping[str, HeldWeights] | None = None  # what answers in their place, by layer name

    @property
    def design(self) -> ParallelDesign:
        """Stages and chains."""
        return self.levels.parallel

    @property
    def answering(self) -> Mapping[str, HeldWeights]:
        """What answers to the tones, by layer name."""
        return self.saturating or self.held

    def saturated(self, balance: Balance | None = None) -> "Hardware":
        """The same with resonators that saturate as [saturation] of the design says. Raises InputError.

        Tones have their line width, as in `accuracy` and in what a program is fitted to.
        """
        self.holder.require_bus("saturating resonators")
        return replace(self, saturating=saturating_weights(self.holder, self.held, balance=balance, wide=True))

    def noisy(self, seed: int = 1) -> dict[str, NoisyWeights]:
        """The weights with noise, by layer name. Raises InputError."""
        places, stages = {}, self.levels.stages
        for number, (stage, own) in enumerate(zip(self.design.stages, stages, strict=True)):
            links = [link for before in stages for link in before.links if link.link.to == number]
            weakest = min(links, key=lambda link: link.reference, default=None)
            kind, power = (
                (None, full_power(self.holder, IDEAL)) if weakest is None else (weakest.kind, weakest.reference)
            )
            places[stage.layer.name] = Place(kind, power, not own.links)
        lines = {line.layer.name: line for line in self.design.lines if line is not None}
        buses = {name: own for name, own in self.held.items() if name not in lines}
        found: dict[str, NoisyWeights] = noisy_weights(self.holder, buses, seed, self.saturating, places)
        streams = np.random.SeedSequence((seed, 1)).spawn(len(lines))
        for (name, line), stream in zip(lines.items(), streams, strict=True):
            held = self.held[name]
            assert isinstance(held, StripWeights)  # as `chain_weights` has seen to
            found[name] = line_noise(self.holder, line, held, places[name], np.random.default_rng(stream))
        return found


def _line_weights(design: Design, cnn: Cnn, method: Method, engine: Engine) -> dict[str, RfWeights]:
    """What the layers of a network on strip lines hold: all positions have chains of their own anyway."""
    feed = design.parameters.feed
    names = [layer.name for layer in cnn.synapses if feed.of(layer) == "stripline"]
    if not names:
        return {}
    whole = (
        design
        if cnn is design.cnn
        else replace(design, cnn=cnn, plan=plan(cnn, design.plan.device, design.plan.circuit, design.plan.options))
    )
    return layer_weights(whole, method, engine, names)


def sequential_weights(
    design: Design, method: Method, engine: Engine, stored: Callable[[], Mapping[str, RfWeights]] | None
) -> tuple[Design, Mapping[str, RfWeights]]:
    """What the layers of a design hold: one copy of every kernel on buses, all positions under strip lines.

    And the design with the program for it; `stored` may have the weights of a program that the design has.
    """
    on_buses, buses = FEEDS["bus"].stands_for(method), bool(design.fed_by("bus"))
    kept = not buses or on_buses in design.programs
    design = calibrated_design(design) if on_buses == "calibrated" and buses else design
    if stored is not None and kept:
        return design, stored()
    held = {**network_weights(design, on_buses, engine), **_line_weights(design, design.cnn, method, engine)}
    return design, held


def _with_resonances(parallel: ParallelDesign, held: Mapping[str, RfWeights]) -> ParallelDesign:
    """The same with what the chains under strip lines are programmed to."""
    lines = []
    for line in parallel.lines:
        own = None if line is None else held[line.layer.name]
        lines.append(replace(line, f_res=own.f_res) if line is not None and isinstance(own, StripWeights) else line)
    return replace(parallel, lines=tuple(lines))


def _programmed(parallel: ParallelDesign, method: Method) -> ParallelDesign:
    """The same with a program of that method for the chains on buses, if there are any."""
    if method == "calibrated" and any(line is None for line in parallel.lines):
        return replace(parallel, design=calibrate(parallel.design).design)
    return parallel


def parallel_hardware(
    design: Design,
    method: Method = "calibrated",
    kind: Kind | None = None,
    images: Array | None = None,
    cnn: Cnn | None = None,
    held: Mapping[str, RfWeights] | None = None,
    engine: Engine = linear,
) -> Hardware:
    """Parallel hardware of a design's network, or of a part of it (`cnn`), programmed by `method`.

    `kind`: oscillators in the place of ReLUs; with a batch of `images` their levels are fitted to what the trained
    neurons give. `held` may hand in the effective weights of the design's own, sequential hardware (one copy of each
    kernel): then the copies have no programs of their own. Else an engine says what these hold. Layers on strip lines
    are parallel in either. Raises InputError, EngineError.
    """
    parallel, on_buses = parallel_design(design, cnn, programmed=held is None), FEEDS["bus"].stands_for(method)
    holder = design
    if held is None:
        parallel = _programmed(parallel, on_buses)
        holder, bus = parallel.design, network_weights(parallel.design, on_buses, engine)
        held = {**bus, **_line_weights(design, cnn or design.cnn, method, engine)}
    buses = any(line is None for line in parallel.lines)
    program = holder.program(on_buses) if buses else Program(method, ())
    parallel = _with_resonances(parallel, held)
    weights = {s.layer.name: chain_weights(parallel, n, held[s.layer.name]) for n, s in enumerate(parallel.stages)}
    targets = None
    if kind not in (None, IDEAL) and images is not None:
        targets = [stage.outputs for stage in trained_stages(parallel.network, images[:BATCH])]
    levels = plan_levels(parallel, program, design.parameters.neuron, kind, weights, targets)
    return Hardware(levels, dict(held), cnn or design.cnn, holder)
