"""A trained network as calibrated parallel hardware with its levels, ready for an image."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from resonet.core.types import Array
from resonet.cosim.calibration.newton import calibrate
from resonet.cosim.cascade.two_pass import stage_weights, trained_stages
from resonet.cosim.noise.layer_noise import Place, full_power
from resonet.cosim.noise.noisy import NoisyWeights, noisy_weights
from resonet.cosim.saturation.held import saturating_weights
from resonet.cosim.saturation.tables import Balance
from resonet.cosim.weights.effective import EffectiveWeights, network_weights
from resonet.cosim.weights.engines import Engine, linear
from resonet.cosim.weights.held import HeldWeights
from resonet.netlist.cascade.level_planning import plan_levels
from resonet.netlist.cascade.levels import Levels
from resonet.netlist.cascade.paths import ParallelDesign, parallel_design
from resonet.netlist.design.design import Design
from resonet.netlist.design.neuron_options import IDEAL, Kind
from resonet.netlist.network.cnn import Cnn
from resonet.netlist.programming.methods import Method

__all__ = ["Hardware", "parallel_hardware"]

BATCH = 100  # images that levels are fitted to


@dataclass(frozen=True, slots=True, eq=False)
class Hardware:
    """Levels and effective weights of a network."""

    levels: Levels
    held: dict[str, EffectiveWeights]  # by layer name
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
        """The same with resonators that saturate as [saturation] of the design says. Raises InputError."""
        return replace(self, saturating=saturating_weights(self.holder, self.held, balance=balance))

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
        return noisy_weights(self.holder, self.held, seed, self.saturating, places)


def parallel_hardware(
    design: Design,
    method: Method = "calibrated",
    kind: Kind | None = None,
    images: Array | None = None,
    cnn: Cnn | None = None,
    held: dict[str, EffectiveWeights] | None = None,
    engine: Engine = linear,
) -> Hardware:
    """Parallel hardware of a design's network, or of a part of it (`cnn`), programmed by `method`.

    `kind`: oscillators in the place of ReLUs; with a batch of `images` their levels are fitted to what the trained
    neurons give. `held` may hand in the effective weights of the design's own, sequential hardware (one copy of each
    kernel): then the copies have no programs of their own. Else an engine says what these hold. Raises InputError,
    EngineError.
    """
    parallel = parallel_design(design, cnn, programmed=held is None)
    holder = design
    if held is not None:
        program = design.program(method)
    else:
        if method == "calibrated":
            parallel = replace(parallel, design=calibrate(parallel.design).design)
        program = parallel.design.program(method)
        holder, held = parallel.design, network_weights(parallel.design, method, engine)
    weights = {stage.layer.name: stage_weights(stage, held[stage.layer.name]) for stage in parallel.stages}
    targets = None
    if kind not in (None, IDEAL) and images is not None:
        targets = [stage.outputs for stage in trained_stages(parallel.network, images[:BATCH])]
    levels = plan_levels(parallel, program, design.parameters.neuron, kind, weights, targets)
    return Hardware(levels, held, cnn or design.cnn, holder)
