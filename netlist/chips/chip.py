"""One chip: how far each of its devices lies from nominal.

What is here are factors of nominal values (or, of a quantity that is `added`, what is added); where everything is
nominal, nothing. The engine (cosim/chips) and the decks (netlist/bus) read the same arrays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from resonet.core.types import Array, Bools, Ints
from resonet.models.circuit.bus import BusCircuit
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.planning.frequency_plan import Bus
from resonet.netlist.programming.methods import LayerProgram, Program

__all__ = ["Chip", "LayerChip"]


@dataclass(frozen=True, slots=True, eq=False)
class LayerChip:
    """The devices of one layer, by the name of the quantity (`QUANTITIES`); what is missing is nominal."""

    layer: str
    # Bus by bus [chains, resonators]; under strip lines one array [resonators of the placement].
    resonators: Mapping[str, tuple[Array, ...]] = field(default_factory=dict)
    tones: Mapping[str, Array] = field(default_factory=dict)  # [groups, taps]
    neurons: Mapping[str, Array] = field(default_factory=dict)  # [groups, outputs]
    lines: Mapping[str, float] = field(default_factory=dict)  # of strip lines
    on_lines: bool = False
    frozen: tuple[Array, ...] = ()  # bus by bus [chains, resonators] Hz where the resonance is stuck, NaN elsewhere
    breaks: Ints | None = None  # [buses] first chain beyond a break of the bus; None: no bus is broken

    def of_bus(self, name: str, number: int) -> Array | float:
        """Factors of the resonators of a bus, by its number in the layer: [chains, resonators], or 1."""
        found = self.resonators.get(name)
        return 1.0 if found is None else found[number]

    def held(self, number: int) -> Bools | None:
        """Resonators of a bus that tuning does not reach, stuck or without any signal, [chains, resonators]."""
        signal = self.resonators.get("magnetoresistance")
        dead = None if signal is None else signal[number] == 0
        if not self.frozen:
            return dead
        stuck = ~np.isnan(self.frozen[number])
        return stuck if dead is None else stuck | dead

    def of_tones(self, name: str, bus: Bus) -> Array | float:
        """Factors of the tones of a bus, [resonators], or 1."""
        found = self.tones.get(name)
        return 1.0 if found is None else np.asarray(found[bus.group, bus.taps])


@dataclass(frozen=True, slots=True, eq=False)
class Chip:
    """A chip of a design, which can be made again from what is said here."""

    seed: int
    number: int | None  # of the sample; None: a corner without samples
    corner: str  # "tt": nominal
    device: SpinDiode  # as the corner has them; factors come on top
    circuit: BusCircuit
    common: Mapping[str, float]  # by quantity: what the whole chip has, factors (or what is added)
    layers: Mapping[str, LayerChip]

    @property
    def told(self) -> str:
        """Which chip it is, for people."""
        return f"corner {self.corner}" + ("" if self.number is None else f", seed {self.seed}, sample {self.number}")

    @property
    def label(self) -> str:
        """The same as part of the name of a folder."""
        return self.corner + ("" if self.number is None else f"_seed{self.seed}_sample{self.number}")

    def layer(self, name: str) -> LayerChip:
        """Devices of a layer."""
        return self.layers.get(name) or LayerChip(name)

    def resonances(self, layer: str, f_res: Sequence[Array]) -> tuple[Array, ...]:
        """Resonance frequencies that a layer on buses really has, programmed to f_res, Hz bus by bus.

        Of a layer under strip lines they stay: what a tuning current sets is moved where it is rectified.
        """
        own = self.layer(layer)
        if own.on_lines:
            return tuple(f_res)
        made = [np.asarray(f * own.of_bus("f_res", n)) for n, f in enumerate(f_res)]
        if own.frozen:
            made = [np.where(np.isnan(stuck), f, stuck) for f, stuck in zip(made, own.frozen, strict=True)]
        return tuple(made)

    def fabricated(self, program: Program) -> Program:
        """A program as this chip has it: resonance frequencies off by what fabrication did, which nobody knows of."""
        layers = (
            LayerProgram(one.layer, one.weight_scale, self.resonances(one.layer, one.f_res), one.residual)
            for one in program.layers
        )
        return Program(program.method, tuple(layers))
