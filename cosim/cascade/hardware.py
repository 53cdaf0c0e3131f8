"""A trained network as calibrated parallel hardware with its levels, ready for an image."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.cosim.calibration.newton import calibrate, calibrated_design
from resonet.cosim.cascade.line_dynamics import line_passes
from resonet.cosim.cascade.line_noise import line_noise, line_widths
from resonet.cosim.cascade.two_pass import chain_weights, trained_stages
from resonet.cosim.feed.feeds import FEEDS, layer_weights
from resonet.cosim.noise.layer_noise import Place, full_power
from resonet.cosim.noise.noisy import NoisyWeights, noisy_weights
from resonet.cosim.saturation.held import saturating_weights
from resonet.cosim.saturation.lines import LineTable, SaturatingLines, line_table
from resonet.cosim.saturation.tables import Balance
from resonet.cosim.strip.held import StripWeights
from resonet.cosim.weights.effective import network_weights
from resonet.cosim.weights.engines import Engine, linear
from resonet.cosim.weights.held import HeldWeights, RfWeights
from resonet.netlist.cascade.level_planning import plan_levels
from resonet.netlist.cascade.levels import Levels
from resonet.netlist.cascade.line_stages import LineStage
from resonet.netlist.cascade.paths import ParallelDesign, parallel_design
from resonet.netlist.design.design import Design
from resonet.netlist.design.neuron_options import IDEAL, Kind
from resonet.netlist.network.cnn import Cnn
from resonet.netlist.planning.frequency_plan import plan
from resonet.netlist.programming.methods import Method, Program

__all__ = ["Hardware", "parallel_hardware", "saturating_hardware", "sequential_weights"]

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

    @property
    def places(self) -> dict[str, Place]:
        """Where each layer stands: the weakest of the oscillators that make its tones, and whether it is the last."""
        found, stages = {}, self.levels.stages
        for number, (stage, own) in enumerate(zip(self.design.stages, stages, strict=True)):
            links = [link for before in stages for link in before.links if link.link.to == number]
            weakest = min(links, key=lambda link: link.reference, default=None)
            kind, power = (
                (None, full_power(self.holder, IDEAL)) if weakest is None else (weakest.kind, weakest.reference)
            )
            found[stage.layer.name] = Place(kind, power, not own.links)
        return found

    @property
    def lines(self) -> dict[str, LineStage]:
        """Stages under strip lines, by layer name."""
        return {line.layer.name: line for line in self.design.lines if line is not None}

    def line_tables(self) -> dict[str, LineTable]:
        """What every line does in every resonator of the layers under strip lines, by layer name. Raises InputError."""
        law, p_max, found = self.holder.parameters.saturation, self.levels.plan.options.p_max, {}
        for name, line in self.lines.items():
            made = (line_passes(line), line.programmed, line.device, law, p_max, line.usage.chains)
            found[name] = line_table(name, *made)
        return found

    def saturated(
        self, balance: Balance | None = None, tables: Mapping[str, LineTable] | None = None, wide: bool = True
    ) -> "Hardware":
        """The same with resonators that saturate as [saturation] of the design says. Raises InputError.

        Tones have their line width, as in `accuracy` and in what a program is fitted to, unless not `wide`. Without
        `balance` the fast one, under strip lines, whose tones are no chain's in common, the full one. `tables` of the
        same layout and program need not be made again.
        """
        lines, places, p_max = self.lines, self.places, self.levels.plan.options.p_max
        if lines and balance == "fast" and len(lines) == len(self.held):
            raise InputError("--balance fast: all layers are on strip lines (feed.kind); possible: --balance full")
        buses = {name: own for name, own in self.held.items() if name not in lines}
        found = dict[str, HeldWeights](saturating_weights(self.holder, buses, balance=balance, wide=wide))
        tables = (self.line_tables() if tables is None else tables) if lines else {}
        for name, line in lines.items():
            held, table = self.held[name], replace(tables[name], p_max=p_max)
            assert isinstance(held, StripWeights)  # as `chain_weights` has seen to
            widths = line_widths(self.holder, line, places[name]) if wide else None
            found[name] = SaturatingLines.around(held, table, widths)
        return replace(self, saturating={name: found[name] for name in self.held})

    def noisy(self, seed: int = 1) -> dict[str, NoisyWeights]:
        """The weights with noise, by layer name. Raises InputError."""
        places, lines = self.places, self.lines
        buses = {name: own for name, own in self.held.items() if name not in lines}
        found: dict[str, NoisyWeights] = noisy_weights(self.holder, buses, seed, self.saturating, places)
        streams = np.random.SeedSequence((seed, 1)).spawn(len(lines))
        for (name, line), stream in zip(lines.items(), streams, strict=True):
            held, random = self.held[name], np.random.default_rng(stream)
            assert isinstance(held, StripWeights)
            base = self.saturating[name] if self.saturating else None
            found[name] = line_noise(self.holder, line, held, places[name], random, base)
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


def saturating_hardware(
    method: Method, held: Mapping[str, RfWeights], balance: Balance | None = None
) -> Callable[[Design], Hardware]:
    """What makes the saturating hardware of a design with layers on strip lines, whose program holds these weights.

    Of designs that differ in their tone power alone: the lines are solved once.
    """
    kept: list[tuple[tuple[LineStage | None, ...], dict[str, LineTable]]] = []

    def made(design: Design) -> Hardware:
        hardware = parallel_hardware(design, method, held=held)
        if not kept:
            kept.append((hardware.design.lines, hardware.line_tables()))
        lines, tables = kept[0]
        levels = replace(hardware.levels, parallel=replace(hardware.design, lines=lines))
        return replace(hardware, levels=levels).saturated(balance, tables)

    return made
