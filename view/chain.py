"""One chain of a design by the linear engine: its tones, resonances, weights, crosstalk and S-parameters.

Everything comes from the functions that `linear` and `resonet sparams` call, for the one bus that the chain hangs on:
other buses of the layer change nothing in it but the divider of its readout.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from resonet.core.decibel import level
from resonet.core.errors import InputError
from resonet.core.types import Array, Complex
from resonet.cosim.weights.bus_answers import bus_answers, bus_powers
from resonet.cosim.weights.engines import readout_divider
from resonet.models.resonator.linear import rectified_per_watt
from resonet.netlist.design.design import Design
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan, source_power
from resonet.netlist.programming.methods import OF_WEIGHTS, Method
from resonet.sparams.build import Stand, chain_block
from resonet.sparams.grid import octave_grid
from resonet.sparams.linear import linear_s

__all__ = ["ChainState", "Chosen", "chain_state", "choose", "programs_of", "scattering"]

PER_DECADE = 600  # frequencies of S-parameters
NEAR = 12  # more of them within each linewidth of a resonance that a bias shows, to three linewidths on either side


@dataclass(frozen=True, slots=True)
class Chosen:
    """A chain of a design."""

    layer: str
    bus: str
    chain: int  # position on its bus
    program: Method


def programs_of(design: Design) -> list[Method]:
    """Programs of linear resonators that a design has."""
    return [method for method in OF_WEIGHTS if method in design.programs]


def choose(
    design: Design,
    layer: str | None = None,
    bus: str | None = None,
    chain: int | None = None,
    program: str | None = None,
) -> Chosen:
    """A chain by its names; by default the first of the first layer on buses, by its best program.

    Raises InputError that says what there is.
    """
    on_buses = design.fed_by("bus")
    if layer is None and not on_buses:
        design.require_bus("resonet view: chains", possible="its report, below")
    name = layer if layer is not None else on_buses[0]
    design.require_bus("resonet view: chains", (design.plan.layer(name).layer.name,), "its report, below")
    buses = {one.name: one for one in design.plan.layer(name).buses}
    if bus is not None and bus not in buses:
        raise InputError(f"layer {name}: no bus {bus[:40]!r}; possible: {', '.join(list(buses)[:40])}")
    chosen = buses[bus] if bus is not None else next(iter(buses.values()))
    number = 0 if chain is None else chain
    if not 0 <= number < chosen.size[0]:
        raise InputError(f"layer {name}, bus {chosen.name}: no chain {number}; possible: 0 ... {chosen.size[0] - 1}")
    programs = programs_of(design)
    if program is not None and program not in programs:
        raise InputError(f"program {program[:40]!r}: not of this design; possible: {', '.join(programs)}")
    method = next((one for one in programs if one == program), programs[-1])
    return Chosen(name, chosen.name, number, method)


@dataclass(frozen=True, eq=False)
class ChainState:
    """A chain with everything that its weights come from."""

    chosen: Chosen
    plan: FrequencyPlan  # parameters as they are here
    entry: LayerPlan  # the layer with all its buses
    bus: Bus  # its channels and levels as they are here
    f_res: Array  # Hz, of all chains of the bus [chains, resonators]
    scale: float  # V/W per unit of trained weight

    @property
    def resonances(self) -> Array:
        """Of this chain, Hz [resonators]."""
        return np.asarray(self.f_res[self.chosen.chain])

    @property
    def neuron(self) -> int:
        """Of the layer, counted over its groups."""
        return self.bus.group * self.entry.layer.outputs + int(self.bus.outputs[self.chosen.chain])

    @property
    def trained(self) -> Array:
        """Trained weights, [resonators]."""
        own = self.entry.layer.matrix[self.bus.group, self.bus.outputs[self.chosen.chain]]
        return np.asarray(own[self.bus.taps])

    @property
    def full(self) -> float:
        """The layer's largest trained weight, that errors are parts of."""
        return float(np.abs(self.entry.layer.matrix).max()) or 1.0

    @property
    def unit(self) -> Array:
        """V/W per unit of trained weight, [groups, outputs]: the scale of the layer, times that of each neuron."""
        raised = self.entry.layer.raised
        return np.full(self.entry.layer.matrix.shape[:2], self.scale) * (1.0 if raised is None else raised)

    @cached_property
    def alone(self) -> LayerPlan:
        """The layer with this bus alone."""
        return LayerPlan(self.entry.layer, (self.bus,))

    @cached_property
    def powers(self) -> Array:
        """|i|² for a watt of each tone in its own resonator, A²/W [tones, resonators]."""
        return np.asarray(bus_powers(self.plan, self.alone)[0])

    @property
    def divider(self) -> float:
        """Part of the chain's DC voltage that the readout sees."""
        return readout_divider(self.plan, self.entry)

    @cached_property
    def effective(self) -> Array:
        """Effective weights by the linear engine, [resonators]."""
        answers = bus_answers(self.plan, self.alone, [self.f_res], [self.powers], self.divider, self.unit)
        return np.asarray(answers.values[self.bus.group, self.bus.outputs[self.chosen.chain]][self.bus.taps])

    @property
    def error(self) -> Array:
        """Deviation of the weights as part of the layer's largest, [resonators]."""
        return np.asarray((self.effective - self.trained) / self.full)

    @cached_property
    def volts(self) -> Array:
        """What each tone rectifies in each resonator at the neuron, V/W [tones, resonators]; rows add up to weights."""
        of_one = rectified_per_watt(self.bus.frequencies[:, None], self.resonances, self.plan.device)
        power = 0.5 * self.plan.device.resistance * self.powers
        return np.asarray(of_one * power * self.bus.signs * self.divider)

    @property
    def crosstalk(self) -> tuple[float, int, int] | None:
        """The loudest entry off the diagonal, dB against K_SD P, its tone and resonator; None for a single tone."""
        size = np.abs(self.volts) / (self.plan.device.sensitivity * self.divider)
        if len(size) < 2:
            return None
        off = np.where(np.eye(len(size), dtype=bool), -1.0, size)
        tone, resonator = (int(n) for n in np.unravel_index(off.argmax(), off.shape))
        return float(level(off[tone, resonator])), tone, resonator

    @property
    def source_dbm(self) -> float:
        """Largest power that a tone source of the bus must have available, dBm."""
        return source_power(self.alone, self.plan)


def chain_state(design: Design, chosen: Chosen) -> ChainState:
    """A chain as the design has it. Raises InputError."""
    entry = design.plan.layer(chosen.layer)
    number = next(n for n, bus in enumerate(entry.buses) if bus.name == chosen.bus)
    programmed = design.program(chosen.program).layer(chosen.layer)
    f_res = np.array(programmed.f_res[number])
    return ChainState(chosen, design.plan, entry, entry.buses[number], f_res, programmed.weight_scale)


def scattering(state: ChainState, bias: float) -> tuple[Array, Complex]:
    """Frequencies (Hz) and S-parameters [frequencies, 2, 2] of the chain between its bias tees, by the linear engine.

    bias in A through the chain. Raises InputError for one beyond ten times the threshold current.
    """
    device, channels = state.plan.device, state.bus.frequencies
    limit = 10 * device.threshold_current
    if not abs(bias) <= limit:
        raise InputError(f"bias = {bias:g} A: possible: -{limit:g} ... {limit:g} A (ten times the threshold current)")
    low, high = 0.5 * float(channels.min()), 1.25 * float(channels.max())
    f = octave_grid(low, high, PER_DECADE)
    if bias:
        width = device.damping * state.resonances[:, None]
        near = state.resonances[:, None] + width * np.linspace(-6, 6, 6 * NEAR + 1)
        f = np.unique(np.concatenate([f, near[(near > low) & (near < high)]]))
    block = chain_block(state.resonances, Stand(state.plan.circuit, device), bias)
    return f, linear_s(block, f)
